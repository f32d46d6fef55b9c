"""The rules of a policy: which supported values a selection prefers, limits and excludes.

PEP 825 lets installers narrow and reorder compatible wheels. A rule never makes a value supported. Rules that
limit or exclude add up, so their order does not matter. The preferences of the nearer file come first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ..errors import Problem, VariantError, one_of
from .abi_dependency import ABI_DEPENDENCY
from .filename import check_project_name, normalize
from .known_providers import KNOWN_PROVIDERS, suggested_namespace, unknown_feature, unknown_property
from .namespace_support import Origin, Support
from .properties import Property, check_name, check_value
from .validation import Document, join

_FORMS = "write NAMESPACE, NAMESPACE :: FEATURE or NAMESPACE :: FEATURE :: VALUE"
_LIMIT_FORM = "write NAMESPACE :: FEATURE :: VALUE: this value and those below it stay supported"
# The keys of a policy. A project's own file may only have the first three.
PROJECT_KEYS = ("prefer", "limit", "exclude")
KEYS = (*PROJECT_KEYS, "null-only", "plain", "releases")
# Which release is preferred: the newest one, or the newest one with a variant for an accelerator.
ACCELERATED = "accelerated"
_RELEASES = ("newest", ACCELERATED)
# The code of the problem of a variant wheel that the policy excludes, and the kind of origin.
POLICY = "policy"


def preferring_older(version: object, what: str) -> str:
    """Return that an older release has a variant for an accelerator, and how to prefer it."""
    return f'the older {version} has {what}; releases = "{ACCELERATED}" in a policy prefers it'


class PolicyRule(NamedTuple):
    """A namespace, a feature or a value in a policy, and the *file* that has the rule."""

    parts: tuple[str, ...]
    file: str = ""

    @classmethod
    def parse(cls, text: str, file: str = "") -> PolicyRule:
        """Read one, two or three names with ``::`` between them; raises VariantError.

        Names that a known provider cannot have are errors, too.

        >>> str(PolicyRule.parse("x86_64::level::v3"))
        'x86_64 :: level :: v3'
        """
        parts = tuple(part.strip() for part in text.split("::"))
        if len(parts) > 3:
            text = f"expected at most three names separated by '::', got {len(parts)}"
            raise VariantError(text, remedy=_FORMS)
        for name, what in zip(parts, ("namespace", "feature"), strict=False):
            check_name(name, what)
        if len(parts) == 3:
            check_value(parts[2])
        if problem := _unknown(parts):
            raise VariantError(problem)
        return cls(parts, file)

    def __str__(self) -> str:
        return " :: ".join(self.parts)


def _unknown(parts: tuple[str, ...]) -> Problem | None:
    """Return why the provider of a known namespace cannot have these names, or None."""
    if len(parts) == 3:
        problem = unknown_property(Property(*parts))
    else:
        problem = unknown_feature(*parts) if len(parts) == 2 else None
    return problem and problem._replace(place="")


class Rules(NamedTuple):
    """The rules in force.

    *prefer* names namespaces, features and values in the preferred order. *limit* names the best value of
    each feature that may be supported. What *exclude* names is not supported. *null_only* are the files that
    allow no variant but the null variant. *plain* are the projects, by normalized name, that get no variant
    at all, each with its file. *releases* says which release is preferred, if a file does.
    """

    prefer: tuple[PolicyRule, ...] = ()
    limit: tuple[PolicyRule, ...] = ()
    exclude: tuple[PolicyRule, ...] = ()
    null_only: tuple[str, ...] = ()
    plain: Mapping[str, str] = {}
    releases: PolicyRule | None = None

    @property
    def prefers_accelerated(self) -> bool:
        """Whether an older release with a variant for an accelerator is preferred to a newer one without."""
        return self.releases is not None and self.releases.parts == (ACCELERATED,)

    def and_nearer(self, other: Rules) -> Rules:
        """Return these rules and those of a nearer file, whose preferences come first."""
        prefer: dict[tuple[str, ...], PolicyRule] = {}
        for rule in (*other.prefer, *self.prefer):
            prefer.setdefault(rule.parts, rule)
        return Rules(
            tuple(prefer.values()),
            tuple(dict.fromkeys([*self.limit, *other.limit])),
            tuple(dict.fromkeys([*self.exclude, *other.exclude])),
            tuple(dict.fromkeys([*self.null_only, *other.null_only])),
            {**other.plain, **self.plain},
            other.releases or self.releases,
        )

    def effects(self) -> list[tuple[str, str, str]]:
        """Return each rule for people: the key, the value and the file."""
        lists = {"prefer": self.prefer, "limit": self.limit, "exclude": self.exclude}
        return [
            *((key, str(rule), rule.file) for key, rules in lists.items() for rule in rules),
            *(("null-only", "true", file) for file in self.null_only),
            *(("plain", name, file) for name, file in self.plain.items()),
            *([("releases", str(self.releases), self.releases.file)] if self.releases else []),
        ]

    def of(self, namespace: str) -> Rules:
        """Return the rules about a namespace."""
        own = ([rule for rule in rules if rule.parts[0] == namespace] for rules in self[:3])
        prefer, limit, exclude = map(tuple, own)
        return self._replace(prefer=prefer, limit=limit, exclude=exclude)

    def in_order(self, namespaces: Sequence[str]) -> tuple[str, ...]:
        """Return namespaces by priority, with the preferred ones first."""
        return tuple(_preferred(namespaces, _names(self.prefer, ())))

    def preferred_namespaces(self) -> frozenset[str]:
        """Return the namespaces whose priority these rules change."""
        return frozenset(rule.parts[0] for rule in self.prefer if len(rule.parts) == 1)

    def objection(self, project: str) -> Problem | None:
        """Return why a project gets no variant, or None."""
        file = self.plain.get(normalize(project))
        text = f"allows only plain wheels of {project} ({file}: plain)"
        return Problem(POLICY, "policy", text) if file is not None else None


NO_RULES = Rules()


def governed(known: Support, rules: Rules, namespaces: Collection[str] | None = None) -> Support:
    """Return supported values as the rules narrow and reorder them; the origins say so.

    Only *namespaces* are changed, by default all. A limit applies to the values before any exclusion.

    >>> values = {"x86_64": {"level": ("v4", "v3", "v2"), "avx512f": ("on",)}}
    >>> known = Support(values, {"x86_64": Origin("hardware", "flags")})
    >>> rules = Rules(limit=(PolicyRule.parse("x86_64 :: level :: v3", "a.toml"),))
    >>> governed(known, rules).supported["x86_64"]["level"]
    ('v3', 'v2')
    >>> str(governed(known, rules).origins["x86_64"])
    'flags; limited by policy: x86_64 :: level :: v3 (a.toml)'
    """
    if rules == NO_RULES:
        return known
    supported, origins = dict(known.supported), dict(known.origins)
    for namespace, origin in known.origins.items():
        if namespaces is None or namespace in namespaces:
            own = rules.of(namespace)
            if whole := _against_namespace(own):
                # A namespace that is unsupported for another reason keeps that reason.
                if namespace in supported or origin.kind == "unknown":
                    supported[namespace], origins[namespace] = {}, Origin(POLICY, whole)
            elif namespace in supported:
                supported[namespace], notes = _features(namespace, supported[namespace], own)
                origins[namespace] = origin.with_more("".join(f"; {note}" for note in notes))
    return Support(supported, origins)


def _against_namespace(own: Rules) -> str | None:
    """Return why nothing of a namespace may be supported, or None."""
    if own.null_only:
        return f"excluded by policy: null-only ({own.null_only[0]})"
    return next((_note("excluded", rule) for rule in own.exclude if len(rule.parts) == 1), None)


def _features(
    namespace: str, features: Mapping[str, Sequence[str]], own: Rules
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the features of a namespace under its rules, and a note for each rule with an effect."""
    notes: dict[str, None] = {}
    result: dict[str, tuple[str, ...]] = {}
    for feature, values in features.items():
        allowed = [*values]
        for rule in own.limit:
            if rule.parts[1] == feature:
                allowed = _keep(allowed, at_most(values, rule.parts[2]), "limited", rule, notes)
        for rule in own.exclude:
            if rule.parts[1] == feature:
                others = [value for value in values if len(rule.parts) == 3 and value != rule.parts[2]]
                allowed = _keep(allowed, others, "excluded", rule, notes)
        result[feature] = tuple(_preferred(allowed, _names(own.prefer, (namespace, feature))))
    notes |= {_note("preferred", rule): None for rule in own.prefer}
    order = _preferred([*result], _names(own.prefer, (namespace,)))
    return {feature: result[feature] for feature in order}, [*notes]


def _keep(
    allowed: Sequence[str], kept: Collection[str], verb: str, rule: PolicyRule, notes: dict[str, None]
) -> list[str]:
    """Return the allowed values that a rule keeps; note the rule if it removes one."""
    left = [value for value in allowed if value in kept]
    if len(left) < len(allowed):
        notes[_note(verb, rule)] = None
    return left


def _note(verb: str, rule: PolicyRule) -> str:
    return f"{verb} by policy: {rule} ({rule.file})"


def at_most(values: Sequence[str], limit: str) -> list[str]:
    """Return the values, best first, that are not better than a limit.

    If the limit is not among the values, the numbers in them are compared: ``v2`` is below ``v3``. Values
    without a number are not known to be below it.

    >>> at_most(("v4", "v3", "v2"), "v3"), at_most(("12.6", "12.5", "12"), "12.10")
    (['v3', 'v2'], ['12.6', '12.5', '12'])
    """
    if limit in values:
        return [*values[values.index(limit) :]]
    return [value for value in values if (numbers := _numbers(value)) and numbers < _numbers(limit)]


def _numbers(value: str) -> list[tuple[int, str]]:
    """Return the numbers in a value for comparison; they may have more digits than Python converts."""
    digits = (text.lstrip("0") for text in re.findall("[0-9]+", value))
    return [(len(text), text) for text in digits]


def _names(rules: Iterable[PolicyRule], before: tuple[str, ...]) -> list[str]:
    """Return the names in rules that follow the names *before* them, and end the rule."""
    return [rule.parts[-1] for rule in rules if rule.parts[:-1] == before]


def _preferred(names: Sequence[str], wanted: Iterable[str]) -> list[str]:
    """Return names with the wanted ones first, in their order."""
    first = [name for name in dict.fromkeys(wanted) if name in names]
    return [*first, *(name for name in names if name not in first)]


def read_policy(
    document: Document, value: object, place: str, file: str, *, is_project: bool = False
) -> Rules:
    """Read the table of a policy in a *file*; problems are added to the document.

    A project's own file may not have all keys: it comes with code of others, such as an sdist.
    """
    table = document.table(value, place)
    if is_project:
        for key in sorted(table.keys() & {*KEYS} - {*PROJECT_KEYS}):
            text = f"a project's own file may only have {one_of(PROJECT_KEYS)}, as it comes from others"
            remedy = "move the key to your configuration file"
            document.note(join(place, key), text, code="unknown-key", remedy=remedy)
            del table[key]
    table = document.table(table, place, PROJECT_KEYS if is_project else KEYS)
    lists = {key: _rules(document, table, place, key, file) for key in PROJECT_KEYS}
    null_only = "null-only" in table and document.boolean(table["null-only"], join(place, "null-only"))
    names = document.strings(table.get("plain", []), join(place, "plain"), check_project_name, least=0)
    plain = {normalize(name): file for name in names}
    releases = document.choice(table.get("releases", _RELEASES[0]), join(place, "releases"), _RELEASES)
    preferred = PolicyRule((releases,), file) if releases and "releases" in table else None
    return Rules(**lists, null_only=(file,) if null_only else (), plain=plain, releases=preferred)


def _rules(
    document: Document, table: Mapping[str, object], place: str, key: str, file: str
) -> tuple[PolicyRule, ...]:
    """Read the rules of a key."""
    check: Callable[[str], object] = _check_limit if key == "limit" else PolicyRule.parse
    texts = document.strings(table.get(key, []), join(place, key), check, least=0)
    return tuple(dict.fromkeys(PolicyRule.parse(text, file) for text in texts))


def _check_limit(text: str) -> None:
    if len(PolicyRule.parse(text).parts) < 3:
        raise VariantError(f"{text!r}: missing value", remedy=_LIMIT_FORM)


def unusual_namespaces(rules: Rules) -> list[Problem]:
    """Return a warning for each namespace that is probably a misspelt known one; plugins may have others."""
    listed = (rule for group in (rules.prefer, rules.limit, rules.exclude) for rule in group)
    return [
        Problem("warning", file, f"unknown namespace {name!r}{near}", "check the spelling")
        for name, file in dict.fromkeys((rule.parts[0], rule.file) for rule in listed)
        if name not in KNOWN_PROVIDERS and name != ABI_DEPENDENCY and (near := suggested_namespace(name))
    ]
