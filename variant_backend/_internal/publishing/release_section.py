"""The section of a release on a page for people: how to install it, its variants, and its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..formats.html_writing import Child, Html, block, element
from ..variants.properties import NULL_LABEL, Variant
from ..variants.words import FOR_ALL_INSTALLERS, FOR_EVERY_MACHINE, all_in_words
from .file_list import file_list
from .install_commands import InstallCommands
from .label_order import labels_best_first
from .page_content import ReleaseSection, WheelLink
from .page_parts import counted, stacking_table
from .tag_words import readable_tags

# Longer lists of requirements are visible on request.
_MOST_OPEN = 12
# The wheels of each label, None for plain wheels.
_ByLabel = Mapping[str | None, Sequence[WheelLink]]


def release_section(name: str, release: ReleaseSection, base_url: str | None, *, is_open: bool) -> Html:
    """Return the section of a release; a closed one shows its contents on request."""
    anchor = f"v{release.version}"
    title = f"{name} {release.version}"
    commands = InstallCommands.of(release, base_url)
    by_label = _by_label(release)
    wheels = [wheel for members in by_label.values() for wheel in members]
    contents = [
        commands.best(name, release),
        _table(title, release, by_label) if by_label else "",
        _shared(release),
        file_list(title, wheels, release.others, commands),
    ]
    facts = release_facts(release)
    if is_open:
        contents.insert(0, element("p", facts, class_="facts"))
    else:
        contents = [block("details", element("summary", facts), *contents)]
    return block("section", element("h2", title, id=anchor), *contents, aria_labelledby=anchor)


def release_facts(release: ReleaseSection) -> str:
    """Return the numbers of files by their kinds, the Python versions and the date, in one line."""
    numbers = {"variant": len(release.labels), "wheel": len(release.wheels), "sdist": int(release.has_sdist)}
    facts = [counted(number, word) for word, number in numbers.items() if number]
    if release.requires_python:
        facts.append(f"Python {release.requires_python}")
    links = [*(wheel.link for wheel in release.wheels), *release.others]
    if dates := [link.uploaded for link in links if link.uploaded]:
        facts.append(min(dates)[:10])
    return " · ".join(facts)


def ordered_labels_of(release: ReleaseSection) -> list[str]:
    """Return the labels of a release's wheels, best first, and the null variant last."""
    ranked = labels_best_first(release.metadata) if release.metadata else []
    place = {label: number for number, label in enumerate(ranked)}

    def rank(label: str) -> tuple[bool, int, str]:
        return label == NULL_LABEL, place.get(label, len(place)), label

    return sorted(release.labels, key=rank)


def _by_label(release: ReleaseSection) -> _ByLabel:
    """Return the wheels by label: variants, the best first, then null, then the plain wheels (None)."""
    labels = [*ordered_labels_of(release), *([None] if release.has_plain_wheel else [])]
    grouped: dict[str | None, list[WheelLink]] = {label: [] for label in labels}
    for wheel in sorted(release.wheels, key=lambda wheel: wheel.link.filename):
        grouped[wheel.label].append(wheel)
    return grouped


def _table(title: str, release: ReleaseSection, by_label: _ByLabel) -> Html:
    """Return the table of a release's variants and plain wheels."""
    differing = _differing(by_label)
    headings = ["Variant", "For", "Wheels for", *(["Also requires"] if any(differing.values()) else [])]
    rows = [
        (_label(label), [_meaning(release, label), _platforms(wheels), _list(differing[label])])
        for label, wheels in by_label.items()
    ]
    caption = f"Variants of {title}, best first" if release.labels else f"Wheels of {title}"
    return stacking_table(caption, headings, rows)


def _label(label: str | None) -> Child:
    return "plain wheel" if label is None else element("code", label)


def _meaning(release: ReleaseSection, label: str | None) -> Html:
    """Return what a machine must have for a label, in words, and the properties on request."""
    if label is None:
        return element("p", FOR_ALL_INSTALLERS, class_="quiet")
    variant = release.metadata.variants.get(label) if release.metadata else None
    if variant is None or not variant.properties:
        return element("p", FOR_EVERY_MACHINE, class_="quiet")
    reason = release.unselected.get(label)
    note = f"No released installer selects it: {reason}."
    return Html(_properties(variant), element("p", note, class_="note") if reason else "")


def _properties(variant: Variant) -> Html:
    """Return the properties in words, with the exact ones folded; without words, the exact ones."""
    exact = (element("li", element("code", str(prop))) for prop in sorted(variant.properties))
    return Html(
        element("ul", *(element("li", words) for words in all_in_words(variant.properties))),
        block("details", element("summary", f"Properties of {variant.label}"), element("ul", *exact)),
    )


def _platforms(wheels: Iterable[WheelLink]) -> Html:
    """Return the platforms of wheels, each with its interpreters."""
    systems: dict[str, dict[str, None]] = {}
    for wheel in wheels:
        system, interpreters = readable_tags(wheel.tags)
        systems.setdefault(system, {})[interpreters] = None
    items = (element("li", f"{system}: {', '.join(names)}") for system, names in systems.items())
    return element("ul", *items)


def _common(wheels: Iterable[WheelLink]) -> list[str]:
    """Return the requirements that all of the wheels have."""
    first, *others = [wheel.requirements for wheel in wheels]
    shared = set(first).intersection(*others)  # a set, as there may be thousands of requirements
    return [text for text in first if text in shared]


def _differing(by_label: _ByLabel) -> dict[str | None, list[str]]:
    """Return for each label the requirements of its wheels that not every wheel has."""
    shared = set(_common(wheel for wheels in by_label.values() for wheel in wheels))
    result = {}
    for label, wheels in by_label.items():
        own = set(_common(wheels))
        every = dict.fromkeys(text for wheel in wheels for text in wheel.requirements if text not in shared)
        result[label] = [text if text in own else f"{text} (some of the wheels)" for text in every]
    return result


def _list(texts: Sequence[str]) -> Html:
    if not texts:
        return element("p", "nothing", class_="quiet")
    listed = element("ul", *(element("li", element("code", text)) for text in texts))
    if len(texts) <= _MOST_OPEN:
        return listed
    return block("details", element("summary", counted(len(texts), "requirement")), listed)


def _shared(release: ReleaseSection) -> Html:
    shared = _common(release.wheels) if release.wheels else []
    return Html(element("h3", "Every wheel requires"), _list(shared)) if shared else Html()
