"""The options for sources of wheels, the user's policy and the target environment."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import VariantError, problems_of
from ..lowlevel.credentials import keyring_urls, use_keyring
from ..lowlevel.terminal import print_message
from ..variants.filename import check_project_name, normalize
from ..variants.properties import check_name
from .command import WrongUsage
from .environment_options import environment_finder, interpreter_option, path_option
from .machine_options import machine_option
from .network_options import network_options
from .options import (
    CommandOption,
    align_option,
    allow_local_option,
    find_links_option,
    index_url_option,
    overlay_option,
    read_supported,
    reading,
)
from .policy_options import configuration, no_policy_option, say_policy

if TYPE_CHECKING:
    from packaging.version import Version

    from ..formats.hardware_file import Detected, Hardware
    from ..formats.machine_spec import MachineSpec
    from ..machine.environment import Environment
    from ..machine.support import Machine, Policy
    from ..machine.trusted_plugins import Trusted
    from ..selection.releases import Sources
    from ..selection.target import Target
    from ..variants.alignment import AlignedName
    from ..variants.ranking import Supported

_Function = TypeVar("_Function", bound=Callable[..., object])


def _namespaces(texts: Sequence[str]) -> tuple[str, ...]:
    for text in texts:
        check_name(text, "namespace")
    return tuple(dict.fromkeys(texts))


def _trusted(texts: Sequence[str]) -> Trusted:
    from ..machine.trusted_plugins import TrustedPackage, trusting

    return trusting([*map(TrustedPackage.parse, texts)])


def _pins(texts: Sequence[str]) -> dict[str, Version]:
    pins: dict[str, Version] = {}
    for name, version in map(_pin, texts):
        if pins.setdefault(name, version) != version:
            text = f"two versions of {name!r}: {pins[name]} and {version}"
            raise VariantError(text, remedy="leave one of them out")
    return pins


def _pin(text: str) -> tuple[str, Version]:
    from packaging.version import InvalidVersion, Version

    if match := re.fullmatch(r"([\w.-]+)\s*(=|[<>!~]=?)[^=].*", text):
        raise VariantError(f"{text!r}: missing version", remedy=f"write {match[1]}==VERSION")
    name, separator, version = map(str.strip, text.partition("=="))
    try:
        check_project_name(name)
        if separator:
            return normalize(name), Version(version)
    except (VariantError, InvalidVersion) as error:
        raise VariantError(f"{text!r}: {error}") from None
    raise VariantError(f"{text!r}: missing version", remedy="write NAME==VERSION")


supported_option: CommandOption = click.option(
    "--supported",
    "given",
    multiple=True,
    callback=reading(read_supported),
    metavar="'NS :: FEATURE :: V1, V2'",
    help="Supported values, best first; may be repeated.",
)


def warn_of_lone_values(given: Supported) -> None:
    """Warn if --supported has only the best value of a list that facts would give."""
    from ..variants.machine_facts import lone_values

    for problem in lone_values(given):
        click.get_current_context().obj.warn(problem.within("--supported"))


allow_root_option: CommandOption = click.option(
    "--allow-root", is_flag=True, help="Run plugins as root, too."
)
# The parameters of the options for sources, the machine, the policy and the target environment.
SELECTION = frozenset(
    (
        *("find_links", "index_url", "overlays", "allows_local", "given", "machine", "enabled"),
        *("disabled", "trusted", "align"),
        *("paths", "interpreter", "pinned", "python", "platform", "keyring_provider"),
        *("allow_root", "refresh", "no_policy"),
    )
)
python_option: CommandOption = click.option(
    "--python",
    metavar="VERSION",
    help="The CPython version, such as 3.12 or 3.13t.  [default: the version that runs this command]",
)
platform_option: CommandOption = click.option(
    "--platform",
    metavar="TAG",
    help="The platform, such as manylinux_2_28_x86_64 or windows, instead of this one.",
)
_MACHINE_OPTIONS = (
    supported_option,
    machine_option(),
    click.option(
        "--enable",
        "enabled",
        multiple=True,
        callback=reading(_namespaces),
        metavar="NS",
        help="Use an optional namespace; may be repeated.",
    ),
    click.option(
        "--disable",
        "disabled",
        multiple=True,
        callback=reading(_namespaces),
        metavar="NS",
        help="Support no value of a namespace; may be repeated.",
    ),
    click.option(
        "--trust-plugin",
        "trusted",
        multiple=True,
        callback=reading(_trusted),
        metavar="NAME[==VERSION]",
        help="Run this package's plugins in an isolated environment; may be repeated.",
    ),
    allow_root_option,
    click.option(
        "--refresh",
        is_flag=True,
        help="Ask trusted plugins again, instead of using their answers of the last day.",
    ),
)
_OPTIONS = (
    *_MACHINE_OPTIONS,
    align_option,
    path_option,
    interpreter_option,
    click.option(
        "--pin",
        "pinned",
        multiple=True,
        callback=reading(_pins),
        metavar="NAME==VERSION",
        help="The version of another package in the environment; may be repeated.",
    ),
    python_option,
    platform_option,
    no_policy_option,
)


def overlaid_sources_options(command: _Function) -> Callable[..., object]:
    """Add the options of `sources_options`, --overlay and --allow-local."""
    return overlay_option(allow_local_option(sources_options(command)))


def sources_options(command: _Function) -> Callable[..., object]:
    """Add --find-links, --index-url and --keyring-provider; the command gets ``sources``, a `Sources`."""

    @functools.wraps(command)
    def with_sources(
        *args: Any,
        find_links: tuple[str, ...],
        index_url: tuple[str, ...],
        overlays: tuple[Path, ...] = (),
        allows_local: bool = False,
        **kwargs: Any,
    ) -> object:
        sources = read_sources(find_links, index_url, overlays, allows_local=allows_local)
        if (named := keyring_urls()) is not None:
            use_keyring([*named, *sources.every_index_url])
        return command(*args, sources=sources, **kwargs)

    return find_links_option(index_url_option(network_options(with_sources)))


def read_sources(
    find_links: Sequence[str], index_urls: Sequence[str], overlays: Sequence[Path], *, allows_local: bool
) -> Sources:
    """Return the sources that options name; raises UsageError."""
    from ..selection.releases import Sources

    if allows_local and not overlays:
        raise click.UsageError("--allow-local requires --overlay; add --overlay FILE")
    try:
        return Sources.of(find_links, index_urls, overlays, allows_local=allows_local)
    except VariantError as error:
        raise WrongUsage(error.lines()) from None


def check_sources(sources: Sources, names: Sequence[str] = ()) -> None:
    """Raise UsageError without a source, unless the overlay names indexes of all *names* of projects."""
    if sources.are_missing and not (names and all(map(sources.own_indexes, names))):
        raise click.UsageError("missing source; add --find-links DIR or --index-url URL")


def selection_options(command: _Function, *, aligns_packages: bool = False) -> Callable[..., object]:
    """Add the options of a selection; the command gets ``machine``, ``policy`` and ``target``.

    If the command *aligns_packages* with each other, ``--align`` needs no environment.
    """

    @functools.wraps(command)
    def with_selection(
        *args: Any, python: str | None, platform: str | None, no_policy: bool, **kwargs: Any
    ) -> object:
        del no_policy  # `configuration` reads it from the context
        names = ("given", "machine", "enabled", "disabled", "trusted", "align", "pinned")
        values = {name: kwargs.pop(name) for name in (*names, "allow_root", "refresh")}
        paths, interpreter = kwargs.pop("paths"), kwargs.pop("interpreter")
        environment = environment_finder(paths, interpreter)
        if interpreter is not None:
            python = _version_of(environment, python)
        target = read_target(python, platform)
        is_known = target.here or bool(paths) or interpreter is not None
        aligns = bool(values["align"]) and (is_known or not aligns_packages)
        known = environment if is_known else None
        machine, values["machine"] = _machine_under_policy(target, values["machine"], known, aligns=aligns)
        policy = _policy(target, **values)
        return command(*args, machine=machine, policy=policy, target=target, **kwargs)

    function: Callable[..., object] = with_selection
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def this_machine_options(command: _Function) -> Callable[..., object]:
    """Add the options of a machine and its policy; the command gets ``machine`` and ``policy``.

    The environment is unknown: installers describe their own.
    """

    @functools.wraps(command)
    def with_machine(*args: Any, no_policy: bool, **kwargs: Any) -> object:
        del no_policy  # `configuration` reads it from the context
        names = ("given", "machine", "enabled", "disabled", "trusted", "allow_root", "refresh")
        values = {name: kwargs.pop(name) for name in names}
        environment = environment_finder((), None, announce=False)
        target = _any_target()
        machine, values["machine"] = _machine_under_policy(
            target, values["machine"], environment, aligns=False
        )
        policy = _policy(target, **values, align=(), pinned={})
        return command(*args, machine=machine, policy=policy, **kwargs)

    function: Callable[..., object] = with_machine
    for option in reversed((*_MACHINE_OPTIONS, no_policy_option)):
        function = option(function)
    return function


def _any_target() -> Target:
    """Return a target on this machine for facts that do not depend on the environment; tags take long."""
    from packaging.version import Version

    from ..selection.target import Target

    return Target(Version("3"), (), here=True)


def _machine_under_policy(
    target: Target, given: MachineSpec | None, environment: Callable[[], Environment] | None, *, aligns: bool
) -> tuple[Machine, MachineSpec | None]:
    """Return the facts of the machine, and the machine of the option or of the configuration.

    A message says which rules and settings of the configuration are in force.
    """
    from ..machine.user_config import configured_machine

    used, spec = ["devices"], given
    if given is None and target.here:
        spec = configured_machine(configuration())
        used.append("machine" if spec else "detect")
    machine = _machine(target, spec, environment, aligns=aligns)
    unruled = machine if spec == given else _without_policy(machine)
    if configuration().least and machine.hardware and (given or target.here):
        machine = machine._replace(hardware=machine.hardware.of_least_devices())
    if machine is not unruled:
        machine = machine._replace(without_policy=unruled)
    say_policy([*configuration().settings(*used), *configuration().effects()])
    return machine, spec


def _without_policy(machine: Machine) -> Machine:
    """Return this machine instead of the one in the configuration, as installers without a policy see it."""
    from ..machine.detect import hardware_of

    config = configuration()
    hardware = hardware_of(None, os.environ, config.detected)
    return machine._replace(hardware=hardware, undetected=config.undetected)


def _version_of(environment: Callable[[], Environment], python: str | None) -> str:
    """Return the version of ``--interpreter`` as the target; raises UsageError with ``--python``."""
    if python is not None:
        raise click.UsageError("--interpreter and --python cannot be used together; leave one of them out")
    if (version := environment().python) is None:
        raise VariantError(
            "unknown version of CPython", place=environment(), remedy="use --path and --python"
        )
    return version


def read_target(python: str | None, platform: str | None) -> Target:
    """Return the target environment; raises UsageError."""
    from ..selection.target import Target, running_target

    running = running_target()
    try:
        return Target.of(python, platform, running=running.python, tags=running.tags)
    except VariantError as error:
        raise WrongUsage(error.lines()) from None


def _machine(
    target: Target, given: MachineSpec | None, environment: Callable[[], Environment] | None, *, aligns: bool
) -> Machine:
    """Return the facts of the machine; slow ones are looked up when they are needed.

    Facts of this machine are used only if the target is this machine; on another platform, those that uv
    assumes. *environment* is None for another platform without --path and --interpreter.
    """
    from ..machine.detect import hardware_of
    from ..machine.installed import installed_variants
    from ..machine.support import Machine
    from ..variants.namespace_support import Lazy

    if aligns and environment is None:
        raise click.UsageError("--align with --platform requires --path DIR or --interpreter PATH")
    variants, errors = installed_variants(environment().folders) if aligns and environment else ([], [])
    for problem in problems_of(errors):
        click.get_current_context().obj.warn(problem)
    config = configuration()
    return Machine(
        hardware=hardware_of(given, os.environ, config.detected)
        if given or target.here
        else _assumed(target),
        installed=tuple(variants),
        versions=Lazy(lambda: _versions(environment())) if environment else {},
        undetected=config.undetected if target.here and not given else "",
    )


def _versions(environment: Environment) -> Mapping[str, Version]:
    """Return the versions of what is installed in an environment, by normalized name."""
    from ..wheels.distributions import installed_versions  # rarely needed, and slow to import

    return installed_versions(environment.folders)


def _assumed(target: Target) -> Hardware:
    """Return what uv assumes about another platform; a line on stderr says so if a namespace needs it."""
    from ..formats.hardware_file import Hardware
    from ..machine.detect import assumed
    from ..variants.namespace_support import Lazy

    def namespaces() -> Mapping[str, Detected]:
        hardware = assumed(target.machine, os.environ)
        facts = "; ".join(f"{name} {_values(known)}" for name, known in hardware.namespaces.items())
        remedy = "use --machine SPEC to describe the machine"
        print_message(f"assuming for {target.platform}, like uv: {facts}; {remedy}")
        return hardware.namespaces

    return Hardware(Lazy(namespaces))


def _values(known: Detected) -> str:
    """Return assumed values for a message; of forced values, only the variables."""
    from ..machine.detect import ASSUMED

    if known.source != ASSUMED:
        return f"({known.source})"
    features = (f"{feature} {' and '.join(values)}" for feature, values in known.features.items())
    return ", ".join(features) or "none"


def _policy(
    target: Target,
    *,
    given: Supported,
    machine: MachineSpec | None,
    enabled: tuple[str, ...],
    disabled: tuple[str, ...],
    trusted: Trusted,
    allow_root: bool,
    refresh: bool,
    align: tuple[AlignedName, ...],
    pinned: Mapping[str, Version],
) -> Policy:
    """Return the user's wishes; raises WrongUsage if they contradict each other.

    The configured plugins run only for this machine.
    """
    from ..machine.support import Policy
    from ..machine.trusted_plugins import is_root
    from ..selection.unknown_names import contradictions

    warn_of_lone_values(given)
    config = configuration()
    asks = target.here and not machine and config.detected != ()  # `detect = false`
    policy = Policy(
        given=given,
        trusted={**config.trusted, **trusted} if asks else trusted,
        enabled=enabled,
        disabled=disabled,
        align=align,
        pinned=pinned,
        installer=config.installer,
        named_plugins=frozenset(name for name, package in trusted.items() if not package.version),
        refuses_root=is_root() and not (allow_root or config.allow_root),
        refresh=refresh,
        rules=config.rules,
    )
    if problems := contradictions(policy):
        raise WrongUsage([*map(str, problems)])
    return policy
