"""Facts about a machine that users give, such as ``cuda:12.8,x86_64:v3``, and what they support.

A machine that is given by facts is complete: what no fact names, it does not have.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ..errors import MOST_SHOWN, Problem, VariantError, did_you_mean, one_of, shortened
from .known_providers import KNOWN_PROVIDERS
from .ranking import Supported
from .registry_entry import Fact, FactSupport, KnownProvider

# The keys of facts with their values; several values are several devices.
Facts: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]

# The form of all values: messages, files and tables show them. Numbers have no thousands of digits.
_VALUE = r"[A-Za-z0-9_.+-]{1,64}"
# A provider that accepts this value accepts any word, so it is not suggested for a value without a key.
_NONSENSE = "zzz"


def known_facts() -> dict[str, Fact]:
    """Return the facts of all known providers, by key."""
    return {key: fact for provider in KNOWN_PROVIDERS.values() for key, fact in provider.facts.items()}


def read_facts(parts: Iterable[str]) -> Facts:
    """Read parts of the form ``KEY:VALUE``; raises VariantError with every problem.

    Only `support_of_facts` checks the meaning of the values.

    >>> read_facts(["cuda:12.8", "sm:9.0", "sm:8.9"])
    (('cuda', ('12.8',)), ('sm', ('9.0', '8.9')))
    """
    given: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for part in parts:
        key, separator, value = (text.strip() for text in part.partition(":"))
        if not value and (problem := _incomplete(key, separator)):
            problems.append(problem)
        else:
            given.setdefault(key, []).append(value)
    problems += filter(None, (fact_problem(key, values) for key, values in given.items()))
    if problems:
        raise VariantError(*dict.fromkeys(problems))
    return tuple((key, tuple(values)) for key, values in given.items())


def _incomplete(key: str, separator: str) -> Problem | None:
    """Return the problem of a part without a value; None if its key is the problem."""
    if not key and not separator:
        return Problem("error", "", "empty part between commas", "remove a comma")
    if fact := known_facts().get(key):
        return Problem("error", "", f"missing value of {key}", f"write {key}:{fact.examples[0]}")
    if separator and key:
        return None
    shown = (key or ":")[:MOST_SHOWN]
    return Problem("error", "", f"expected KEY:VALUE, got {shown!r}", "write a fact such as cuda:12.8")


def fact_problem(key: str, values: Sequence[str]) -> Problem | None:
    """Return why a key is unknown, or cannot have these values. None if it can."""
    known = known_facts()
    if key not in known:
        keys = [*KNOWN_PROVIDERS[key].facts] if key in KNOWN_PROVIDERS else [*known]
        owner = f" of {key}" if key in KNOWN_PROVIDERS else ""
        text = f"unknown fact {key[:MOST_SHOWN]!r}{did_you_mean(key, known)}"
        return Problem("error", "", text, f"known facts{owner}: {one_of(keys)}")
    fact = known[key]
    for value in values:
        if not re.fullmatch(_VALUE, value):
            text = f"invalid value {value[:MOST_SHOWN]!r} of {key}"
            return Problem("error", "", text, f"write {fact.words}, such as {fact.examples[0]}")
    if len(values) > 1 and not fact.several:
        text = f"{len(values)} values of {key}: {shortened(values)}"
        return Problem("error", "", text, "leave one value, as a machine has only one")
    return None


def facts_text(facts: Facts) -> str:
    """Return facts in the form in which `read_facts` reads their parts.

    >>> facts_text((("cuda", ("12.8",)), ("sm", ("9.0", "8.9"))))
    'cuda:12.8,sm:9.0,sm:8.9'
    """
    return ",".join(f"{key}:{value}" for key, values in facts for value in values)


def support_of_facts(facts: Facts, described: Collection[str] = ()) -> dict[str, FactSupport]:
    """Return what a machine with only these facts supports, by namespace.

    A namespace without facts supports nothing, or the values of the oldest processor. If the facts name an
    architecture, the namespaces of the others are missing. Namespaces that are *described* otherwise are
    missing too. Raises VariantError with every problem.
    """
    architectures = {name for name, provider in KNOWN_PROVIDERS.items() if name in provider.machines}
    named = [name for name in architectures if facts_of_provider(KNOWN_PROVIDERS[name], facts)]
    if len(named) > 1:
        text = f"{' and '.join(sorted(named))} are different architectures"
        raise VariantError(text, remedy="leave one of them out, as a machine has only one")
    others = architectures - {*named} if named or architectures & {*described} else set()
    result: dict[str, FactSupport] = {}
    problems: list[Problem] = []
    for namespace, provider in KNOWN_PROVIDERS.items():
        if provider.from_facts and namespace not in others and namespace not in described:
            try:
                result[namespace] = provider.from_facts(facts_of_provider(provider, facts))
            except VariantError as error:
                problems += error.problems
    if problems:
        raise VariantError(*problems)
    return result


def facts_of_provider(provider: KnownProvider, facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return the facts that a provider knows, by key."""
    return {key: values for key, values in facts if key in provider.facts}


def facts_with_value(value: str) -> Iterator[str]:
    """Yield facts ``KEY:VALUE`` that can have a value, with the others that they require, for suggestions.

    >>> [*facts_with_value("v3")], [*facts_with_value("9.0")]
    (['x86_64:v3'], ['cuda:12.8,sm:9.0', 'rocm:9.0'])
    """
    for provider in KNOWN_PROVIDERS.values() if re.fullmatch(_VALUE, value) else ():
        if any(_support({key: (_NONSENSE,)}, provider) for key in provider.facts):
            continue
        examples = {key: (fact.examples[0],) for key, fact in provider.facts.items()}
        alone = [key for key in provider.facts if _support({key: (value,)}, provider)]
        for key in provider.facts:
            if key in alone:
                yield f"{key}:{value}"
            elif not alone and _support(facts := {**examples, key: (value,)}, provider):
                yield facts_text((*facts.items(),))


def _support(facts: Mapping[str, Sequence[str]], provider: KnownProvider) -> FactSupport | None:
    """Return what facts of a provider support, None if they are invalid."""
    try:
        return provider.from_facts(facts) if provider.from_facts else None
    except VariantError:
        return None


def lone_values(given: Supported) -> list[Problem]:
    """Return warnings about features whose only given value is the best one of several on all machines.

    Users who give only that value rule out the wheels that require a lower one.

    >>> lone_values({"x86_64": {"level": ["v3"]}})[0].text
    'only v3 is supported; machines that support it also support v2, v1'
    """
    return [
        Problem("warning", f"{namespace} :: {feature}", text, f"use --machine {fact} to support all of them")
        for namespace, features in given.items()
        if namespace in KNOWN_PROVIDERS
        for feature, values in features.items()
        if len(values) == 1
        for fact, others in _implied(KNOWN_PROVIDERS[namespace], feature, values[0])
        for text in [
            f"only {values[0]} is supported; machines that support it also support {shortened(others, 3)}"
        ]
    ]


def _implied(provider: KnownProvider, feature: str, value: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the fact whose best supported value is *value*, and the other supported values."""
    for key in provider.facts:
        support = _support({key: (value,)}, provider)
        best, *others = (support.features.get(feature) if support else None) or ("",)
        if best == value and others:
            yield f"{key}:{value}", others
