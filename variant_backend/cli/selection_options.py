"""The options that say where wheels are looked for, what the machine supports, and where they will run."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import VariantError, lines_of
from ..lowlevel.terminal import print_message
from ..variants.filename import check_project_name, normalize
from ..variants.properties import check_name
from .command import WrongUsage, WrongValue
from .environment_options import environment_reader, interpreter_option, path_option
from .options import PATH, find_links_option, index_url_option, read_supported

if TYPE_CHECKING:
    from packaging.version import Version

    from ..machine.environment import Environment
    from ..machine.support import Machine, Policy
    from ..selection.target import Target
    from ..variants.ranking import Supported

_Function = TypeVar("_Function", bound=Callable[..., object])


def reading(read: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return what reads the value of an option; a fault in it is wrong usage."""

    def callback(_: click.Context, __: click.Parameter, value: Any) -> Any:
        try:
            return read(value)
        except VariantError as error:
            raise WrongValue(error.lines()) from None

    return callback


def _namespaces(texts: Sequence[str]) -> tuple[str, ...]:
    for text in texts:
        check_name(text, "namespace")
    return tuple(dict.fromkeys(texts))


def _project_names(texts: Sequence[str]) -> frozenset[str]:
    for text in texts:
        check_project_name(text)
    return frozenset(map(normalize, texts))


def _pins(texts: Sequence[str]) -> dict[str, Version]:
    return dict(map(_pin, texts))


def _pin(text: str) -> tuple[str, Version]:
    from packaging.version import InvalidVersion, Version

    name, separator, version = map(str.strip, text.partition("=="))
    try:
        check_project_name(name)
        if separator:
            return normalize(name), Version(version)
    except (VariantError, InvalidVersion) as error:
        raise VariantError(f"{text!r}: {error}") from None
    raise VariantError(f"{text!r}: no version", hint="write NAME==VERSION")


supported_option = click.option(
    "--supported",
    "given",
    multiple=True,
    callback=reading(read_supported),
    metavar="'NS :: FEATURE :: V1, V2'",
    help="What the system supports, best first; may be repeated.",
)
hardware_option = click.option(
    "--hardware",
    "file",
    type=PATH,
    metavar="FILE",
    help="What the machine supports, from `variant-backend hardware`; this machine is not looked at.",
)
python_option = click.option(
    "--python",
    metavar="VERSION",
    help="The version of CPython, such as 3.12 or 3.13t  [default: that of variant-backend]",
)
platform_option = click.option(
    "--platform",
    metavar="PLATFORM",
    help="The platform, such as manylinux_2_28_x86_64 or windows; this machine is not looked at.",
)
_OPTIONS = (
    supported_option,
    hardware_option,
    click.option(
        "--enable",
        "enabled",
        multiple=True,
        callback=reading(_namespaces),
        metavar="NS",
        help="Let an optional namespace count; may be repeated.",
    ),
    click.option(
        "--disable",
        "disabled",
        multiple=True,
        callback=reading(_namespaces),
        metavar="NS",
        help="Support nothing of a namespace; may be repeated.",
    ),
    click.option(
        "--trust-plugin",
        "trusted",
        multiple=True,
        callback=reading(_project_names),
        metavar="NAME",
        help="Run the plugins of this package, in an isolated environment; may be repeated.",
    ),
    click.option(
        "--align",
        multiple=True,
        callback=reading(_namespaces),
        metavar="NS",
        help="Let what is installed decide a namespace; may be repeated.",
    ),
    path_option,
    interpreter_option,
    click.option(
        "--pin",
        "pinned",
        multiple=True,
        callback=reading(_pins),
        metavar="NAME==VERSION",
        help="The version that a package has or will have; may be repeated.",
    ),
    python_option,
    platform_option,
)


def sources_options(command: _Function) -> Callable[..., object]:
    """Give a command what --find-links and --index-url say: ``sources``, a `Sources`."""

    @functools.wraps(command)
    def with_sources(
        *args: Any, find_links: tuple[Path, ...], index_url: tuple[str, ...], **kwargs: Any
    ) -> object:
        from ..selection.releases import Sources

        return command(*args, sources=Sources(find_links, index_url), **kwargs)

    return find_links_option(index_url_option(with_sources))


def selection_options(command: _Function) -> Callable[..., object]:
    """Give a command what these options say: ``machine``, ``policy`` and ``target``."""

    @functools.wraps(command)
    def with_selection(*args: Any, python: str | None, platform: str | None, **kwargs: Any) -> object:
        names = ("given", "file", "enabled", "disabled", "trusted", "align", "pinned")
        values = {name: kwargs.pop(name) for name in names}
        paths, interpreter = kwargs.pop("paths"), kwargs.pop("interpreter")
        environment = environment_reader(paths, interpreter)
        if interpreter is not None:
            python = _version_of(environment, python)
        target = read_target(python, platform)
        is_here = target.here or bool(paths) or interpreter is not None
        aligns = bool(values["align"])
        machine = _machine(target, values["file"], environment if is_here else None, aligns=aligns)
        policy = _policy(target, **values)
        return command(*args, machine=machine, policy=policy, target=target, **kwargs)

    function: Callable[..., object] = with_selection
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _version_of(environment: Callable[[], Environment], python: str | None) -> str:
    """Return the version of ``--interpreter`` as the target; raises UsageError with ``--python``."""
    if python is not None:
        raise click.UsageError("--interpreter and --python exclude each other; use one of them")
    if (version := environment().python) is None:
        raise VariantError("unknown version of CPython", place=environment(), hint="use --path and --python")
    return version


def read_target(python: str | None, platform: str | None) -> Target:
    """Return what the options say of interpreter and platform; raises UsageError."""
    from ..selection.target import Target, running_target

    running = running_target()
    try:
        return Target.of(python, platform, running=running.python, tags=running.tags)
    except VariantError as error:
        raise WrongUsage(error.lines()) from None


def _machine(
    target: Target, file: Path | None, environment: Callable[[], Environment] | None, *, aligns: bool
) -> Machine:
    """Return the machine of the options; slow facts are found when they are needed.

    Hardware is detected only for a target on this machine. *environment* is None for another platform.
    """
    from ..machine.detect import hardware_of
    from ..machine.installed import installed_variants
    from ..machine.support import Machine
    from ..variants.namespace_support import Lazy
    from ..wheels.inspection import installed_versions

    if aligns and environment is None:
        raise click.UsageError("--align with --platform requires --path or --interpreter")
    variants, errors = installed_variants({}, environment().folders) if aligns and environment else ([], [])
    for line in lines_of(errors):
        print_message(f"warning: {line}")
    return Machine(
        hardware=hardware_of(file, os.environ) if file or target.here else None,
        installed=tuple(variants),
        versions=Lazy(lambda: installed_versions(environment().folders)) if environment else {},
    )


def _policy(
    target: Target,
    *,
    given: Supported,
    file: Path | None,
    enabled: tuple[str, ...],
    disabled: tuple[str, ...],
    trusted: frozenset[str],
    align: tuple[str, ...],
    pinned: Mapping[str, Version],
) -> Policy:
    """Return what the options say that the user wants; plugins that are trusted for good run here only."""
    from ..machine.support import Policy
    from ..machine.user_config import UserConfig, config_path

    config = UserConfig.load(config_path())
    return Policy(
        given=given,
        trusted=trusted | config.trusted if target.here and not file else trusted,
        enabled=enabled,
        disabled=disabled,
        align=align,
        pinned=pinned,
        installer=config.installer,
    )
