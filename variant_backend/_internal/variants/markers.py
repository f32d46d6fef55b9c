"""Resolve the four variant markers of dependency specifiers for one wheel (PEP 825, "Environment markers").

No released installer reads these markers. This module decides the comparisons that depend on the wheel's
variant, and keeps the others as standard markers (dependency specifiers specification, PEP 508).
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, Union

from ..errors import VariantError, did_you_mean, one_of
from .properties import NO_VARIANT, Property, Variant, check_name

if TYPE_CHECKING:
    from packaging.specifiers import Specifier

_SETS = {
    "variant_namespaces": 1,
    "variant_features": 2,
    "variant_properties": 3,
}  # how many names an item has
_VARIABLES = ("variant_label", *_SETS)
# The environment markers that a build can decide. Others depend on the variant or on requested extras.
_OF_ENVIRONMENTS = (
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
)
_ITEM = ("NAMESPACE", "FEATURE", "VALUE")

# The most nested brackets: wheels come from untrusted sources.
_DEEPEST = 50

# The most comparisons that are evaluated for one marker, because all combinations of undecided values are
# tried: enough for 14 values. With other comparisons, their combinations are tried too, unless that is more.
_MOST = 1 << 18

_TOKEN = r"""\s*(?: (?P<bracket>[()]) | (?P<text>"[^"]*"|'[^']*') | (?P<operator>not\s+in\b|in\b|[<>=!~]=?=?)
    | (?P<junction>and\b|or\b) | (?P<variable>[A-Za-z_][\w.]*) )"""

# The form of most requirements. It is parsed without packaging, because that import takes longer than
# reading a project file.
_RELEASE = r"(?:[!=]=|[<>]=?)[ \t]*[0-9]{1,9}(?:\.[0-9]{1,9})*"
# White space before versions belongs to them: with white space around an optional part, a match takes
# quadratic time.
_VERSIONS = rf"[ \t]*({_RELEASE}(?:[ \t]*,[ \t]*{_RELEASE})*)"
_SIMPLE = rf"[ \t]*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?:{_VERSIONS})?[ \t]*"
_SIMPLE_COMPARISON = r"""(os_name|sys_platform|python_(?:full_)?version|implementation_(?:name|version)
    |platform_(?:machine|python_implementation|release|system|version))
    [ ]([!=]=|[<>]=?)[ ]["']([\w.+ -]*)["']"""

# Messages cut longer requirements: wheels come from untrusted sources.
_SHOWN = 500


class _Test(NamedTuple):
    """A comparison of a variant marker with *text*."""

    variable: str
    operator: str
    text: str
    variable_first: bool


class _Junction(NamedTuple):
    """Markers joined by ``and`` or ``or``."""

    operator: str
    parts: tuple[_Marker, ...]


# A string is a comparison without variant markers, in normal form.
_Marker: TypeAlias = Union[str, _Test, _Junction]  # noqa: UP007  # it names classes that name it


def mentions_variant(requirement: str) -> bool:
    """Return whether the marker of a requirement has a variant marker; the requirement is not checked.

    >>> mentions_variant("fast; variant_label == 'x86_64_v3'")
    True
    """
    marker = requirement.partition(";")[2]
    return "variant_" in marker and any(re.search(rf"\b{variable}\b", marker) for variable in _VARIABLES)


def check_requirement(text: str) -> None:
    """Check a requirement without variant markers (PEP 508). Raises VariantError if it is invalid."""
    _normalized(text)


def check_dependency(text: str) -> None:
    """Check a requirement that may have variant markers. Raises VariantError if it is invalid."""
    _read(text)


def check_environment_marker(text: str) -> None:
    """Check a marker for which only the environment matters. Raises VariantError if it is not one."""
    from packaging.markers import InvalidMarker, Marker

    place = f"marker {text[:_SHOWN]!r}"
    for kind, name in _tokens(text):
        if kind == "variable" and name not in _OF_ENVIRONMENTS:
            if name in ("extra", "extras", "dependency_groups") or name.startswith("variant_"):
                reason = f"{name} is unknown when the wheel is built"
            else:
                reason = f"unknown marker name {name!r}{did_you_mean(name, _OF_ENVIRONMENTS)}"
            raise VariantError(reason, place=place, remedy=f"use {one_of(_OF_ENVIRONMENTS)}")
    try:
        Marker(text)
    except (InvalidMarker, RecursionError) as error:
        remedy = "write a marker such as sys_platform == 'win32'"
        raise VariantError(str(error).splitlines()[0], place=place, remedy=remedy) from None


def with_marker(requirement: str, marker: str) -> str:
    """Return a valid requirement that also needs a valid environment marker, in normal form.

    >>> with_marker("mkl; python_version < '3.13'", "os_name == 'nt' or os_name == 'posix'")
    'mkl; python_version < "3.13" and (os_name == "nt" or os_name == "posix")'
    """
    from packaging.requirements import Requirement

    parsed = Requirement(requirement)
    both = f"({parsed.marker}) and ({marker})" if parsed.marker else marker
    parsed.marker = None
    return str(Requirement(f"{parsed} ; {both}"))


def is_true(marker: str, environment: Mapping[str, str]) -> bool:
    """Return the value of a valid environment marker; *environment* has the values of all names."""
    from packaging.markers import Marker

    return Marker(marker).evaluate(dict(environment))


def resolve_requirement(requirement: str, variant: Variant | None) -> str | None:
    """Return a *requirement* resolved for the wheel of a *variant*, or None if it never applies.

    The result is in normal form and has no variant markers (PEP 825, "Environment markers"; PEP 508): the
    variant decides them, and other markers stay. Raises VariantError if the requirement is invalid, or if it
    depends on which of several values of a feature the machine supports: only the installation shows that. A
    plain wheel has no variant (None).

    >>> v3 = Variant.of("v3", [Property("x86_64", "level", "v3")])
    >>> resolve_requirement("fast; variant_label == 'v3' and os_name == 'nt'", v3)
    'fast; os_name == "nt"'
    >>> resolve_requirement("fast; variant_label == 'v3'", None) is None
    True
    """
    specifier, marker = _read(requirement)
    if marker is None:
        return specifier
    variant = NO_VARIANT if variant is None else variant
    tests = _undecided(marker, variant)
    is_large = tests and _size(marker) << len(tests) > _MOST
    outcomes = {} if is_large else _outcomes(marker, variant)
    if len(outcomes) != 1:
        raise VariantError(
            f"requirement {requirement[:_SHOWN]!r} cannot be resolved for variant {variant.label!r}: it tests"
            f" {tests[0]}, and only the installing machine knows which values of this feature it supports",
            remedy="test variant_label or variant_features instead, or define one label for each value",
        )
    (outcome,) = outcomes.values()
    return _joined(specifier, outcome)


def decided_requirements(requirements: Iterable[str], variant: Variant | None) -> list[str]:
    """Return the requirements that apply to the wheel of *variant*, with decided variant markers.

    Requirements without variant markers keep their spelling. Raises VariantError as `resolve_requirement`.
    """
    decided = (
        # A misspelt marker is an error, too.
        resolve_requirement(text, variant) if "variant_" in text.partition(";")[2] else text
        for text in requirements
    )
    return [text for text in decided if text is not None]


def resolve_requirement_on_machine(
    requirement: str, label: str | None, properties: Iterable[Property] = ()
) -> str | None:
    """Return a *requirement* resolved for a wheel on one machine, or None if it never applies.

    The result is in normal form and has no variant markers (PEP 825, "Environment markers"; PEP 508).
    *label* is that of the wheel, or None for a plain wheel, as in `WheelFilename`. *properties* are those of
    its variant that the machine supports, as `Support.of_variant` returns them. Raises VariantError if the
    requirement is invalid.

    >>> requirement = "fast; 'blas :: library :: mkl' in variant_properties or python_version < '3.9'"
    >>> resolve_requirement_on_machine(requirement, "mkl", [Property("blas", "library", "mkl")])
    'fast'
    >>> resolve_requirement_on_machine(requirement, None)
    'fast; python_version < "3.9"'
    """
    specifier, marker = _read(requirement)
    if marker is None:
        return specifier
    return _joined(specifier, _reduced(marker, partial(_is_true, label or "", _names(properties))))


def resolve_requirement_for(requirement: str, values: Mapping[str, Collection[str]]) -> str | None:
    """Return a requirement where only some markers are known, in normal form, or None if it never applies.

    *values* has all possible values of each known marker. A comparison is decided if they all agree. Equal
    requirements give equal texts. Raises VariantError if the requirement is invalid or has variant markers.

    >>> requirement = "Fast_er>=1; extra == 'all' and sys_platform == 'win32'"
    >>> resolve_requirement_for(requirement, {"sys_platform": ["win32"]})
    'fast-er>=1; extra == "all"'
    >>> resolve_requirement_for(requirement, {"sys_platform": ["linux", "darwin"]})
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    text, marker = _read(requirement)
    parsed = Requirement(text)
    extras = ",".join(sorted(map(canonicalize_name, parsed.extras)))
    version = f" @ {parsed.url}" if parsed.url else ",".join(sorted(map(_normal_specifier, parsed.specifier)))
    name = f"{canonicalize_name(parsed.name)}{f'[{extras}]' if extras else ''}{version}"
    if marker is None:
        return name
    if any(_tests(marker)):
        raise VariantError("it has a variant marker", place=f"requirement {requirement[:_SHOWN]!r}")
    outcome = _reduced(marker, partial(_is_true, "", set()), partial(_decided, values))
    if isinstance(outcome, bool):
        return name if outcome else None
    return f"{name}; {_sorted_text(outcome)}"


def _normal_specifier(specifier: Specifier) -> str:
    from packaging.utils import canonicalize_version

    strips = specifier.operator != "~="  # where the number of zeros has a meaning
    return f"{specifier.operator}{canonicalize_version(specifier.version, strip_trailing_zero=strips)}"


def _decided(values: Mapping[str, Collection[str]], comparison: str) -> bool | str:
    """Return the value of a comparison if all possible *values* of its only marker agree, or itself."""
    names = [text for kind, text in _tokens(comparison) if kind == "variable"]
    if len(names) != 1 or not (possible := values.get(names[0])):
        return comparison
    try:
        results = {is_true(comparison, {names[0]: value}) for value in possible}
    except ValueError:  # a comparison that packaging does not define
        return comparison
    return results.pop() if len(results) == 1 else comparison


def _sorted_text(marker: _Marker) -> str:
    """Return a marker without variant tests as text that does not depend on the order of its parts."""
    if not isinstance(marker, _Junction):
        return str(marker)
    parts = sorted(
        f"({_sorted_text(part)})" if isinstance(part, _Junction) else str(part) for part in marker.parts
    )
    return f" {marker.operator} ".join(parts)


def _joined(specifier: str, marker: bool | _Marker) -> str | None:
    """Return a requirement with a marker without variant tests, or None if it never applies."""
    if isinstance(marker, bool):
        return specifier if marker else None
    operator, parts = marker if isinstance(marker, _Junction) else ("", (marker,))
    if "@" not in specifier and all(isinstance(part, str) and _simple_comparison(part) for part in parts):
        return f"{specifier}; {f' {operator} '.join(map(str, parts))}"
    return _normalized(f"{specifier} ; {_written(marker)}")


def _read(requirement: str) -> tuple[str, _Marker | None]:
    """Split a requirement into the part before the marker, in normal form, and the marker."""
    # A URL can contain a semicolon; the semicolon after a URL follows white space.
    separator = r"\s;" if re.match(r"[^;]*@", requirement) else ";"
    specifier, *marker = re.split(separator, requirement, maxsplit=1)
    normalized = _normalized(specifier, requirement)
    try:
        return normalized, _Parser(marker[0]).read() if marker else None
    except VariantError as error:
        raise error.within(f"requirement {requirement[:_SHOWN]!r}") from None


def _normalized(text: str, requirement: str | None = None) -> str:
    """Return *text*, a *requirement* or a part of it, in normal form. Raises VariantError if invalid."""
    if simple := _simple(text):
        return simple
    from packaging.requirements import Requirement

    try:
        return str(Requirement(text))
    except (ValueError, RecursionError) as error:
        shown = requirement or text
        raise VariantError(
            str(error).splitlines()[0][:_SHOWN],
            place=f"requirement {shown[:_SHOWN]!r}",
            remedy="write NAME, NAME==VERSION or NAME; MARKER",
        ) from None


def _simple(text: str) -> str | None:
    """Return a requirement of a name and versions in normal form, or None for other requirements."""
    match = re.fullmatch(_SIMPLE, text, re.ASCII)
    if match is None:
        return None
    specifiers = sorted(re.sub(r"[ \t]", "", match[2] or "").split(","))
    operators = {specifier.rstrip(".0123456789") for specifier in specifiers}
    # With the same operator, two versions can be equal: 1 and 1.0.
    return f"{match[1]}{','.join(specifiers)}" if len(operators) == len(specifiers) else None


class _Parser:
    """A parser of markers (grammar of the dependency specifiers specification)."""

    def __init__(self, text: str) -> None:
        self.tokens = deque([*_tokens(text), ("end", "the end")])
        self.depth = 0

    def read(self) -> _Marker:
        marker = self.junction()
        self.take("end", "'and' or 'or'")
        return marker

    def junction(self, operator: str = "or") -> _Marker:
        """Read comparisons joined by *operator*; ``and`` binds more closely than ``or``."""
        parts: list[_Marker] = []
        while not parts or self.tokens[0] == ("junction", operator):
            if parts:
                self.tokens.popleft()
            parts.append(self.junction("and") if operator == "or" else self.comparison())
        return _Junction(operator, tuple(parts)) if len(parts) > 1 else parts[0]

    def comparison(self) -> _Marker:
        if self.tokens[0] == ("bracket", "("):
            self.tokens.popleft()
            self.depth += 1
            if self.depth > _DEEPEST:
                raise VariantError(f"more than {_DEEPEST} nested brackets", place="marker")
            marker = self.junction()
            self.take("bracket", "')'", ")")
            self.depth -= 1
            return marker
        left = self.operand()
        operator = " ".join(self.take("operator", "a comparison such as '=='").split())
        right = self.operand()
        variables = [operand for operand in (left, right) if operand[0] == "variable"]
        if any(text.startswith("variant_") for _, text in variables):
            return _test(left, operator, right)
        return _plain(f"{left[1]} {operator} {right[1]}")

    def operand(self) -> tuple[str, str]:
        kind, text = self.tokens.popleft()
        if kind not in ("variable", "text"):
            raise VariantError(f"expected a marker name or a quoted string, got {text}", place="marker")
        return kind, text

    def take(self, kind: str, wanted: str, text: str | None = None) -> str:
        next_kind, next_text = self.tokens.popleft()
        if next_kind != kind or text not in (None, next_text):
            raise VariantError(f"expected {wanted}, got {next_text}", place="marker")
        return next_text


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    token = re.compile(_TOKEN, re.VERBOSE)  # here, because it is slow and most builds have no marker
    position, text = 0, text.rstrip()
    while position < len(text):
        match = token.match(text, position)
        if not match or match.lastgroup is None:
            raise VariantError(f"invalid syntax {text[position:].strip()!r}", place="marker")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _plain(text: str) -> str:
    """Return a comparison without variant markers in normal form."""
    if simple := _simple_comparison(text):
        return simple
    from packaging.markers import InvalidMarker, Marker

    try:
        return str(Marker(text))
    except InvalidMarker as error:
        raise VariantError(str(error).splitlines()[0], place=f"marker {text!r}") from None


def _simple_comparison(text: str) -> str | None:
    """Return a comparison with a simple string in normal form, or None for other comparisons."""
    match = re.fullmatch(_SIMPLE_COMPARISON, text, re.ASCII | re.VERBOSE)
    return f'{match[1]} {match[2]} "{match[3]}"' if match else None


def _test(left: tuple[str, str], operator: str, right: tuple[str, str]) -> _Test:
    """Return a comparison with a variant marker. Raises VariantError if it can never be true."""
    place = f"marker {left[1]} {operator} {right[1]}"
    variable_first = left[0] == "variable"
    (kind, variable), (other, quoted) = (left, right) if variable_first else (right, left)
    if variable not in _VARIABLES:
        raise VariantError(f"unknown marker {variable!r}{did_you_mean(variable, _VARIABLES)}", place=place)
    if (kind, other) != ("variable", "text"):
        raise VariantError("a variant marker can only be compared with a quoted string", place=place)
    text = quoted[1:-1]
    if variable == "variant_label":
        if operator not in ("==", "!=", "in", "not in"):
            raise VariantError(
                f"invalid operator {operator!r} for a label", place=place, remedy="compare with == or !="
            )
        return _Test(variable, operator, text, variable_first)
    if operator not in ("in", "not in") or variable_first:
        raise VariantError(f"{variable} is a set", place=place, remedy=f"write {quoted} in {variable}")
    names = [name.strip() for name in text.split("::")]
    if len(names) != _SETS[variable]:
        written = " :: ".join(_ITEM[: _SETS[variable]])
        raise VariantError(f"invalid item {text!r} of {variable}", place=place, remedy=f"write '{written}'")
    try:
        if variable == "variant_properties":
            Property.parse(text)
        for name, what in zip(names, ("namespace", "feature"), strict=False):
            check_name(name, what)
    except VariantError as error:
        raise error.within(place) from None
    return _Test(variable, operator, " :: ".join(names), variable_first)


def _tests(marker: _Marker) -> Iterator[_Test]:
    if isinstance(marker, _Test):
        yield marker
    elif isinstance(marker, _Junction):
        for part in marker.parts:
            yield from _tests(part)


def _undecided(marker: _Marker, variant: Variant) -> list[Property]:
    """Return the properties in a marker that share a feature, so that a machine may support some of them."""
    counts = Counter(prop.key for prop in variant.properties)
    tested = {test.text for test in _tests(marker) if test.variable == "variant_properties"}
    return sorted(prop for prop in variant.properties if counts[prop.key] > 1 and str(prop) in tested)


def _outcomes(marker: _Marker, variant: Variant) -> dict[object, bool | _Marker]:
    """Return the different results of a marker on machines that can use the wheel, by a key.

    The key is the truth table over the other comparisons; it is the result itself if they are too many, or if
    the machines do not differ.
    """
    plain = sorted(set(_plain_ones(marker)))
    undecided = _undecided(marker, variant)
    is_small = undecided and _size(marker) << (len(plain) + len(undecided)) <= _MOST
    result: dict[object, bool | _Marker] = {}
    for decide in _possible(marker, variant):
        outcome = _reduced(marker, decide)
        key = _truth_table(outcome, plain) if is_small else outcome
        result.setdefault(key, outcome)
        if len(result) > 1:
            break
    return result


def _size(marker: _Marker) -> int:
    """Return the number of comparisons in a marker."""
    return sum(map(_size, marker.parts)) if isinstance(marker, _Junction) else 1


def _plain_ones(marker: _Marker) -> Iterator[str]:
    if isinstance(marker, str):
        yield marker
    elif isinstance(marker, _Junction):
        for part in marker.parts:
            yield from _plain_ones(part)


def _truth_table(marker: bool | _Marker, plain: Sequence[str]) -> tuple[bool, ...]:
    """Return the value of a marker without variant tests for each combination of comparison results."""
    rows = product((True, False), repeat=len(plain))
    return tuple(_value(marker, dict(zip(plain, row, strict=True))) for row in rows)


def _value(marker: bool | _Marker, values: Mapping[str, bool]) -> bool:
    if isinstance(marker, bool):
        return marker
    if isinstance(marker, _Junction):
        results = [_value(part, values) for part in marker.parts]
        return all(results) if marker.operator == "and" else any(results)
    return values[str(marker)]


def _possible(marker: _Marker, variant: Variant) -> Iterator[Callable[[_Test], bool]]:
    """Yield a function that decides tests for each kind of machine that can use the wheel.

    Such a machine supports at least one value of every feature.
    """
    undecided = _undecided(marker, variant)
    known = variant.properties.difference(undecided)
    features = {prop.key for prop in variant.properties}
    for mask in product((True, False), repeat=len(undecided)):
        supported = known.union(prop for prop, kept in zip(undecided, mask, strict=True) if kept)
        if {prop.key for prop in supported} == features:
            yield partial(_is_true, variant.label, _names(supported))


def _names(supported: Iterable[Property]) -> set[str]:
    """Return the supported namespaces, features and properties as texts of markers."""
    return {
        name
        for prop in supported
        for name in (prop.namespace, f"{prop.namespace} :: {prop.feature}", str(prop))
    }


def _is_true(label: str, names: set[str], test: _Test) -> bool:
    """Return whether a test is true on a machine that supports *names*."""
    if test.variable != "variant_label":
        is_met = test.text in names
    elif test.operator in ("==", "!="):
        is_met = test.text == label
    else:
        is_met = label in test.text if test.variable_first else test.text in label
    return is_met == (test.operator in ("==", "in"))


def _reduced(
    marker: _Marker, decide: Callable[[_Test], bool], plain: Callable[[str], bool | str] = str
) -> bool | _Marker:
    """Return the rest of a marker after deciding its variant tests, and its other comparisons by *plain*."""
    if isinstance(marker, str):
        return plain(marker)
    if isinstance(marker, _Test):
        return decide(marker)
    decisive = marker.operator == "or"  # one part with this value decides the result
    kept: dict[_Marker, None] = {}
    for part in (_reduced(part, decide, plain) for part in marker.parts):
        if isinstance(part, bool):
            if part == decisive:
                return decisive
        elif isinstance(part, _Junction) and part.operator == marker.operator:
            kept.update(dict.fromkeys(part.parts))
        else:
            kept[part] = None
    if not kept:
        return not decisive
    return _Junction(marker.operator, tuple(kept)) if len(kept) > 1 else next(iter(kept))


def _written(marker: _Marker) -> str:
    """Return a marker without variant tests as text, not in normal form."""
    if not isinstance(marker, _Junction):
        return str(marker)
    return f" {marker.operator} ".join(f"({_written(part)})" for part in marker.parts)
