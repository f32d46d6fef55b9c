"""Why a machine gets a label of a release, and why better labels do not fit it.

The pages for people and the last lines of `run` use the same texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from ..errors import Problem, shortened
from ..selection.evaluate import labels_in_order, why_label
from ..variants.namespace_support import DISABLED, FAILED, NOT_ENABLED, UNKNOWN, UNUSABLE, Support
from ..variants.policy import POLICY, at_most, preferring_older
from ..variants.properties import NULL_LABEL, Property
from ..variants.ranking import unsupported_features
from ..variants.words import in_words, properties_in_words
from .offer import Choice

# What changes the supported values of a namespace that has none, by the kind of its origin.
_REMEDIES = {
    POLICY: "change the policy",
    DISABLED.kind: "enable the namespace",
    NOT_ENABLED.kind: "enable the optional namespace",
    UNUSABLE.kind: "ask the publisher to correct the provider",
    UNKNOWN.kind: "add the namespace to the description of the machine",
    FAILED.kind: "repair the plugin, or add the namespace to the description of the machine",
}
# Features that depend on installed software: a newer one changes them.
_SOFTWARE = {
    ("nvidia", "cuda_version_lower_bound"): "install a newer NVIDIA driver",
    ("amd", "rocm_version"): "install this version of ROCm",
    ("ascend", "driver_version"): "install this version of the Ascend driver",
    ("ascend", "cann_version"): "install this version of CANN",
}
_FOR_ANY = "for any machine"
_NO_WHEEL = "no wheel for this Python and platform"


class BetterLabel(NamedTuple):
    """A label that ranks before the selected one, and the *problems* that exclude it."""

    label: str
    problems: tuple[Problem, ...]


def choice_text(choice: Choice, machine: str) -> str:
    """Return what a machine gets of a release, in one line.

    *machine* names it, such as ``gpu`` or ``this machine``.
    """
    return f"{choice.release.name} {choice.version}: {_selected_text(choice, machine)}"


def older_text(choice: Choice) -> str:
    """Return which older release is for an accelerator, and what the policy says; empty if none is."""
    older = choice.accelerated
    if older is None:
        return ""
    what = label_text(older, older.labels[0])
    rule = choice.rules.releases
    if choice.is_hidden and rule:
        return f"hidden by policy: releases {rule} ({rule.file}); {older.version} has {what}"
    return preferring_older(older.version, what)


def _selected_text(choice: Choice, machine: str) -> str:
    if choice.is_hidden:
        return older_text(choice)
    if not choice.labels:
        return f"no wheel fits {machine}"
    texts = [label_text(choice, label) for label in choice.labels]
    if len(texts) > 1:
        return f"{' or '.join(texts)}, depending on Python and platform"
    if choice.labels == (None,) and not choice.supported_labels:
        labels = shortened([*_labels(choice)])
        return f"the plain wheel: {machine} supports no variant{f' ({labels})' if labels else ''}"
    return texts[0]


def label_text(choice: Choice, label: str | None) -> str:
    """Return a label with the meaning of its properties."""
    if label is None:
        return "the plain wheel"
    words = label_meaning(choice, label)
    return f"{label} ({words})" if words else label


def label_meaning(choice: Choice, label: str) -> str:
    """Return the project that a label requires, if any, and the meaning of its properties.

    Empty if it is unknown.
    """
    member = choice.release.member_of(label)
    words = [_FOR_ANY] if label == NULL_LABEL else properties_in_words(_properties(choice, label))
    return "; ".join([*([member] if member else []), *words])


def _properties(choice: Choice, label: str) -> Sequence[Property]:
    metadata = choice.release.metadata
    variant = metadata.variants.get(label) if metadata else None
    return sorted(variant.properties) if variant else ()


def why_selected(choice: Choice) -> str:
    """Return why the selected label ranks before the next supported one, empty if there is no other."""
    if not choice.labels or choice.labels[0] is None:
        return ""
    after = [*choice.supported_labels[choice.supported_labels.index(choice.labels[0]) + 1 :]]
    if not after:
        return "" if choice.labels[0] == NULL_LABEL else "it is the only variant that the machine supports"
    reason = why_label(choice.release, choice.support, choice.rules, choice.labels[0], after[0])
    return f"better than {after[0]}: {reason}"


def is_fallback(choice: Choice, labels: Set[str | None]) -> bool:
    """Return whether labels are those of machines without an accelerator, or an older release is for one."""
    return labels <= {None, NULL_LABEL} or choice.accelerated is not None


def would_fit(choice: Choice) -> list[str]:
    """Return a line for each label that ranks before the selected one: why it does not fit, what would help.

    The best label comes first, but an older release for an accelerator before it.
    """
    older = [text] if (text := older_text(choice)) else []
    reasons = (
        f"{better.label}: {problem}" for better in better_labels(choice) for problem in better.problems
    )
    return [*older, *reasons]


def better_labels(choice: Choice) -> list[BetterLabel]:
    """Return the labels that would rank before the selected one, if they were not excluded; best first."""
    problems = {label: tuple(_problems(choice, label)) for label in _labels(choice)}
    ranked = labels_in_order(choice.release, _if_supported(choice))
    unranked = [label for label in problems if label not in ranked]
    selected = choice.labels[0] if choice.labels else None
    before = [*unranked, *(ranked if selected is None else ranked[: ranked.index(selected)])]
    return [BetterLabel(label, problems[label]) for label in before if problems.get(label)]


def _labels(choice: Choice) -> Iterator[str]:
    """Yield the labels of a release's wheels."""
    yield from dict.fromkeys(wheel.label for wheel in choice.release.candidates if wheel.label is not None)


def _problems(choice: Choice, label: str) -> Iterator[Problem]:
    """Yield the problems that exclude a label; nothing if it is selected for an environment."""
    if label in choice.labels:
        return
    if objection := choice.rules.objection(choice.release.name):
        yield objection._replace(remedy=_REMEDIES[POLICY])
    metadata = choice.release.metadata
    variant = metadata.variants.get(label) if metadata else None
    if metadata is None or variant is None:
        yield Problem("unknown-label", "", "no usable index file has its properties")
        return
    for key, problem in unsupported_features(variant, metadata, choice.support.supported).items():
        values = [prop.value for prop in sorted(variant.properties) if prop.key == key]
        yield _with_remedy(problem, *key, values, choice)
    wheels = [wheel for wheel in choice.release.candidates if wheel.label == label]
    yield from dict.fromkeys(problem for wheel in wheels for problem in wheel.problems)
    if label in choice.supported_labels and not any(wheel.problems for wheel in wheels):
        if all(wheel.file.yanked is not None for wheel in wheels):
            yield Problem("yanked", "", "its wheels are yanked")
        else:
            tags = shortened([*dict.fromkeys(wheel.name.tags for wheel in wheels)], 4)
            yield Problem("wrong-tags", "", f"{_NO_WHEEL}; its wheels: {tags}", "use a Python of these tags")


def _with_remedy(
    problem: Problem, namespace: str, feature: str, needed: Sequence[str], choice: Choice
) -> Problem:
    """Return why a feature is not supported, with the source of the supported values and a remedy."""
    origin = choice.support.origins.get(namespace, UNKNOWN)
    values = choice.support.supported.get(namespace, {}).get(feature, ())
    rules = choice.rules.of(namespace)
    remedy = _REMEDIES.get(origin.kind)
    if any(feature in rule.parts[1:2] for rule in (*rules.limit, *rules.exclude)):
        remedy = _REMEDIES[POLICY]
    elif values:
        remedy = _SOFTWARE.get((namespace, feature))
    words = in_words(namespace, feature, needed)
    text = (
        f"needs {'one of ' if len(needed) > 1 else ''}{shortened(needed, 3)}{f' ({words})' if words else ''}"
    )
    supported = shortened(values, 3) or "none"
    return problem._replace(text=f"{text}; supported: {supported}; source: {origin}", remedy=remedy)


def _if_supported(choice: Choice) -> Support:
    """Return the supported values as if the machine supported all variants of a release."""
    metadata = choice.release.metadata
    missing: dict[str, dict[str, list[str]]] = {}
    for variant in metadata.variants.values() if metadata else ():
        for prop in sorted(variant.properties):
            missing.setdefault(prop.namespace, {}).setdefault(prop.feature, []).append(prop.value)
    known = choice.support.supported
    return Support({**known, **{name: _joined(known.get(name, {}), missing[name]) for name in missing}}, {})


def _joined(
    known: Mapping[str, Sequence[str]], missing: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str]]:
    """Return the supported values of a namespace with the missing ones at their likely positions."""
    result = {feature: [*values] for feature, values in known.items()}
    for feature, values in missing.items():
        merged = result.setdefault(feature, [])
        for value in values:
            if value not in merged:
                merged.insert(_position(merged, value), value)
    return result


def _position(values: Sequence[str], value: str) -> int:
    """Return the position of a value that is not supported: before those with a lower number, else first."""
    lower = at_most(values, value)
    if lower:
        return values.index(lower[0])
    return len(values) if any(letter.isdigit() for letter in value) else 0
