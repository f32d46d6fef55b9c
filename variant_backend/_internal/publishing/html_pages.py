"""The pages of a package index for people: the variants of each project, and how to install them.

Plain HTML with inline style and without scripts.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import shortened
from ..formats.html_writing import Html, block, element
from ..formats.project_about import ProjectAbout
from .page_content import ProjectPage
from .page_parts import breadcrumb, page_footer, styled_page
from .release_section import ordered_labels_of, release_facts, release_section

_MOST_LABELS = 12


def project_page(project: ProjectPage, base_url: str | None = None) -> bytes:
    """Return the page of a project, which is ``project/{name}/index.html`` in the index.

    *base_url* is the URL of the index's folder, without a slash at the end. Commands contain it, or a
    placeholder if it is None.
    """
    name, summary = project.name, project.about.summary
    header = block(
        "header",
        breadcrumb("All projects", "../../index.html"),
        element("h1", name),
        element("p", summary, class_="summary") if summary else "",
        _versions(project),
    )
    sections = [
        release_section(name, release, base_url, is_open=release is project.latest)
        for release in project.releases
    ]
    main = block("main", *sections, _about(name, project.about))
    footer = _footer(f"../../simple/{name}/index.html")
    return styled_page(f"{name}: wheel variants", header, main, footer)


def projects_page(projects: Sequence[ProjectPage]) -> bytes:
    """Return the page that lists all projects."""
    header = block(
        "header",
        element("h1", "Packages"),
        element("p", "The projects of this index and their latest releases.", class_="summary"),
    )
    main = element("main", block("ul", *map(_card, projects), class_="cards"))
    return styled_page("Packages", header, main, _footer("simple/index.html"))


def _card(project: ProjectPage) -> Html:
    """Return the entry of a project in the list of all projects."""
    latest, summary = project.latest, project.about.summary
    labels = ordered_labels_of(latest)
    return element(
        "li",
        element("a", project.name, href=f"project/{project.name}/index.html"),
        " ",
        element("span", latest.version),
        element("p", summary) if summary else "",
        element("p", release_facts(latest), class_="facts"),
        element("p", f"Labels, best first: {shortened(labels, _MOST_LABELS)}", class_="facts")
        if labels
        else "",
    )


def _about(name: str, about: ProjectAbout) -> Html:
    """Return the section with the links and the description of a project."""
    if not about.links and not about.description:
        return Html()
    links = [
        Html(element("dt", label), element("dd", element("a", url, href=url, rel="nofollow noopener")))
        for label, url in about.links
    ]
    cut = element("p", "The description is longer; METADATA has all of it.", class_="note")
    description = block(
        "details",
        element("summary", f"Description of {name}"),
        element("pre", about.description, class_="description"),
        cut if about.is_cut else "",
    )
    return block(
        "section",
        element("h2", f"About {name}", id="about"),
        element("dl", *links, class_="links") if links else "",
        description if about.description else "",
        aria_labelledby="about",
    )


def _footer(simple_index: str) -> Html:
    link = element("a", "the simple index", href=simple_index)
    return page_footer("For installers: ", link, ". ")


def _versions(project: ProjectPage) -> Html:
    """Return links to the versions, or nothing if there is only one."""
    if len(project.releases) < 2:
        return Html()
    versions = [release.version for release in project.releases]
    links = (element("li", element("a", version, href=f"#v{version}")) for version in versions)
    return element("nav", element("ul", *links, class_="versions"), aria_label="Versions")
