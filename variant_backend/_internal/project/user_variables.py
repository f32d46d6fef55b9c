"""The environment variables by which users select a variant in builds and in dispatching sdists."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ..errors import VariantError
from ..variants.filename import check_project_name, normalize
from ..variants.label_pattern import PLAIN as PLAIN  # the variable requests the plain wheel by this name

if TYPE_CHECKING:
    from ..formats.machine_spec import MachineSpec

# The prefix of all variables.
VARIABLES = "VARIANT_BACKEND_"
LABEL = f"{VARIABLES}LABEL"
HARDWARE = f"{VARIABLES}HARDWARE"
INDEX_URL = f"{VARIABLES}INDEX_URL"
NO_POLICY = f"{VARIABLES}NO_POLICY"
BUILD_SOURCE = f"{VARIABLES}BUILD_SOURCE"
TOKEN = f"{VARIABLES}TOKEN"
_NAMES = (LABEL, HARDWARE, INDEX_URL, NO_POLICY, BUILD_SOURCE, TOKEN)

_ONE_LABEL = "write one label, or NAME#LABEL for each project"


def check_variables(environ: Mapping[str, str]) -> None:
    """Raise VariantError if the name of a variable is misspelt. Later versions may add other variables."""
    known = {name.removeprefix(VARIABLES): name for name in _NAMES}
    # The options of the command line are `--machine` and `--index-url`.
    near = {**known, "MACHINE": HARDWARE, "INDEX": INDEX_URL, "POLICY": NO_POLICY}
    for name in sorted(name for name in environ if name.startswith(VARIABLES)):
        rest = name.removeprefix(VARIABLES)
        if rest in known or not environ[name]:
            continue
        if match := near_name(rest, near):
            text = f"unknown environment variable {name!r} (did you mean {near[match]!r}?)"
            raise VariantError(text, remedy="rename it, or unset it")


def labels_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the label of each project in the variable, by normalized name; ``""`` is all other projects.

    An entry is ``NAME#LABEL`` for one project, or ``LABEL`` for all others. Raises VariantError if an entry
    is invalid or contradicts another.

    >>> labels_of({"VARIANT_BACKEND_LABEL": "Torch#cu128, null"})
    {'torch': 'cu128', '': 'null'}
    """
    labels: dict[str, str] = {}
    for entry in filter(None, map(str.strip, environ.get(LABEL, "").split(","))):
        project, separator, label = map(str.strip, entry.rpartition("#"))
        if separator:
            try:
                check_project_name(project)
            except VariantError as error:
                raise error.within(LABEL) from None
        if not label:
            raise VariantError(f"missing label in {entry!a}", place=LABEL, remedy="write NAME#LABEL")
        if labels.setdefault(normalize(project), label) != label:
            whose = f"project {project!a}" if separator else "all projects"
            text = f"several labels for {whose}: {labels[normalize(project)]!a}, {label!a}"
            raise VariantError(text, place=LABEL, remedy=_ONE_LABEL)
    return labels


def labels_variable(labels: Mapping[str, str | None]) -> str:
    """Return the variable that requests labels by project, as shells read it; None is the plain wheel.

    >>> labels_variable({"torch": "cu128", "numpy": None})
    "VARIANT_BACKEND_LABEL='numpy#(plain), torch#cu128'"
    """
    entries = (f"{name}#{label or PLAIN}" for name, label in sorted(labels.items()))
    return f"{LABEL}='{', '.join(entries)}'"


def given_machine(environ: Mapping[str, str]) -> MachineSpec | None:
    """Return the machine that replaces this one, or None. Raises VariantError if it is a relative path.

    Builds run in the folder of the project, and the project must not provide a file.
    """
    if not (text := environ.get(HARDWARE)):
        return None
    from ..formats.machine_spec import MachineFile, parse_machine

    try:
        machine = parse_machine(text, folder="/folder/")
    except VariantError as error:
        raise error.within(HARDWARE) from None
    if isinstance(machine, MachineFile) and not machine.path.is_absolute():
        raise VariantError(
            f"expected an absolute path, got {machine.text!r}",
            place=HARDWARE,
            remedy="write an absolute path: builds run in a temporary folder",
        )
    return machine


def ignores_policy(environ: Mapping[str, str]) -> bool:
    """Return whether the variable disables all configuration files; raises VariantError if it is invalid."""
    value = environ.get(NO_POLICY, "")
    if value not in ("", "0", "1"):
        raise VariantError(f"expected 1, got {value!a}", place=NO_POLICY, remedy="set it to 1, or unset it")
    return value == "1"


def may_build_source(environ: Mapping[str, str], name: str) -> bool:
    """Return whether the user lets a dispatching sdist build the source distribution of a project.

    The variable is 1 for all projects, or has the names of some, separated by commas. Raises VariantError if
    it is invalid.

    >>> may_build_source({"VARIANT_BACKEND_BUILD_SOURCE": "Torch, numpy"}, "torch")
    True
    """
    value = environ.get(BUILD_SOURCE, "").strip()
    if value in ("", "0", "1"):
        return value == "1"
    names = [*filter(None, map(str.strip, value.split(",")))]
    try:
        for entry in names:
            check_project_name(entry)
    except VariantError as error:
        raise error.within(BUILD_SOURCE) from None
    return normalize(name) in map(normalize, names)


def near_name(name: str, known: Collection[str]) -> str | None:
    """Return the known name of which *name* is probably a misspelling. None if there is none."""
    import difflib

    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), None)
