"""Remember the answers of trusted plugins for a day, in a file in the user's cache folder.

The file is read as input from outside: whatever is wrong with it, nothing is found in it. An answer from it
is checked like the plugin's own. It is used only in the same situation: see `key_of`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ... import __version__
from ..errors import VariantError
from ..lowlevel.regular_files import read_regular
from ..lowlevel.terminal import print_detail
from ..lowlevel.user_cache import cache_path, prepare
from ..lowlevel.workspace import move_over, workspace
from .boot import situation
from .host import Host

_DAY = 86_400  # seconds
_MOST = 64
_LARGEST_ANSWER = 64 << 10  # characters
_LARGEST = 2 * _MOST * _LARGEST_ANSWER  # bytes

_OTHER_FORM = (AttributeError, LookupError, TypeError)

# Variables that each shell, terminal or session sets to another value.
_IGNORED = {
    *("_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "SSH_AUTH_SOCK", "SSH_CLIENT", "SSH_CONNECTION"),
    *("SSH_TTY", "STY", "TERM_SESSION_ID", "TMUX", "TMUX_PANE", "WINDOWID", "WINDOW", "XDG_SESSION_ID"),
}


class Remembered(NamedTuple):
    """An answer as the plugin printed it, and the names and versions of its packages."""

    printed: Mapping[str, Any]
    versions: Sequence[str]


def answers_path() -> Path:
    """Return the path of the file: on Linux ``~/.cache/variant-backend/plugin-answers-1.json``."""
    return cache_path("plugin-answers-1.json")  # the number changes with the format


def key_of(question: Sequence[object], host: Host) -> str | None:
    """Return the key of a question; None if answers cannot be remembered here.

    It is another one for another interpreter, version of this package, machine, container, group of the user,
    boot, or environment variable: any of them may change what a plugin detects.
    """
    if (where := situation(host)) is None:
        return None
    environ = sorted((name, text) for name, text in host.environ.items() if name not in _IGNORED)
    interpreter = (os.path.realpath(sys.executable), sys.version, __version__)
    groups = sorted(os.getgroups()) if hasattr(os, "getgroups") else []
    facts = [*question, *where, *interpreter, host.machine, platform.node(), groups, environ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def recall(path: Path, key: str, now: float) -> Remembered | None:
    """Return the answer with a key, None if there is none of the last day; *now* is in seconds since 1970."""
    entry = _entries(path, now).get(key)
    if entry is None:
        return None
    versions, printed = entry.get("versions"), entry.get("printed")
    if not isinstance(printed, dict) or not isinstance(versions, list):
        return None
    return Remembered(printed, [*map(str, versions)])


def remember(path: Path, key: str, answer: Remembered, now: float) -> None:
    """Write an answer, and forget those that are too old, and the oldest of too many."""
    entry = {"asked": int(now), **answer._asdict()}
    if len(json.dumps(entry)) > _LARGEST_ANSWER:
        return
    entries = {**_entries(path, now), key: entry}
    newest = sorted(entries, key=lambda name: int(entries[name]["asked"]))[-_MOST:]
    try:
        prepare(path)
        with workspace(path.parent) as folder:
            part = folder / path.name
            part.write_text(json.dumps({name: entries[name] for name in newest}), encoding="utf-8")
            part.chmod(0o600)
            move_over(part, path)
    except (OSError, ValueError, VariantError) as error:
        print_detail(f"{path}: {error}; no answer is remembered")


def _entries(path: Path, now: float) -> dict[str, dict[str, Any]]:
    """Return the entries of the last day; none if the file is missing, damaged, or not the user's own."""
    try:
        if not path.exists():
            return {}
        prepare(path)
        document = json.loads(read_regular(path, _LARGEST) or b"{}")
        return {key: entry for key, entry in document.items() if 0 <= int(now) - entry["asked"] < _DAY}
    # RecursionError: too many brackets. The last three: JSON of another form.
    except (OSError, ValueError, VariantError, RecursionError, *_OTHER_FORM) as error:
        print_detail(f"{path}: {type(error).__name__}: {error}; no answer is remembered in it")
        return {}
