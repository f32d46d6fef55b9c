"""The pages of the offer for people: the machines of a site, and what each of them gets of a project.

Like the static pages of a package index, they have no scripts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from ..errors import Problem, shortened
from ..formats.hardware_file import Detected
from ..formats.html_writing import Child, Html, block, element
from ..machine.support import Machine
from ..publishing.page_parts import (
    ADDRESS,
    breadcrumb,
    command_list,
    counted,
    note_about_address,
    page_footer,
    stacking_table,
    styled_page,
)
from ..publishing.tag_words import readable_tags
from ..variants.words import in_words
from .offer import Choice, Offer
from .reasons import BetterLabel, better_labels, label_text, older_text, why_selected

# Releases that are open when the page is loaded, and labels that are listed with all of their problems.
_MOST_OPEN, _MOST_LABELS = 1, 12
_EXAMPLE = "3.12-manylinux_2_28_x86_64"
_HEADINGS = ("Machine", "Gets", "Better variants that do not fit", "Wheels")


class MachineOffer(NamedTuple):
    """What a machine can see of a project: the upstream's names of its files, and the choices.

    *problems* are those of the project and of files that could not be prepared.
    """

    machine: str
    filenames: Collection[str]
    choices: tuple[Choice, ...]
    problems: tuple[Problem, ...]
    # How many files belong to releases without variants, or are sdists.
    without_variants: int = 0

    @classmethod
    def of(cls, machine: str, offer: Offer, problems: Iterable[Problem] = ()) -> MachineOffer:
        """Return an offer for people, with more *problems*."""
        filenames = {file.file.filename for file in offer.files}
        plain = sum(file.wheel is None for file in offer.files)
        return cls(
            machine, filenames, offer.choices, tuple(dict.fromkeys((*offer.problems, *problems))), plain
        )


def machines_page(machines: Iterable[tuple[str, Machine]]) -> bytes:
    """Return the start page: the machines of a site by name, and how installers use them."""
    header = block(
        "header",
        element("h1", "Package indexes by machine"),
        element("p", "Each index lists the best wheels for one kind of machine.", class_="summary"),
        note_about_address("the address of this page, without the slash at its end"),
    )
    sections = [_machine(name, machine) for name, machine in machines]
    return styled_page("Package indexes by machine", header, block("main", *sections, _hint()), _footer())


def _hint() -> Html:
    """Return how to find the other pages."""
    project, environment = element("code", "/project/NAME/"), element("code", f"/gpu/{_EXAMPLE}/simple/")
    text = " shows what each machine gets of a project. A path such as "
    rest = " names the Python and platform, for installers that do not send them."
    return element("section", element("p", project, text, environment, rest))


def _footer() -> Html:
    return page_footer("This server is experimental. ")


def _machine(name: str, machine: Machine) -> Html:
    """Return the section of a machine: its facts, and the commands that use its index."""
    index = f"{ADDRESS}/{name}/simple/"
    commands = [
        ("pip", f"pip install --index-url {index} PACKAGE"),
        ("uv", f"uv pip install --default-index {index} PACKAGE"),
    ]
    more = [
        ("Poetry", f"poetry source add --priority=primary {name} {index}"),
        ("PDM", f"PDM_PYPI_URL={index} PDM_CACHE_DIR=.pdm-cache-{name} pdm install"),
        ("pipenv", f"PIPENV_PYPI_MIRROR={index} pipenv install PACKAGE"),
    ]
    namespaces = machine.hardware.namespaces if machine.hardware else {}
    facts = [line for namespace in namespaces for line in _facts(namespace, namespaces[namespace])]
    nothing = element("p", "no facts: gets variants without properties, and plain wheels", class_="words")
    return block(
        "section",
        element("h2", name, id=f"machine-{name}"),
        element("ul", *facts, class_="properties") if facts else nothing,
        command_list(commands),
        block("details", element("summary", "Poetry, PDM, pipenv"), command_list(more)),
        aria_labelledby=f"machine-{name}",
    )


def _facts(namespace: str, known: Detected) -> Iterator[Html]:
    """Yield the features of a machine that have supported values, with the best value in words."""
    for feature, values in known.features.items():
        words = in_words(namespace, feature, values[:1])
        if values:
            yield element(
                "li",
                element("code", f"{namespace} :: {feature}"),
                " ",
                element("b", shortened(values, 1)),
                element("p", words, class_="words") if words else "",
            )


def offered_project_page(name: str, offers: Sequence[MachineOffer]) -> bytes:
    """Return the page of a project: what each machine gets of each release; all offers are of one project."""
    header = block(
        "header",
        breadcrumb("All machines", "../../"),
        element("h1", name),
        element("p", "What each machine gets, and why.", class_="summary"),
    )
    releases = [*zip(*(offered.choices for offered in offers), strict=True)]
    sections = [
        _release(offers, choices, is_open=place < _MOST_OPEN) for place, choices in enumerate(releases)
    ]
    main = block("main", *sections, _others(name, offers, bool(releases)), _problems(offers))
    return styled_page(f"{name}: what each machine gets", header, main, _footer())


def unknown_project_page(name: str, problems: Sequence[Problem]) -> bytes:
    """Return the page of a project that no source has, with the reasons."""
    header = block(
        "header",
        breadcrumb("All machines", "../../"),
        element("h1", f"Unknown project {name}"),
    )
    items = (element("li", str(problem)) for problem in problems)
    return styled_page("Unknown project", header, block("main", element("ul", *items)), _footer())


def _release(offers: Sequence[MachineOffer], choices: Sequence[Choice], *, is_open: bool) -> Html:
    """Return the section of a release; a closed one shows its contents on request."""
    release = choices[0].release
    title, anchor = f"{release.name} {release.version}", f"v{release.version}"
    rows = [
        (offered.machine, _cells(choice, offered.filenames))
        for offered, choice in zip(offers, choices, strict=True)
    ]
    table = stacking_table(f"What each machine gets of {title}", _HEADINGS, rows)
    if not is_open:
        gets = ", ".join(f"{row[0]}: {_short(choice)}" for row, choice in zip(rows, choices, strict=True))
        table = block("details", element("summary", gets), table)
    return block("section", element("h2", title, id=anchor), table, aria_labelledby=anchor)


def _short(choice: Choice) -> str:
    labels = () if choice.is_hidden else choice.labels
    return " or ".join(label or "plain" for label in labels) or "nothing"


def _cells(choice: Choice, offered: Collection[str]) -> list[Child]:
    """Return the cells about what a machine gets; *offered* are the upstream's names of offered files."""
    better = [_better(item) for item in better_labels(choice)]
    more = len(better) - _MOST_LABELS
    if more > 0:
        better[_MOST_LABELS:] = [element("li", f"and {counted(more, 'other label')}")]
    wheels = [wheel.name.tags for wheel in choice.release.candidates if wheel.file.filename in offered]
    left_out = len(choice.release.candidates) - len(wheels)
    return [_gets(choice), _list_of(better), _wheels(wheels, left_out)]


def _gets(choice: Choice) -> Html:
    """Return the label in words, why it is the best one, and the environments that may get another one."""
    if choice.is_hidden:
        return Html(element("p", element("b", "nothing")), element("p", older_text(choice), class_="words"))
    labels = [element("p", element("b", label_text(choice, label))) for label in choice.labels]
    if len(labels) > 1:
        labels.append(element("p", "depending on Python and platform", class_="words"))
    texts = filter(None, (why_selected(choice), older_text(choice)))
    conflicts = [element("p", str(problem), class_="words") for problem in choice.conflicts[:_MOST_LABELS]]
    nothing = element("p", element("b", "nothing"), ": no wheel fits")
    words = (element("p", text, class_="words") for text in texts)
    return Html(*(labels or [nothing]), *words, *conflicts)


def _wheels(tags: Iterable[str], left_out: int) -> Html:
    """Return the platforms of offered wheels, each with its interpreters, and the number of other wheels."""
    systems: dict[str, list[str]] = {}
    for text in dict.fromkeys(tags):
        system, interpreters = readable_tags(text)
        systems.setdefault(system, []).append(interpreters)
    items = (
        element("li", f"{system}: {', '.join(dict.fromkeys(interpreters))}")
        for system, interpreters in systems.items()
    )
    others = element("p", f"{counted(left_out, 'other wheel')} left out", class_="quiet")
    return Html(_list_of(items), others if left_out else "")


def _better(better: BetterLabel) -> Html:
    reasons = (element("p", str(problem), class_="words") for problem in better.problems)
    return element("li", element("code", better.label), *reasons)


def _list_of(items: Iterable[Html]) -> Html:
    listed = [*items]
    return element("ul", *listed) if listed else element("p", "none", class_="quiet")


def _others(name: str, offers: Sequence[MachineOffer], has_releases: bool) -> Html:
    """Return the section about the files of releases without variants, and links to the pages."""
    plain = offers[0].without_variants if offers else 0
    same = f"{counted(plain, 'file')} without variants: every machine gets the same."
    texts = ["" if has_releases else "No release has variants.", same if plain else ""]
    links = (
        element("li", element("a", offered.machine, href=f"../../{offered.machine}/simple/{name}/"))
        for offered in offers
    )
    title = element("h2", "Pages for installers")
    return block(
        "section",
        title,
        *(element("p", text) for text in texts if text),
        element("ul", *links, class_="wheels"),
    )


def _problems(offers: Sequence[MachineOffer]) -> Html:
    """Return the section with the problems of pages, index files and files; each problem once."""
    known: dict[Problem, list[str]] = {}
    for offered in offers:
        for problem in offered.problems:
            known.setdefault(problem, []).append(offered.machine)
    if not known:
        return Html()
    items = (
        element("li", str(problem), _of_machines(machines, len(offers)))
        for problem, machines in known.items()
    )
    return block("section", element("h2", "Problems"), element("ul", *items))


def _of_machines(machines: Sequence[str], total: int) -> Child:
    if len(machines) == total:
        return ""
    return element("p", f"for {', '.join(machines)}", class_="words")
