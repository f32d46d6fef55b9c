"""Random small projects that uv is asked about: versions, variants, sources, and mistakes.

A case starts as a sound project. *CHANGES* has functions that change it, by the kind of the change: add a
function to cover another kind. `write` lays out the cases, all in the same folders and on the same index.
"""

from __future__ import annotations

import copy
import hashlib
import html
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from helpers.made_wheels import WHEEL, record_row
from helpers.sample_release import DOCUMENT, encoded, only
from variant_backend._internal.variants.filename import WheelFilename

INDEX, FOLDERS = "simple", ("first", "second")
PLACES = (*FOLDERS, INDEX)
LABELS = (None, "fast", "safe", "null")
VERSIONS = ("1.0", "2.0", "3.0")
# Every project has this plain wheel, unless a change removes it: uv fails as a whole if it finds no version.
OLDEST = "0.1"
WRONG_DIGEST = "0" * 64
CORE_METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


@dataclass(kw_only=True)
class Listed:
    """A file in one place; *attributes* are those of its page.

    *beside* is the content of the metadata file beside it. *digest* is the SHA-256 on the page, "" for the
    right one, None for none, or the name of another algorithm.
    """

    place: str
    attributes: dict[str, str] = field(default_factory=dict)
    beside: str | None = None
    digest: str | None = ""
    exists: bool = True

    @property
    def filename(self) -> str:
        raise NotImplementedError

    def content(self) -> bytes:
        raise NotImplementedError


_Listed = TypeVar("_Listed", bound=Listed)


@dataclass
class Wheel(Listed):
    """A wheel; *fields* are more lines of METADATA, *document* is its variant.json."""

    name: WheelFilename
    fields: list[str] = field(default_factory=list)
    document: Any = None
    core_metadata: str = CORE_METADATA

    @property
    def filename(self) -> str:
        return str(self.name)

    def metadata(self) -> str:
        name, version = self.name.distribution, self.name.version
        return self.core_metadata.format(name=name, version=version) + "".join(
            f"{line}\n" for line in self.fields
        )

    def content(self) -> bytes:
        dist_info = f"{self.name.stem}.dist-info"
        contents = {
            f"{self.name.distribution}.py": b"",
            f"{dist_info}/METADATA": self.metadata().encode("utf-8", "surrogateescape"),
            f"{dist_info}/WHEEL": WHEEL.replace("py3-none-any", self.name.tags).encode(),
        }
        if self.document is not None:
            contents[f"{dist_info}/variant.json"] = encoded(self.document)
        rows = [record_row(member, content) for member, content in contents.items()]
        contents[f"{dist_info}/RECORD"] = "".join([*rows, f"{dist_info}/RECORD,,\n"]).encode()
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for member, content in contents.items():
                archive.writestr(zipfile.ZipInfo(member, (2024, 5, 6, 7, 8, 10)), content)
        return stream.getvalue()


@dataclass
class Other(Listed):
    """An index file or an sdist."""

    called: str
    data: bytes

    @property
    def filename(self) -> str:
        return self.called

    def content(self) -> bytes:
        return self.data


_NOTHING = Other("", b"", place="")


@dataclass(eq=False)
class Case:
    """A project; *is_json* tells the format of its page."""

    name: str
    wheels: list[Wheel] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)
    is_json: bool = False

    @property
    def newer(self) -> list[Wheel]:
        """The wheels that may be changed."""
        return [wheel for wheel in self.wheels if wheel.name.version != OLDEST]

    @property
    def files(self) -> list[Listed]:
        return [*self.wheels, *self.others]

    @property
    def places(self) -> list[str]:
        return [place for place in PLACES if any(wheel.place == place for wheel in self.wheels)]

    def __str__(self) -> str:
        lines = [f"{self.name} ({'JSON' if self.is_json else 'HTML'})"]
        for file in sorted(self.files, key=lambda file: (file.place, file.filename)):
            usual = vars(Wheel(file.name, place=file.place) if isinstance(file, Wheel) else _NOTHING)
            parts = {
                key: _shortened(value) if key in ("document", "data") else value
                for key, value in vars(file).items()
                if key not in ("place", "called") and value != usual.get(key)
            }
            lines.append(f"  {file.place}/{file.filename}: {parts}")
        return "\n".join(lines)


def _shortened(content: Any) -> Any:
    """Return the labels of a document that is otherwise the usual one, else the document."""
    try:
        document = json.loads(content) if isinstance(content, bytes) else content
    except ValueError:
        return content[:9]
    usual = DOCUMENT | {"variants": document.get("variants", {})} == document
    return [*document["variants"]] if usual else document


def sound_case(random: Random, name: str) -> Case:
    """Return a project with 1 to 3 versions of plain and labelled wheels in one place."""
    case = Case(name, is_json=random.random() < 0.5)
    place = random.choice(PLACES)
    case.wheels.append(_wheel(case, OLDEST, None, random.choice(PLACES)))
    for version in VERSIONS[: random.randint(1, 3)]:
        labels = [label for label in LABELS if random.random() < 0.6] or [None]
        case.wheels += (_wheel(case, version, label, place) for label in labels)
        if any(labels):
            case.others.append(index_file(case, version, place, labels))
    return case


def _wheel(case: Case, version: str, label: str | None, place: str) -> Wheel:
    document = None if label is None else only(DOCUMENT, label)
    name = WheelFilename(case.name, version, "", "py3-none-any", label)
    return Wheel(name, place=place, document=document)


def index_file(case: Case, version: str, place: str, labels: Iterable[str | None]) -> Other:
    """Return the index file of a version with these labels."""
    document = copy.deepcopy(DOCUMENT)
    document["variants"] = {
        label: DOCUMENT["variants"][label] for label in LABELS if label and label in labels
    }
    return Other(f"{case.name}-{version}-variants.json", json.dumps(document).encode(), place=place)


PYTHONS = (
    ">=3.90",
    ">=3.8",
    "<3",
    "<4,>=3.90",
    "==3.8.*",
    "~=3.90",
    "!=3.11.*",
    "x",
    "",
    ">3.90",
    "~=3.8.0",
    "===3.90",
)


def requires_python(random: Random, case: Case) -> None:
    """Give wheels a Requires-Python, in METADATA, on the page, or both."""
    for wheel in case.newer:
        if random.random() < 0.5:
            text = random.choice(PYTHONS)
            where = random.choice(["METADATA", "page", "both", "both", "differ"])
            if where != "page":
                wheel.fields.append(f"Requires-Python: {text}")
            if where != "METADATA":
                wheel.attributes["requires-python"] = text if where != "differ" else random.choice(PYTHONS)


FIELDS = (
    "Requires-Dist: none!",
    'Requires-Dist: zero; extra == "x"',
    'Requires-Dist: zero; "a :: b :: c" in variant_properties',
    'Requires-Dist: zero; variant_label == "fast"',
    "Requires-Python: x",
    "Requires-Python: >=x",
    "Provides-Extra: !",
    "Provides-Extra: a b",
    "Dynamic: x",
    "Dynamic: Version",
    "License-Expression: x y",
    "License-File: ../x",
    "Classifier: x",
    "Description-Content-Type: text/nothing",
    "Author-email: x",
    "Requires-External: !",
    "Project-URL: x",
    "Home-page: no url",
    "Summary: caf\udce9",
    "Import-Name: 1",
    "Keywords: a;b",
    "no field",
    " indented",
    "Requires-Dist: zero>=1,<",
    "Requires-Dist: zero >= 1.0 ; sys_platform",
    "Requires-Dist: zero (>=1)",
    "Requires-Dist: zero>=1.*",
    "Requires-Dist: zero @ nothing ; extra == 'x'",
    "Requires-Dist:",
    "Version: 9",
    "Name: other",
)
HEADS = (
    "Metadata-Version: 9.9\nName: {name}\nVersion: {version}\n",
    "Metadata-Version: 3.0\nName: {name}\nVersion: {version}\n",
    "Metadata-Version: 2.9\nName: {name}\nVersion: {version}\n",
    "Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n",
    "Metadata-Version: x\nName: {name}\nVersion: {version}\n",
    "Name: {name}\nVersion: {version}\n",
    "Metadata-Version: 2.1\nVersion: {version}\n",
    "Metadata-Version: 2.1\nName: {name}\n",
    "Metadata-Version: 2.1\nName: other\nVersion: {version}\n",
    "Metadata-Version: 2.1\nName: {name}\nVersion: 9\n",
    "Metadata-Version: 2.1\nName: {name}\nVersion: x\n",
    "Metadata-Version: 2.1\nName: !\nVersion: {version}\n",
    "Metadata-Version: 2.1\nName: UNKNOWN\nVersion: {version}\n",
    "Metadata-Version: 2.1\nName: {name}\nVersion: {version}.0\n",
    "Metadata-Version: 2.1\nName: {name}\nVersion: v{version}\n",
    "",
)


def bad_metadata(random: Random, case: Case) -> None:
    """Give wheels METADATA that uv may not be able to read."""
    for wheel in case.newer:
        if random.random() < 0.4:
            if random.random() < 0.7:
                wheel.fields += random.sample(FIELDS, random.choice([1, 1, 2]))
            else:
                wheel.core_metadata = random.choice(HEADS)
            if random.random() < 0.2:
                wheel.beside = CORE_METADATA.format(name=case.name, version=wheel.name.version)
        elif random.random() < 0.1:
            wheel.beside = random.choice(["", "Metadata-Version: 2.1\n", wheel.metadata() + FIELDS[0] + "\n"])


def several_places(random: Random, case: Case) -> None:
    """Move and copy files to other folders, or to the index."""
    case.wheels = _scattered(random, case.wheels)
    case.others = _scattered(random, case.others)
    for version in VERSIONS:
        wheels = [wheel for wheel in case.wheels if wheel.name.version == version]
        for place in case.places:
            labels = [wheel.name.label for wheel in wheels if wheel.place == place]
            listed = {(other.filename, other.place) for other in case.others}
            made = index_file(case, version, place, [label for label in labels if random.random() < 0.9])
            if any(labels) and (made.filename, place) not in listed and random.random() < 0.7:
                case.others.append(made)


def _scattered(random: Random, files: Sequence[_Listed]) -> list[_Listed]:
    """Return files, some of them in other places, and some of them in two places."""
    scattered = [*files]
    for file in files:
        chance = random.random()
        if chance < 0.3:
            file.place = random.choice(PLACES)
        elif chance < 0.5:
            twin = copy.deepcopy(file)
            twin.place = random.choice([place for place in PLACES if place != file.place])
            scattered.append(twin)
    return scattered


def index_file_names(random: Random, case: Case) -> None:
    """Rename index files; sometimes a second one has the right name."""
    for other in [*case.others]:
        if other.filename.endswith("-variants.json") and random.random() < 0.7:
            version = other.filename.split("-")[-2]
            dashed, dotted = case.name.replace("_", "-"), case.name.replace("_", ".")
            name = random.choice([case.name, case.name.upper(), dashed, dotted])
            short = version.removesuffix(".0")
            version = random.choice([version, f"v{version}", f"{version}.0", short, f"{version}+x"])
            suffix = random.choice(["-variants.json"] * 6 + ["-Variants.json", "-variants.JSON"])
            renamed = f"{name}-{version}{suffix}"
            if random.random() < 0.4:
                twin = copy.deepcopy(other)
                twin.data = encoded(patched_variants(other.data, random))
                case.others.insert(random.choice([0, len(case.others)]), twin)
            other.called = renamed


def patched_variants(data: bytes, random: Random) -> Any:
    """Return an index file without one of its labels."""
    document = json.loads(data)
    if document["variants"]:
        del document["variants"][random.choice([*document["variants"]])]
    return document


def missing_files(random: Random, case: Case) -> None:
    """Let the page list wheels and index files that the server does not have."""
    for file in (*case.newer, *case.others):
        if random.random() < 0.3:
            file.exists = False


def wrong_hashes(random: Random, case: Case) -> None:
    """Let the page tell other hashes, or none."""
    for file in (*case.newer, *case.others):
        if random.random() < 0.4:
            file.digest = random.choice([None, WRONG_DIGEST, WRONG_DIGEST, "md5", "sha384", "sha512"])


def sdists(random: Random, case: Case) -> None:
    """Add sdists, and leave out some of the wheels."""
    place = random.choice(case.places)
    for version in VERSIONS:
        if random.random() < 0.5:
            python = random.choice(["", "", ">=3.90"])
            case.others.append(made_sdist_that_builds(case, version, place, python))
        if random.random() < 0.3:
            case.wheels = [wheel for wheel in case.wheels if wheel.name.version != version]
    for wheel in case.newer:
        if random.random() < 0.3:
            wheel.name = wheel.name._replace(tags="cp310-cp310-win_amd64")


def made_sdist_that_builds(case: Case, version: str, place: str, requires_python: str = "") -> Other:
    """Return an sdist with its own build backend."""
    stem = f"{case.name}-{version}"
    python = f"Requires-Python: {requires_python}\n" if requires_python else ""
    info = CORE_METADATA.replace("2.1", "2.2").format(name=case.name, version=version) + python
    # The backend is in the sdist, so that nothing else is needed.
    files = {
        "PKG-INFO": info,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": _BACKEND.format(name=case.name, version=version, info=info, wheel=WHEEL),
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{stem}/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    # A page always says it, because `explain` reads no sdists on servers.
    attributes = {"requires-python": requires_python} if requires_python else {}
    return Other(f"{stem}.tar.gz", stream.getvalue(), place=place, attributes=attributes)


_BACKEND = '''
import zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    stem = "{name}-{version}"
    with zipfile.ZipFile(f"{{folder}}/{{stem}}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{{stem}}.dist-info/METADATA", """{info}""")
        archive.writestr(f"{{stem}}.dist-info/WHEEL", """{wheel}""")
        archive.writestr(f"{{stem}}.dist-info/RECORD", "")
    return f"{{stem}}-py3-none-any.whl"
'''


def yanked(random: Random, case: Case) -> None:
    """Yank files on the page."""
    for file in (*case.newer, *case.others):
        if random.random() < 0.3:
            file.attributes["yanked"] = random.choice(["", "broken"])


def prereleases(random: Random, case: Case) -> None:
    """Turn a version into a pre-release, or another kind of version."""
    old = random.choice(VERSIONS)
    new = old.replace(".0", random.choice(["rc1", ".dev1", ".post1", ".0+local"]))
    for wheel in case.wheels:
        if wheel.name.version == old:
            wheel.name = wheel.name._replace(version=new)
    for other in case.others:
        other.called = other.filename.replace(f"-{old}-", f"-{new}-")


Change = Callable[[Random, Case], None]
CHANGES: dict[str, Change] = {
    "requires-python": requires_python,
    "metadata": bad_metadata,
    "places": several_places,
    "index-file-names": index_file_names,
    "missing": missing_files,
    "hashes": wrong_hashes,
    "sdists": sdists,
    "yanked": yanked,
    "prereleases": prereleases,
}


def cases(seed: int, count: int, kinds: Iterable[str] | None = None) -> Iterator[Case]:
    """Yield projects with changes: all of *kinds*, or one to three kinds at random."""
    random = Random(seed)
    for number in range(count):
        case = sound_case(random, f"case_{number}")
        chosen = random.sample([*CHANGES], random.choice([1, 1, 2, 3])) if kinds is None else kinds
        for kind in chosen:
            CHANGES[kind](random, case)
        if random.random() < 0.05:
            case.wheels = case.newer  # without the oldest version, uv may find none
        yield case


def write(folder: Path, projects: Iterable[Case]) -> None:
    """Write projects into the folders, and into the folder of the index."""
    for place in PLACES:
        (folder / place).mkdir(parents=True, exist_ok=True)
    zero = Wheel(WheelFilename("zero", "1.0", "", "py3-none-any", None), place=FOLDERS[0])
    (folder / FOLDERS[0] / zero.filename).write_bytes(zero.content())
    for case in projects:
        entries: list[tuple[Listed, bytes]] = []
        for file in case.files:
            target = folder / file.place
            content = file.content()
            if file.place == INDEX:
                entries.append((file, content))
                target /= case.name.replace("_", "-")
                target.mkdir(exist_ok=True)
            if file.exists or file.place != INDEX:
                (target / file.filename).write_bytes(content)
            if file.beside is not None:
                (target / f"{file.filename}.metadata").write_text(file.beside)
        if entries:
            target = folder / INDEX / case.name.replace("_", "-")
            name, write_page = ("index.json", _json_page) if case.is_json else ("index.html", _html_page)
            (target / name).write_text(write_page(case.name, entries))


def _digest(file: Listed, content: bytes) -> dict[str, str]:
    if file.digest is None:
        return {}
    if file.digest in ("md5", "sha1", "sha384", "sha512"):
        return {file.digest: hashlib.new(file.digest, content).hexdigest()}
    return {"sha256": file.digest or hashlib.sha256(content).hexdigest()}


def _html_page(_: str, entries: Iterable[tuple[Listed, bytes]]) -> str:
    lines = []
    for file, content in entries:
        hashes = "".join(f"#{name}={digest}" for name, digest in _digest(file, content).items())
        attributes = {**file.attributes, **({} if file.beside is None else {"core-metadata": "true"})}
        shown = "".join(f' data-{name}="{html.escape(text)}"' for name, text in attributes.items())
        lines.append(f'<a href="{file.filename}{hashes}"{shown}>{file.filename}</a><br>')
    return "<!DOCTYPE html><html><body>" + "\n".join(lines) + "</body></html>"


def _json_page(name: str, entries: Iterable[tuple[Listed, bytes]]) -> str:
    files = [
        {
            "filename": file.filename,
            "url": file.filename,
            "hashes": _digest(file, content),
            **file.attributes,
            **({} if "yanked" not in file.attributes else {"yanked": file.attributes["yanked"] or True}),
            **({} if file.beside is None else {"core-metadata": True}),
        }
        for file, content in entries
    ]
    return json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": files})
