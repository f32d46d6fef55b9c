"""A file with the value of each aligned feature: a TOML file of its own, or a lock file of this project.

The table is ``[assignment]``, with entries such as ``"blas::library" = "openblas"``. A lock file has it in
``[tool.variant-backend]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ..errors import Problem, RequestError, VariantError, did_you_mean, one_of, shortened
from ..formats.toml_read import read_toml, value_at
from ..machine.support import Machine, Policy
from ..variants.alignment import AlignedName, Assignment, Axis
from ..variants.known_providers import KNOWN_PROVIDERS, unknown_property
from ..variants.namespace_support import Origin, Support
from ..variants.policy import governed
from ..variants.properties import Property, check_value
from ..variants.validation import Document

_TABLE = "assignment"
_LOCK_KEY = "lock-version"
# Releases declare other namespaces, so only names that are this similar are misspelt.
_MISSPELT = 0.8
_ANY = Origin("machine", "machine")
_EXAMPLE = 'write [assignment] with lines such as "blas::library" = "openblas"'
_RELOCK = "write it with `variant-backend lock --align NAMESPACE`"


def assignment_table(assignment: Assignment) -> dict[str, str]:
    """Return an assignment as the table of a file.

    >>> assignment_table({("blas", "library"): "openblas"})
    {'blas::library': 'openblas'}
    """
    return {f"{namespace}::{feature}": value for (namespace, feature), value in sorted(assignment.items())}


def read_assignment(path: Path) -> Assignment:
    """Read the assignment in a file; raises VariantError with every problem."""
    content = read_toml(path)
    is_lock = _LOCK_KEY in content
    table = value_at(content, "tool", "variant-backend", _TABLE) if is_lock else content.get(_TABLE)
    if not table:
        text = f"expected a table [{_TABLE}] with at least one feature"
        raise VariantError(text, place=path, remedy=_RELOCK if is_lock else _EXAMPLE)
    document = Document()
    if not is_lock:
        document.table(content, "", known=(_TABLE,))
    assignment: dict[Axis, str] = {}
    for key, entry in document.table(table, _TABLE).items():
        place = f"{_TABLE}.{key}"
        given = document.string(entry, place)
        if given is None or not document.passes(place, partial(_entry, key), given):
            continue
        axis, value = _entry(key, given)
        if assignment.setdefault(axis, value) != value:
            document.note(place, f"two values for {AlignedName(*axis)}", remedy="remove one of them")
    document.check(path)
    return assignment


def _entry(key: str, value: str) -> tuple[Axis, str]:
    """Return the feature that a key names, and its value; raises VariantError."""
    namespace, feature = AlignedName.parse(key)
    if feature is None:
        raise VariantError(f"expected a feature, got {key!r}", remedy="write NAMESPACE::FEATURE")
    check_value(value)
    return (namespace, feature), value


def read_assignment_for(name: str, machine: Machine, policy: Policy, path: Path) -> Assignment:
    """Read the assignment of a machine with this *name* in a file; raises VariantError as `read_assignment`.

    Raises RequestError for unknown names, and for values that the machine does not support. Namespaces that
    only releases declare are not checked.
    """
    assignment = read_assignment(path)
    hardware = machine.hardware.supported if machine.hardware else {}
    supported = {**hardware, **policy.given}
    known = governed(Support(supported, dict.fromkeys(supported, _ANY)), policy.rules)
    problems = [
        problem.within(str(AlignedName(*axis)))
        for axis, value in assignment.items()
        for problem in _problems_of(axis, value, known, policy, name)
    ]
    if problems:
        raise RequestError(*problems).within(path)
    return assignment


def _problems_of(axis: Axis, value: str, known: Support, policy: Policy, name: str) -> Iterator[Problem]:
    namespace, feature = axis
    names = [*KNOWN_PROVIDERS, *known.supported]
    if namespace in policy.disabled:
        yield Problem("error", "", f"namespace {namespace!r} is also in --disable", "remove one of the two")
    elif namespace not in names:
        if suggestion := did_you_mean(namespace, names, similarity=_MISSPELT):
            remedy = f"known namespaces: {one_of(sorted(KNOWN_PROVIDERS))}"
            yield Problem("error", "", f"unknown namespace {namespace!r}{suggestion}", remedy)
    elif problem := unknown_property(Property(*axis, value)):
        yield problem._replace(place="")
    elif namespace in known.supported:
        values = known.supported[namespace].get(feature, ())
        if value not in values:
            text = f"{name} does not support {value!r}; it supports {shortened(values) or '(none)'}"
            yield Problem("error", "", text, "remove the line, or write a supported value")
