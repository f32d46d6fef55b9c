"""Gather a report about a machine, its environment, and what its user configured.

The report has parts. A part that fails reports its problem, and the other parts are still gathered. No
plugin is run. The only program that may be started is Python: the interpreter of an environment, as for
`installed`, and the process that asks libraries of drivers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ... import __version__
from ..errors import Problem, VariantError, one_of
from ..formats.hardware_file import Detected, Hardware
from ..lowlevel.urls import shown_reason
from ..variants.filename import normalize
from ..variants.namespace_support import Lazy
from ..variants.words import in_words
from .environment import Environment
from .host import Host
from .privacy import Privacy
from .toolkits import Toolkit, find_toolkits
from .user_config import KEYS, UserConfig

_MOST_FEATURES = 4  # of a namespace in the report for people
_MOST_TAGS = 3


class Section(NamedTuple):
    """A part of the report: its *value* in JSON, *rows* for people, and *problems* of what it read."""

    value: object
    rows: Sequence[Sequence[str]] = ()
    problems: Sequence[Problem] = ()


# The parts by key; a function gathers one, and raises any exception.
Parts: TypeAlias = Mapping[str, Callable[[], Section]]


class Question(NamedTuple):
    """What a report is about.

    *hardware* is None for this machine. *tags* returns the tags of a version of CPython, best first, or
    raises VariantError. *config* returns the configuration in force, or raises VariantError.
    """

    host: Host
    environment: Callable[[], Environment]
    hardware: Hardware | None
    tags: Callable[[str | None], Sequence[str]]
    config: Callable[[], UserConfig]


def gathered(parts: Parts, privacy: Privacy) -> tuple[dict[str, Section], list[Problem]]:
    """Return the sections by key, without what identifies the user, and the errors of the missing ones."""
    sections: dict[str, Section] = {}
    errors: dict[Problem, None] = {}
    for key, gather in parts.items():
        try:
            section = gather()
        except VariantError as error:
            errors |= dict.fromkeys(_private(problem, privacy) for problem in error.problems)
        except Exception as error:  # invalid files raise errors of many types
            text = f"{type(error).__name__}: {shown_reason(error)}"
            errors[_private(Problem("error", key, text), privacy)] = None
        else:
            sections[key] = Section(
                section.value if key == "machine" else privacy.hidden_in(section.value),
                [list(map(privacy.hidden, row)) for row in section.rows],
                [_private(problem, privacy) for problem in section.problems],
            )
    return sections, [*errors]


def _private(problem: Problem, privacy: Privacy) -> Problem:
    hidden = privacy.hidden
    remedy = hidden(problem.remedy) if problem.remedy else None
    return Problem(problem.code, hidden(problem.place), hidden(problem.text), remedy)


def report_parts(question: Question, privacy: Privacy) -> Parts:
    """Return the parts of the report in their order."""
    hardware = question.hardware or Hardware(Lazy(lambda: _detected(question.host).namespaces))
    environment = cache(question.environment)
    config = cache(question.config)
    parts: dict[str, Callable[[], Section]] = {
        "machine": lambda: machine_section(hardware, privacy),
        "policy": lambda: policy_section(config()),
        "environment": lambda: environment_section(environment(), question.tags, question.host),
        "plugins": lambda: plugins_section(environment(), config),
        "variants": lambda: variants_section(environment(), hardware),
        "tools": lambda: tools_section(environment, question.host.environ),
    }
    if question.hardware is None:
        toolkits = cache(lambda: find_toolkits(question.host))
        parts["toolkits"] = lambda: toolkits_section(*toolkits())
        parts["suggestions"] = lambda: suggestions_section(question.host, hardware, toolkits()[0])
    return parts


def _detected(host: Host) -> Hardware:
    from .detect import detect

    return detect(host)


def machine_section(hardware: Hardware, privacy: Privacy) -> Section:
    """Return the supported values, best first, with the source of each fact."""
    namespaces = {
        name: known._replace(source=privacy.hidden(known.source))
        for name, known in hardware.namespaces.items()
    }
    rows = [row for name, known in namespaces.items() for row in _rows_of(name, known)]
    return Section(Hardware(namespaces).to_dict(), rows, hardware.warnings)


def _rows_of(namespace: str, known: Detected) -> Iterator[list[str]]:
    """Yield a row for the best value of each feature: the property, its meaning, and the source."""
    if not known.features and not any(known.by_package.values()):
        yield [namespace, "nothing is supported", known.source]
    for package, values in [("", known.features), *known.by_package.items()]:
        source = f"for releases that require {package}" if package else known.source
        for feature in [*values][:_MOST_FEATURES]:
            best, *others = values[feature]
            more = f" (+{len(others)})" if others else ""
            yield [f"{namespace} :: {feature} :: {best}{more}", in_words(namespace, feature, [best]), source]
        if len(values) > _MOST_FEATURES:
            yield [namespace, f"and {len(values) - _MOST_FEATURES} more features", source]


def policy_section(config: UserConfig) -> Section:
    """Return the settings and rules of configuration files, with the file of each."""
    effects = [*config.settings(*KEYS), *config.effects()]
    rows = [[effect.key, effect.value, effect.file] for effect in effects]
    return Section([effect._asdict() for effect in effects], rows, config.warnings)


def environment_section(
    environment: Environment, tags_of: Callable[[str | None], Sequence[str]], host: Host
) -> Section:
    """Return the environment that the user works in, its best tags, and the names of variables."""
    import platform

    problems: Sequence[Problem] = ()
    try:
        tags = tags_of(environment.python)
    except VariantError as error:
        tags, problems = (), error.problems
    system = " ".join(filter(None, (platform.system(), platform.release(), host.machine)))
    # The values of variables may be secret.
    variables = sorted(name for name in host.environ if "VARIANT_PROVIDER" in name or _is_own(name))
    value = {
        "location": environment.location,
        "found-by": environment.found_by,
        "interpreter": str(environment.interpreter) if environment.interpreter else None,
        "python": environment.python,
        "folders": list(map(str, environment.folders)),
        "system": system,
        "tags": list(tags[:_MOST_TAGS]),
        "tag-count": len(tags),
        "variables": variables,
    }
    python = f"CPython {environment.python}" if environment.python else "not CPython, or unknown"
    rows = [["Python", python], ["location", str(environment)], ["system", system]]
    rows += [["tags", f"{', '.join(value['tags'])} ({len(tags)} in all)"]] if tags else []  # type: ignore[arg-type]
    rows += [["variables", ", ".join(variables)]] if variables else []
    return Section(value, rows, problems)


def _is_own(variable: str) -> bool:
    return variable.startswith("VARIANT_BACKEND_")


def plugins_section(environment: Environment, config: Callable[[], UserConfig]) -> Section:
    """Return the installed plugins, and the trusted packages, which are installed when they are needed."""
    from .plugins import installed_plugins

    try:
        trusted = config().trusted
    except VariantError:  # another part reports it, and nothing is trusted
        trusted = {}
    plugins, problems = installed_plugins(environment.folders)
    value: list[dict[str, object]] = [
        {**plugin._asdict(), "installed": True, "trusted": normalize(plugin.distribution) in trusted}
        for plugin in plugins
    ]
    present = {normalize(plugin.distribution) for plugin in plugins}
    value += (
        {
            **{"name": None, "reference": None, "distribution": name, "version": package.version},
            **{"installed": False, "trusted": True},
        }
        for name, package in trusted.items()
        if name not in present
    )
    rows = [
        [
            f"{entry['distribution']} {entry['version'] or ''}".rstrip(),
            str(entry["name"] or ""),
            _state_of(is_installed=bool(entry["installed"]), is_trusted=bool(entry["trusted"])),
        ]
        for entry in value
    ]
    return Section(value, rows, problems)


def _state_of(*, is_installed: bool, is_trusted: bool) -> str:
    if not is_trusted:
        return "installed, not trusted"
    return "installed, trusted" if is_installed else "trusted, installed when a release requires it"


def variants_section(environment: Environment, hardware: Hardware) -> Section:
    """Return the installed variants, and whether the machine supports them."""
    from ..wheels.distributions import installed_versions
    from .fitness import fitness
    from .installed import installed_variants
    from .support import Machine

    folders = environment.folders
    variants, errors = installed_variants(folders)
    machine = Machine(hardware, tuple(variants), Lazy(lambda: installed_versions(folders)))
    fits = [fitness(variant, machine, {}) for variant in variants]
    rows = [
        [
            f"{variant.inspection.name} {variant.inspection.version}",
            variant.inspection.label or "(none)",
            fit.verdict,
        ]
        for variant, fit in zip(variants, fits, strict=True)
    ]
    problems = [problem for error in errors for problem in error.problems]
    value = [{**variant.to_dict(), **fit.to_dict()} for variant, fit in zip(variants, fits, strict=True)]
    return Section(value, rows, problems)


def tools_section(environment: Callable[[], Environment], environ: Mapping[str, str]) -> Section:
    """Return the installers of the environment and on PATH, and what they support."""
    from .tools import InstallTool, find_tools

    try:
        folders = environment().folders
    except VariantError:  # another part reports it
        folders = ()
    own = InstallTool("variant-backend", __version__, str(Path(__file__).parents[2]))
    tools = [own, *find_tools(folders, environ)]
    rows = [[f"{tool.name} {tool.version or '(unknown)'}", tool.support.words] for tool in tools]
    return Section([{**tool._asdict(), **tool.support.to_dict()} for tool in tools], rows)


def toolkits_section(toolkits: Sequence[Toolkit], problems: Sequence[Problem]) -> Section:
    """Return the toolkits of other makers on this machine, and problems with their files."""
    rows = [
        [f"{toolkit.name} {toolkit.version or ''}".rstrip(), ", ".join(toolkit.places)]
        for toolkit in toolkits
    ]
    return Section(
        [
            {"name": toolkit.name, "version": toolkit.version, "places": list(toolkit.places)}
            for toolkit in toolkits
        ],
        rows,
        problems,
    )


def suggestions_section(host: Host, hardware: Hardware, toolkits: Sequence[Toolkit]) -> Section:
    """Return what to do about devices and toolkits that nothing here describes."""
    from .pci import pci_devices
    from .suggestions import suggest

    suggestions = suggest(
        list(pci_devices(host)), toolkits, hardware.namespaces, has_kfd=os.path.lexists(host.path("/dev/kfd"))
    )
    value = [
        {
            **{"code": one.code, "name": one.name, "seen": list(one.seen)},
            **{"message": one.text, "remedy": one.remedy},
        }
        for one in suggestions
    ]
    rows = [[f"{one.name}, {one_of(one.seen)}: {one.text}; {one.remedy}"] for one in suggestions]
    return Section(value, rows)
