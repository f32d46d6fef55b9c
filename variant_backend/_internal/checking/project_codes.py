"""The rules about project files."""

from __future__ import annotations

from collections.abc import Mapping

from ..project.own_requirement import CORE
from ..project.python_versions import OLDEST
from .rule import ERROR, PRACTICE, PROJECT, WARNING, Rule, format_rule

_PROJECT = (PRACTICE, PROJECT)

PROJECT_RULES: Mapping[str, Rule] = {
    "not-toml": format_rule("The project file is not valid TOML in UTF-8.", "correct its syntax", PROJECT),
    "misspelt-table": format_rule(
        "The name of a table is almost [variant] or [tool.variant-backend].", "rename the table", PROJECT
    ),
    "build-system": Rule(
        _PROJECT,
        ERROR,
        "The project file does not make variant_backend.hooks wrap another build backend.",
        "name variant_backend.hooks in [build-system], and the backend to wrap in [tool.variant-backend]",
    ),
    "build-requires": Rule(
        _PROJECT,
        ERROR,
        f"The build requirements do not install {CORE} in every build.",
        f'list "{CORE}" in build-system.requires, without a marker',
    ),
    "not-wrapped": Rule(
        _PROJECT,
        WARNING,
        "The project file has variants, but builds do not use variant_backend.hooks.",
        "run `variant-backend init`; if you only use `make-variant` on finished wheels, use"
        " --ignore not-wrapped",
    ),
    "unknown-recipe": Rule(
        _PROJECT,
        ERROR,
        "A recipe is for a label that [variant.variants] does not define.",
        "define the label there, or correct its spelling",
    ),
    "reserved-provider": format_rule(
        "A provider in the project file uses builtin, which is reserved.",
        "use static-properties or requires",
        PROJECT,
    ),
    "older-python": Rule(
        _PROJECT,
        WARNING,
        "The project supports versions of Python on which its wrapped build backend does not run.",
        f'write requires-python = ">={OLDEST}", or use `make-variant` on finished wheels instead',
    ),
    "undecidable-marker": Rule(
        _PROJECT,
        ERROR,
        "A dependency tests for one of several values of a feature.",
        "test variant_label or variant_features instead, or make one label for each value",
    ),
    "same-payload": Rule(
        _PROJECT,
        WARNING,
        "A recipe changes the build of a label, but not the payload of its wheel.",
        "correct the recipe; remove these keys if only the requirements differ;"
        " remove the label if the code gains nothing",
    ),
}
