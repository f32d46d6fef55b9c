"""Write the addresses of the project into the metadata of both distributions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from hatchling.metadata.plugin.interface import MetadataHookInterface

# The address of the repository, without a slash at its end; RELEASING.md says what else depends on it.
# Without it, the metadata has no addresses, and --help names the files of the documentation.
REPOSITORY = ""

# Links in the README of a distribution start at its folder in the repository.
FOLDERS = {"variant-backend-core": "", "variant-backend": "commands/"}
PICTURES = (".png", ".svg")


class CustomMetadataHook(MetadataHookInterface):
    """Hatchling calls it for the metadata of each distribution."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `urls`, and `readme` with links that work on a package index, too."""
        check_address(REPOSITORY)
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        version = metadata["version"]
        tag = "HEAD" if ".dev" in version else f"v{version}"  # between releases, there is no tag
        if REPOSITORY:
            text = with_absolute_links(text, f"{tag}/{FOLDERS[metadata['name']]}README.md")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = project_urls(tag) if REPOSITORY else {}


def check_address(address: str) -> None:
    """Check that an address is empty or that of a repository; raises ValueError.

    It is published: without a user and a password, and files are below it.
    """
    if address and not re.fullmatch(r"https://[\w.-]+(:\d+)?(/[\w.~-]+)+(?<!\.git)", address):
        raise ValueError(
            "commands/hatch_build.py: REPOSITORY: expected an address such as https://HOST/OWNER/NAME,"
            f" got {address!r}; write it with https, without a user, and without / or .git at its end"
        )


def project_urls(tag: str) -> dict[str, str]:
    """Return the addresses that a package index shows, for a version."""
    files = f"{REPOSITORY}/blob/{tag}"
    return {
        "Documentation": f"{files}/docs/index.md",  # --help finds its pages beside it
        "Source": REPOSITORY,
        "Issues": f"{REPOSITORY}/issues",
        "Changelog": f"{files}/CHANGELOG.md",
        "Security": f"{files}/SECURITY.md",
    }


def with_absolute_links(text: str, page: str) -> str:
    """Return the text of a page of the repository, such as ``v1.0/README.md``, with absolute links."""

    def absolute(link: re.Match[str]) -> str:
        form = "raw" if link[1].endswith(PICTURES) else "blob"
        return f"]({urljoin(f'{REPOSITORY}/{form}/{page}', link[1])})"

    return re.sub(r"\]\(([^()\s]+)\)", absolute, text)
