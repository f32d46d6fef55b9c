"""The rules of `check`: a table of all codes, and the selection by code and group.

The codes are stable. The readers of documents use the same codes in their problems. `rule` says what decides
the severity of a rule. The modules `GROUP_codes` have the rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..errors import VariantError, did_you_mean, one_of
from .format_codes import FORMAT_RULES
from .installer_codes import INSTALLER_RULES
from .practice_codes import PRACTICE_RULES
from .project_codes import PROJECT_RULES
from .rule import ERROR, FORMAT, INSTALLERS, PRACTICE, PROJECT, UPLOAD, WARNING, Rule
from .upload_codes import UPLOAD_RULES

__all__ = (
    "BY_DEFAULT",
    "ERROR",
    "FORMAT",
    "GROUPS",
    "INSTALLERS",
    "PAYLOAD",
    "RULES",
    "UPLOAD",
    "WARNING",
    "select_codes",
)

RULES: Mapping[str, Rule] = {
    **FORMAT_RULES,
    **INSTALLER_RULES,
    **PROJECT_RULES,
    **PRACTICE_RULES,
    **UPLOAD_RULES,
}
GROUPS = (FORMAT, "installers", *INSTALLERS, PROJECT, PRACTICE, UPLOAD)
# The rules about compiled modules, which are read only on request.
PAYLOAD = ("runtime-mismatch", "unreadable-module")

# A path that cannot be checked is always reported, even if a selection leaves out other rules.
_PATHS = {"unreadable", "unknown-file", "nothing-to-check"}

# Wheels for one's own index break the other rules on purpose, so they are checked only if a selection names
# them or their group.
BY_DEFAULT = frozenset(RULES) - {"labelled-upload", "large-upload", "local-version", "refused-platform"}


def select_codes(select: Iterable[str], ignore: Iterable[str], installers: Collection[str]) -> set[str]:
    """Return the selected codes: those in *select*, or all, minus those in *ignore*.

    Both take codes and groups. Rules about an installer are left out unless it is one of *installers*. Rules
    about given paths are always selected, unless *ignore* has their codes. Some rules of the group ``upload``
    are selected only if *select* has them or their group.
    Raises VariantError with a suggestion if a name is neither a code nor a group, or if no rule is left.
    """
    select, ignore = [*select], [*ignore]
    wanted, unwanted = _codes(select), _codes(ignore)
    about = {*INSTALLERS} - {*installers}
    foreign = {
        code
        for code, rule in RULES.items()
        if (concerned := {*INSTALLERS}.intersection(rule.groups)) and concerned <= about
    }
    left = {*(wanted or BY_DEFAULT)} - unwanted - foreign
    if not left:
        given = [option for option, names in (("--select", select), ("--ignore", ignore)) if names]
        raise VariantError("no rule is left", remedy=f"leave out {' and '.join(given)}")
    return left | (_PATHS - {*ignore})


def _codes(names: Iterable[str]) -> set[str]:
    codes = set[str]()
    for name in names:
        named = {code for code, rule in RULES.items() if name == code or name in rule.groups}
        if not named:
            suggestion = did_you_mean(name, [*RULES, *GROUPS])
            raise VariantError(
                f"unknown code or group {name!r}{suggestion}",
                remedy=f"known groups: {one_of(GROUPS)}; `variant-backend check --list` prints the codes",
            )
        codes |= named
    return codes
