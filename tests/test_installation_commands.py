"""No page, example or workflow installs our distributions by name: nobody owns the names before a release."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.sample_projects import ROOT

FILES = sorted(
    path
    for pattern in (
        "*.md",
        "commands/*.md",
        "docs/**/*.md",
        "examples/**/*",
        "*.yml",
        ".*.yaml",
        ".github/**/*",
    )
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix not in (".c", ".pyc") and path.name != "RELEASING.md"
)
NAME = r"""["']?(?<![\w./~-])variant-backend(?:-core)?(?![\w/.-])"""
BY_NAME = re.compile(
    rf"""
    \b(?:pip3?|uv|poetry|pdm|pipenv|pipx|session|conda)\b[ .](?:pip[ ]|tool[ ])?
        (?:install|add|download|wheel|inject|sync|upgrade)\b [^\n`]* {NAME}
    | \b(?:pipx|uv|uv[ ]tool)[ ]run[ ] (?![^\n`]*(?:--spec|--from|--with)[ =]\S*/) [^\n`]* {NAME}
    | \buvx[ ] (?![^\n`]*--from[ =]\S*/) [^\n`]* {NAME}
    | --(?:spec|from|with)[ =]{NAME}
    | additional_dependencies:[^\n`]* {NAME}
    | ^\s*(?:-[ ])?{NAME}["']? (?:\[[\w,]+\])? (?:[=~<>]=[\w.]+)? ["']?$
    """,
    re.VERBOSE | re.MULTILINE,
)


def commands_by_name(text: str) -> list[str]:
    """Return the commands that install by name, without those that are for after the first release."""
    text = re.sub(r"^\*\*`[^`\n]+`\*\*\n\n", "", text, flags=re.MULTILINE)  # the name of a shown file
    text = re.sub(r"(`[^`\n]+)\n([^`\n]+`)", r"\1 \2", text)  # a command may go on in the next line
    result = []
    for match in BY_NAME.finditer(text):
        before, _, rest = text[: match.end()].rpartition("\n\n")
        context = before.rpartition("\n\n")[2] + rest + text[match.end() :].partition("\n\n")[0]
        if not re.search(r"after\s+(?:the|its)\s+(?:first\s+)?release", context, re.IGNORECASE):
            result.append(match[0].strip())
    return result


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_command_installs_a_name_that_nobody_owns(path: Path) -> None:
    assert commands_by_name(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "    pip install variant-backend",
        "pip install --quiet 'variant-backend[serve]==0.1.0'",
        "RUN pip install --no-cache-dir variant-backend[serve]",
        "`pip install variant-backend-core` installs it",
        "`pip\ninstall variant-backend-core` installs it",
        "python -m pip download variant-backend",
        "- run: pipx run variant-backend index dist",
        "pipx run --spec variant-backend make-variant x.whl",
        "uvx variant-backend check",
        "uvx --from variant-backend make-variant",
        "uv tool install variant-backend",
        "uv tool run variant-backend",
        "uv add --dev variant-backend",
        "uv run --with variant-backend python",
        "poetry add variant-backend",
        'session.install("variant-backend")',
        "  additional_dependencies: [variant-backend]",
        "  additional_dependencies:\n    - variant-backend",
        "variant-backend==0.1.0",
    ],
)
def test_each_form_of_a_command_by_name_is_found(text: str) -> None:
    assert len(commands_by_name(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "pip install . './commands[serve]'",
        "pip wheel --wheel-dir ~/variant-backend . ./commands",
        "pip install ci/packages/*.whl",
        "pip install ./variant-backend ./variant-backend/commands",
        "pipx run --spec ./variant-backend/commands variant-backend check",
        "variant-backend run -- pip install torch",
        "After the first release:\n\n    pip install variant-backend",
        "`pip install 'variant-backend[serve]'` after the release.",
        'requires = ["setuptools", "variant-backend-core"]',
        "pip uninstall variant-backend",
    ],
)
def test_files_and_later_releases_are_accepted(text: str) -> None:
    assert commands_by_name(text) == []
