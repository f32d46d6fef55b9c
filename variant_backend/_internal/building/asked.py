"""Find the label that the user requests by a variable, or as the best one for this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RequestError, VariantError
from ..project.config_settings import AUTO
from ..project.pyproject import PROJECT_FILE, Project
from ..project.user_variables import LABEL, PLAIN, check_variables, labels_of
from ..variants.filename import WheelFilename, normalize

if TYPE_CHECKING:
    from ..machine.user_config import UserConfig
    from ..variants.metadata import VariantMetadata
    from ..variants.namespace_support import Support
    from ..variants.ranking import Verdict

_PKG_INFO = Path("PKG-INFO")
_TAGS = "py3-none-any"


def asked_by_variable(environ: Mapping[str, str], warn: Callable[[str], object]) -> dict[str, str]:
    """Return the label that the variable requests for this project, in the form of `asked_variants`.

    Only an entry with the name of the project counts, because a variable reaches many builds. *warn* gets a
    line for an entry that may be meant for this project. Raises VariantError if a variable is invalid.
    """
    check_variables(environ)
    labels = labels_of(environ)
    name = _project_name() if labels else None
    if labels and name is None:
        warn(f"{PROJECT_FILE} has no project.name, so {LABEL} is ignored; use -Cvariant=LABEL")
    elif name is not None and normalize(name) in labels:
        label = labels[normalize(name)]
        return {} if label == PLAIN else {label: LABEL}
    elif "" in labels:
        warn(f"{LABEL}={labels['']} has no project name, so it is ignored; write {name}#{labels['']}")
    return {}


def _project_name() -> str | None:
    """Return the name of the project in the current folder, or None if no file has it."""
    from ..formats import core_metadata
    from ..formats.toml_read import read_toml, value_at

    name = value_at(read_toml(PROJECT_FILE), "project", "name")
    if isinstance(name, str):
        return name
    from ..lowlevel.regular_files import read_regular

    with suppress(OSError, VariantError):
        return core_metadata.read_field(read_regular(_PKG_INFO), "Name")
    return None


def with_best_label(
    asked: dict[str, str], environ: Mapping[str, str], say: Callable[[str], object]
) -> dict[str, str]:
    """Return what is *asked*, with the best label instead of ``auto``; nothing if no variant fits.

    Raises VariantError like `best_label`, and if another label or a property is requested too.
    """
    setting = asked[AUTO]
    if setting not in ("variant", LABEL):
        return asked
    if len(asked) > 1:
        raise RequestError(
            "-Cvariant=auto selects a label itself", remedy="remove the other variant settings"
        )
    label = best_label(environ, say)
    return {} if label is None else {label: setting}


def best_label(environ: Mapping[str, str], say: Callable[[str], object]) -> str | None:
    """Return the label that fits this machine best, None for the plain wheel; no plugin runs.

    Only labels that `variant-backend build` builds count. *say* gets one line with the reason.
    Raises VariantError if the project defines no label, or the label ``auto``.
    """
    from packaging.tags import Tag

    from ..machine.user_config import build_policy_text, configured
    from ..variants.ranking import rank_wheels
    from ..variants.wheel_variant import missing_table

    project = Project.load(PROJECT_FILE)
    if project.metadata is None:
        raise missing_table()
    labels = dict.fromkeys([*project.metadata.variants, *project.recipes])
    if AUTO in labels:
        raise RequestError(
            "'auto' is a label of this project, and also requests the best label",
            remedy="write -Cvariant-label=auto for the label, or rename the label",
        )
    variants = {label: project.metadata.variant(label) for label in labels}
    metadata = project.metadata._replace(variants=variants)
    names = [WheelFilename("demo", "1", "", _TAGS, label) for label in [*labels, None]]
    config = configured(environ, project=True)
    rules = config.rules
    known = _support(metadata, environ, config)
    namespaces = rules.in_order(metadata.namespaces)
    against = rules.objection(_project_name() or "")
    barred = {name: (against,) for name in names if against and name.label}
    tags = [Tag(*_TAGS.split("-"))]
    ordered = metadata._replace(namespaces=namespaces)
    verdicts = rank_wheels(names, ordered, known.supported, tags, barred=barred)
    reasons = [_reason(verdicts, rules.preferred_namespaces()), *_unknown(known, environ, config)]
    say("; ".join(filter(None, [*reasons, build_policy_text(config, environ)])))
    return verdicts[0].filename.label


def _support(metadata: VariantMetadata, environ: Mapping[str, str], config: UserConfig) -> Support:
    """Return the supported values of this machine, or of the machine that a setting describes."""
    from ..machine.detect import hardware_of
    from ..machine.support import Machine, Policy, machine_support
    from ..machine.user_config import machine_in_build

    machine, place = machine_in_build(environ, config)
    try:
        hardware = hardware_of(machine, environ, config.detected, least=config.least)
        return machine_support(metadata, Machine(hardware), Policy(rules=config.rules))[0]
    except VariantError as error:
        raise error.within(place) from None


def _unknown(known: Support, environ: Mapping[str, str], config: UserConfig) -> Iterator[str]:
    """Yield a text for each namespace whose supported values are unknown."""
    from ..machine.user_config import unknown_in_build
    from ..variants.namespace_support import UNKNOWN

    for namespace, origin in known.origins.items():
        if origin.kind == UNKNOWN.kind:
            why = unknown_in_build(namespace, environ, config)
            yield f"{namespace}: unknown ({why}); request a label with -Cvariant=LABEL"


def _reason(verdicts: list[Verdict], preferred: Collection[str]) -> str:
    """Return a text with the best wheel, why it is better than the next one, and why others do not fit.

    *preferred* are namespaces whose priority is that of the policy.
    """
    from ..variants.ranking import why_better

    best, *others = verdicts
    parts = [f"-Cvariant=auto selected {_name(best)}"]
    if best.key and others and others[0].key:
        parts[0] += f", before {_name(others[0])}: {why_better(best.key, others[0].key, preferred=preferred)}"
    for verdict in others:
        parts += [f"not {_name(verdict)}: {reason}" for reason in verdict.reasons]
    return "; ".join(parts)


def _name(verdict: Verdict) -> str:
    return repr(verdict.filename.label) if verdict.filename.label else "the plain wheel"
