"""Ask real uv about many projects in one call: which file it installs."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from helpers.programs import empty_cache, run


def uv_installs(
    names: Sequence[str],
    target: Path,
    *sources: object,
    failing: Collection[str] = (),
    flag: bool = True,
    **env: Any,
) -> dict[str, str | None]:
    """Return the filename that uv installs of each project, None if it fails. *env* are its variables.

    Without its *flag*, uv sees plain wheels only.

    A project with which uv fails ends the call, which is repeated without it. This takes less time if
    projects that are likely to fail are *failing*: each is asked about alone.
    """
    cache = empty_cache()
    answers: dict[str, str | None] = {}
    groups = [[name] for name in names if name in failing]
    groups.append([name for name in names if name not in failing])
    for number in count():
        if not groups:
            return answers
        group = groups.pop()
        answer, error = _call(group, target / str(number), (*cache, *sources), flag, env)
        if answer is not None:
            answers |= answer
            continue
        named = [name for name in group if re.search(rf"\b{re.sub('[-_]', '[-_]', name)}\b", error)]
        if len(group) == 1:
            answers[group[0]] = None
        elif len(named) == 1:
            groups += [[named[0]], [name for name in group if name != named[0]]]
        else:
            groups += [group[: len(group) // 2], group[len(group) // 2 :]]
    raise AssertionError


def _call(
    names: Sequence[str], target: Path, more: Sequence[object], flag: bool, env: Mapping[str, Any]
) -> tuple[dict[str, str] | None, str]:
    """Return uv's answers, or None and the error."""
    preview = ("--preview-features", "wheel-variants") if flag else ()
    options = ("--no-config", *preview, "--link-mode", "copy", "-v")
    where = ("--python", sys.executable, "--target", target, "--no-build-isolation")
    done = run("uv", "pip", "install", *options, *where, *more, *names, ok=False, **env)
    if done.returncode:
        return None, done.stderr[done.stderr.rindex("\nerror:") :]
    selected = dict(re.findall(r"Selecting: (\S+)==\S+ \[.*?\] \((\S+)\)", done.stderr))
    return {name: selected[name.partition("==")[0].replace("_", "-")] for name in names}, ""
