"""Commands in messages, as the shell of this machine takes them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

# Neither cmd nor PowerShell gives these a meaning: PowerShell splits words at commas, cmd redirects at ``>``.
_PLAIN_ON_WINDOWS = r"[\w+=:./\\~-]+"


def quoted(word: object, *, windows: bool = sys.platform == "win32") -> str:
    r"""Return a word, as text, in the quotes that a shell needs: one of POSIX, or cmd and PowerShell.

    >>> quoted("a b", windows=False), quoted("C:\\a b\\", windows=True), quoted("C:\\a", windows=True)
    ("'a b'", '"C:\\a b\\\\"', 'C:\\a')
    """
    text = str(word)
    if not windows:
        import shlex  # rarely needed

        return shlex.quote(text)
    if re.fullmatch(_PLAIN_ON_WINDOWS, text):
        return text
    # Programs read backslashes before a quote in pairs.
    escaped = re.sub(r'(\\*)("|\Z)', lambda part: part[1] * 2 + ('\\"' if part[2] else ""), text)
    return f'"{escaped}"'


def command_line(words: Iterable[str]) -> str:
    """Return a command as a shell takes it."""
    return " ".join(map(quoted, words))
