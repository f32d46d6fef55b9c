"""Write lock files of whole graphs, one for each machine.

Source: the specification of pylock.toml (PEP 751). ``tool.variant-backend`` has the machine, the targets, and
the value of each aligned feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..errors import Problem, RequestError, VariantError, ascii_unless_printable, shortened
from ..formats import pylock
from ..formats.release import Candidate, File
from ..formats.toml_read import parse_toml, value_at
from ..lowlevel.file_set import Output
from ..lowlevel.regular_files import read_regular
from ..lowlevel.urls import without_user
from ..selection.generated_wheels import is_generated
from ..selection.target import Target
from ..serving.streaming import digest_on_disk
from ..variants.requirements import parse_specifiers
from ..wheels.empty import is_own_empty_wheel
from .assignment_file import assignment_table
from .resolution import Graph, GraphPackage

# Returns the file that a lock file has for a package: its location is a URL, or a path on this machine.
Locate: TypeAlias = Callable[[GraphPackage], File]

_NOTHING = "nothing"
_MARKERS = ("python_version", "sys_platform", "platform_machine", "implementation_name")


class LockedMachine(NamedTuple):
    """A machine of a lock file: its name, and what the user wrote about it; *spec* is empty for a file."""

    name: str
    spec: str = ""


class TargetGraph(NamedTuple):
    """The graph of a machine for a target."""

    target: Target
    graph: Graph


def lock_name(machine: str) -> str:
    """Return the filename of the lock file of a machine.

    >>> lock_name("gpu")
    'pylock.gpu.toml'
    """
    return f"pylock.{machine}.toml"


def upstream_file(package: GraphPackage) -> File:
    """Return the file of a package as the upstream has it, under the name in the offer, with its hashes."""
    offered = package.ready.offered
    if not is_rewritten(package):
        return package.ready.file._replace(location=offered.file.location)
    file = offered.file._replace(filename=offered.filename)
    if file.path is not None and not file.proofs:
        digest, size = digest_on_disk(file.path)
        file = file._replace(hashes={"sha256": digest}, size=size)
    return file


def locked_file(package: GraphPackage, folder: Path) -> File:
    """Return the file of a package for a lock file in a *folder*, where generated wheels are beside it."""
    file = upstream_file(package)
    return file._replace(location=folder / file.filename) if _is_generated(package) else file


def generated_outputs(graphs: Iterable[Graph], folder: Path) -> list[Output]:
    """Return the generated wheels of graphs, which no source has, for a *folder*; raises VariantError."""
    packages = (package for graph in graphs for package in graph.packages if _is_generated(package))
    files = {package.ready.file.filename: package.ready.offered.file for package in packages}
    return [
        Output(folder, name, _content_of(file), is_ours=is_own_empty_wheel) for name, file in files.items()
    ]


def _is_generated(package: GraphPackage) -> bool:
    return is_generated(package.ready.offered.file)


def _content_of(file: File) -> bytes:
    path = Path(file.location)
    try:
        return read_regular(path)
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=path) from None


def is_rewritten(package: GraphPackage) -> bool:
    """Return whether the offer changes METADATA of a wheel, which has variant markers."""
    return package.ready.core_metadata is not None


def lock_comments(machine: LockedMachine, locked: TargetGraph) -> list[str]:
    """Return the lines at the start of a lock file whose wheels are at the upstream.

    Only the names of labelled wheels keep pip from installing it; an overlay leaves names as they are.
    """
    target, graph = locked
    wheels = [package.ready.offered.wheel for package in graph.packages]
    is_for_pip = any(wheel and wheel.name.by_overlay for wheel in wheels) and all(
        wheel is None or wheel.name.own.label is None for wheel in wheels
    )
    name = lock_name(machine.name)
    spec = f" ({machine.spec})" if machine.spec else ""
    return [
        f"For the machine {machine.name}{spec}, Python {target.python}, {target.platform}.",
        "Install with uv, or with pip 26.1:" if is_for_pip else "Install with uv:",
        f"    uv pip sync --require-hashes {name}",
        *([f"    pip install -r {name}"] if is_for_pip else []),
        "Add --offline if the cache of uv has the wheels. Add --reinstall if other variants of the same",
        "versions may be installed: uv compares only versions.",
        *([] if is_for_pip else ["pip rejects the URLs of variants. For pip, use variant-backend mirror."]),
        "The command `variant-backend lock` wrote this file, and will replace it.",
    ]


def lock_output(
    folder: Path,
    machine: LockedMachine,
    graphs: Sequence[TargetGraph],
    locate: Locate,
    comments: Iterable[str],
    *,
    force: bool,
) -> Output:
    """Return the lock file of a machine, with *comments* at its start.

    An existing file may be replaced if variant-backend wrote it, or with *force*. Raises VariantError as
    `lock_document` does.
    """
    from ..formats.toml_edit import from_dict

    head = "".join(f"# {ascii_unless_printable(line)}\n" for line in comments)
    content = f"{head}\n{from_dict(lock_document(machine, graphs, locate, folder))}".encode()
    return Output(
        folder,
        lock_name(machine.name),
        content,
        is_ours=lambda present: force or pylock.is_created_here(present),
        remedy="use --force to replace it",
        compare=partial(lock_difference, wanted=content),
    )


def lock_document(
    machine: LockedMachine, graphs: Sequence[TargetGraph], locate: Locate, folder: Path
) -> dict[str, object]:
    """Return the content of a lock file; paths become relative to its *folder*.

    If the graphs of several targets differ in a package, each of its entries has a marker. Raises
    VariantError for each file without a secure hash. `check_pythons` has checked the targets.
    """
    environments = [target.markers for target, _ in graphs]
    pythons = [environment["python_version"] for environment in environments]
    return {
        "lock-version": pylock.LOCK_VERSION,
        "environments": [*map(_marker, environments)],
        "requires-python": f"=={pythons[0]}.*" if len(pythons) == 1 else f">={min(pythons, key=_release)}",
        "created-by": pylock.CREATED_BY,
        "packages": [*_packages(graphs, pythons, locate, folder)],
        "tool": {"variant-backend": _tool_table(machine, graphs)},
    }


def _release(python: str) -> tuple[int, ...]:
    return tuple(map(int, python.split(".")))


def _marker(environment: Mapping[str, str]) -> str:
    return " and ".join(f"{name} == '{environment[name]}'" for name in _MARKERS)


def check_pythons(targets: Iterable[Target]) -> None:
    """Raise RequestError if markers of a lock file cannot distinguish targets by their versions of Python."""
    known: dict[tuple[int, ...], Target] = {}
    for target in targets:
        other = known.setdefault(target.python.release[:2], target)
        if other is not target:
            names = " and ".join(f"{one.python}-{one.tags[0].abi}" for one in (other, target))
            text = f"markers of a lock file do not distinguish {names}"
            raise RequestError(Problem("error", "--python", text, "use --python once for each minor version"))


def _tool_table(machine: LockedMachine, graphs: Sequence[TargetGraph]) -> dict[str, object]:
    """Return the table of this project; it has the values on which all graphs agree."""
    first, *others = (assignment_table(graph.alignment.assignment) for _, graph in graphs)
    agreed = {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}
    return {
        "machine": machine.name,
        **({"spec": machine.spec} if machine.spec else {}),
        "targets": [f"{target.python}-{target.platform}" for target, _ in graphs],
        **({"assignment": agreed} if agreed else {}),
    }


class _PackageEntry(NamedTuple):
    """The entry of a package in a lock file, and the Pythons that have it; *start* identifies it."""

    start: Mapping[str, object]
    rest: Mapping[str, object]
    requires: tuple[str, ...]
    pythons: list[str]


def _packages(
    graphs: Sequence[TargetGraph], pythons: Sequence[str], locate: Locate, folder: Path
) -> Iterator[dict[str, object]]:
    """Yield the entries of packages by name; an entry that not all Pythons have gets a marker."""
    _check_hashes(locate(package) for _, graph in graphs for package in graph.packages)
    entries: dict[str, list[_PackageEntry]] = {}
    for python, (_, graph) in zip(pythons, graphs, strict=True):
        for package in graph.packages:
            start: Mapping[str, object] = {"name": package.name, "version": str(package.version)}
            entry = _PackageEntry(
                start, _contents(package, graph, locate, folder), package.requires, [python]
            )
            known = entries.setdefault(package.name, [])
            if same := next((other for other in known if other[:3] == entry[:3]), None):
                same.pythons.append(python)
            else:
                known.append(entry)
    marked = {
        name: [
            entry if entry.pythons == [*pythons] else entry._replace(start=_with_marker(entry))
            for entry in known
        ]
        for name, known in sorted(entries.items())
    }
    for entry in (entry for known in marked.values() for entry in known):
        required = [*_dependencies(entry, marked)]
        yield {**entry.start, **({"dependencies": required} if required else {}), **entry.rest}


def _with_marker(entry: _PackageEntry) -> dict[str, object]:
    marker = " or ".join(f"python_version == '{python}'" for python in entry.pythons)
    return {**entry.start, "marker": marker}


def _dependencies(
    entry: _PackageEntry, entries: Mapping[str, Sequence[_PackageEntry]]
) -> Iterator[dict[str, object]]:
    """Yield what identifies the entries that an entry requires."""
    for name in entry.requires:
        known = entries.get(name, ())
        for other in known:
            if len(known) == 1:
                yield {"name": name}
            elif {*other.pythons} & {*entry.pythons}:
                yield {**other.start}


def _check_hashes(files: Iterable[File]) -> None:
    """Raise VariantError with each file that has no secure hash."""
    if bare := sorted({file.filename for file in files if not file.proofs}):
        raise VariantError(
            *(f"{name}: a lock file requires a hash, and the index has none for this file" for name in bare),
            remedy="use variant-backend mirror, which downloads the files",
        )


def _contents(package: GraphPackage, graph: Graph, locate: Locate, folder: Path) -> dict[str, object]:
    """Return the keys of an entry that do not identify it."""
    file = locate(package)
    is_remote = isinstance(file.location, str)
    index = graph.offer.upstream.index_of(package.name, file.location) if is_remote else None
    entry = pylock.file_entry(file._replace(hashes=file.proofs), folder)
    python = package.requires_python
    return {
        **({"requires-python": python} if python and _is_specifier(python) else {}),
        **({"index": without_user(index)} if index else {}),
        **({"wheels": [entry]} if file.filename.endswith(".whl") else {"sdist": entry}),
    }


def _is_specifier(text: str) -> bool:
    """Return whether all readers understand a value of Requires-Python; installers ignore others."""
    try:
        parse_specifiers(text)
    except ValueError:
        return False
    return True


def lock_difference(present: bytes, wanted: bytes) -> str | None:
    """Return what differs in a lock file, for people; None if only comments or unknown keys do.

    Versions and labels of packages come first, then the machine and its targets, then files and dependencies.
    """
    wanted_document = parse_toml(wanted, "lock file")
    try:
        document = parse_toml(present, "lock file")
    except VariantError:
        return "not a lock file"
    for texts_of in (_locked_texts, _tool_texts):
        before, after = texts_of(document), texts_of(wanted_document)
        if changed := [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]:
            return "; ".join(
                f"{name}: expected {after.get(name, _NOTHING)}, got {before.get(name, _NOTHING)}"
                for name in changed
            )
    if names := _different_entries(document, wanted_document):
        return f"files or dependencies differ: {shortened(names)}"
    return None


def _tool_texts(document: Mapping[str, object]) -> dict[str, str]:
    """Return the values of this project's table in a lock file, for people."""
    table = value_at(document, "tool", "variant-backend")
    texts: dict[str, str] = {}
    for key, value in table.items() if isinstance(table, dict) else []:
        values = value.items() if isinstance(value, dict) else [("", value)]
        for name, one in values:
            shown = ", ".join(map(str, one)) if isinstance(one, list) else str(one)
            texts[f"{key} {name}".rstrip()] = shown
    return texts


def _different_entries(document: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """Return the names of the packages whose entries differ in two lock files."""
    entries = [one for one in (document.get("packages"), other.get("packages")) if isinstance(one, list)]
    pairs = zip(*entries, strict=False)
    return sorted({str(value_at(one, "name")) for one, two in pairs if one != two})


def _locked_texts(document: Mapping[str, object]) -> dict[str, str]:
    """Return the versions and labels of the packages in a lock file, for people."""
    packages = document.get("packages")
    texts: dict[str, dict[str, None]] = {}
    for package in packages if isinstance(packages, list) else []:
        name, version = str(value_at(package, "name")), str(value_at(package, "version"))
        wheels = value_at(package, "wheels")
        names = [str(value_at(wheel, "name")) for wheel in wheels] if isinstance(wheels, list) else []
        text = " ".join([version, *filter(None, map(_label_in_tag, names))])
        texts.setdefault(name, {})[text] = None
    return {name: " and ".join(known) for name, known in texts.items()}


def _label_in_tag(filename: str) -> str:
    """Return the label in the build tag of a wheel, empty if there is none."""
    wheel = Candidate.of(File(filename, "", {}))
    return wheel.name.build.partition("_")[2] if wheel else ""


def graph_differences(graphs: Mapping[str, Graph]) -> list[list[str]]:
    """Return a row for each package in which the graphs of machines differ: its name, and a text for each."""
    texts = [{package.name: package.words for package in graph.packages} for graph in graphs.values()]
    names = sorted({name for known in texts for name in known})
    rows = [[name, *(known.get(name, "-") for known in texts)] for name in names]
    return [row for row in rows if len({*row[1:]}) > 1]
