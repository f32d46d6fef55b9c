"""The form of a rule of `check`: groups, severity, fact and remedy.

The severity of a rule about installers follows from its consequence. It is an error if an installer loses a
release or fails to install it, if it installs a wheel that the machine does not support, or if no installer
can select a variant. It is a warning if only uv never selects a variant, if some machines get the fallback,
or if an installer builds the sdist instead.
"""

from __future__ import annotations

from typing import NamedTuple

ERROR = "error"
WARNING = "warning"

FORMAT = "format"
PROJECT = "project"
PRACTICE = "practice"
UPLOAD = "upload"
INSTALLERS = ("uv", "pip")

# The groups of a rule about one installer, or about both.
UV = ("installers", "uv")
PIP = ("installers", "pip")
BOTH = ("installers", *INSTALLERS)

# A finding names the folder of the release instead of DIR.
REINDEX = "write it with `variant-backend index DIR`"
# `index` replaces no page of another tool, and leaves a folder with another name.
REPAGE = "remove the project's pages, and write new ones with `variant-backend index --simple DIR`"


class Rule(NamedTuple):
    """A rule: its groups, the severity of a violation, the violation as a sentence, and the remedy.

    A rule about an installer is in the group `installers` and in the group of that installer.
    """

    groups: tuple[str, ...]
    severity: str
    fact: str
    remedy: str


def format_rule(fact: str, remedy: str, *groups: str) -> Rule:
    """Return a rule of the format, whose violation is an error; *groups* are its other groups."""
    return Rule((FORMAT, *groups), ERROR, fact, remedy)
