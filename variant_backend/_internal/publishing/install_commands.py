"""The commands that pages for people show: they install a release, or one wheel, from the index."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urljoin

from ..errors import shortened
from ..formats.html_writing import Html, element
from ..variants.properties import NULL_LABEL
from ..variants.uv_behaviour import UV_FLAG
from .page_content import ReleaseSection, WheelLink
from .page_parts import ADDRESS, command_block, command_list, note_about_address

# The index from which requirements come that an index lacks. uv uses it by default.
_PYPI = "https://pypi.org/simple/"
_MOST_NAMES = 12


class InstallCommands(NamedTuple):
    """The commands for a release: *uv* and *pip* are their starts, with the options for the index.

    No installer accepts variants with labels in *refused*.
    """

    uv: str
    pip: str
    base_url: str | None
    refused: Collection[str]

    @classmethod
    def of(cls, release: ReleaseSection, base_url: str | None) -> InstallCommands:
        """Return the commands for a release. They name a second index only if they need one."""
        index = shlex.quote(_url(base_url, "simple/"))
        # A wheel's requirements are known, those for building an sdist are not.
        builds = release.has_sdist and not release.has_plain_wheel
        more = f" --extra-index-url {_PYPI}" if release.lacking or builds else ""
        option = "--index" if release.lacking else "--index-url"
        return cls(
            f"uv pip install {UV_FLAG} {option} {index}",
            f"pip install --index-url {index}{more}",
            base_url,
            release.labels if release.dropped else {*release.unselected},
        )

    def one(self, wheel: WheelLink) -> Html:
        """Return the command that installs one wheel, with a note about what refuses it."""
        program = self.pip if wheel.label is None else self.uv
        command = command_block(f"{program} {shlex.quote(_url(self.base_url, wheel.link.path))}")
        if wheel.label in self.refused:
            return element("p", "No released installer accepts this wheel.", class_="note")
        if wheel.label in (None, NULL_LABEL):
            return command
        return Html(command, element("p", "uv refuses it if the machine does not support it.", class_="note"))

    def best(self, name: str, release: ReleaseSection) -> Html:
        """Return the commands that select a wheel of the release, with notes about them."""
        wanted = shlex.quote(f"{name}=={release.version}")
        rows = []
        if release.is_for_uv:
            rows.append(("The best variant for your machine", f"{self.uv} {wanted}"))
        if release.has_plain_wheel or release.has_sdist:
            subject = "The plain wheel" if release.has_plain_wheel else "Built from source"
            rows.append((f"{subject}, with any installer", f"{self.pip} {wanted}"))
        notes = [*_notes(release)]
        if self.base_url is None and rows:
            notes.insert(0, note_about_address("the part of this page's address before ", _code(name)))
        return Html(command_list(rows) if rows else "", *notes)


def _notes(release: ReleaseSection) -> list[Html]:
    """Return notes about what the commands do not show."""
    texts = []
    if release.lacking:
        names = shortened(release.lacking, _MOST_NAMES)
        texts.append(
            f"This index lacks {names}: these commands also use PyPI. "
            "pip takes the best file of all indexes, uv that of the first index that has the project."
        )
    elif release.has_sdist and not release.has_plain_wheel:
        texts.append("Building from source also uses PyPI, for build requirements.")
    if not release.has_plain_wheel and release.labels:
        texts.append("Installers without variant support find no wheel of this release.")
    if release.dropped:
        texts.append(f"No released installer reads the variants of this release: {release.dropped}.")
    return [element("p", text, class_="note") for text in texts]


def _code(name: str) -> Html:
    return element("code", f"/project/{name}/")


def _url(base_url: str | None, path: str) -> str:
    """Return the URL of a *path* that is relative to the index's folder."""
    return urljoin(f"{base_url}/", path) if base_url else f"{ADDRESS}/{path}"
