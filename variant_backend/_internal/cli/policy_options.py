"""The configuration files of site, user and project in commands: reading them, and saying so."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..errors import VariantError
from ..project.user_variables import NO_POLICY
from .options import CommandOption

if TYPE_CHECKING:
    from ..machine.user_config import Effect, UserConfig
    from ..selection.releases import Sources

_Function = TypeVar("_Function", bound=Callable[..., object])

_PARAMETER = "no_policy"
_FILE = "policy_file"
# Where a command keeps the configuration that it has read.
_READ = "variant_backend.configuration"

no_policy_option: CommandOption = click.option(
    "--no-policy", is_flag=True, help="Ignore the configuration files of site, user and project."
)
policy_file_option: CommandOption = click.option(
    "--policy",
    _FILE,
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="A configuration file, instead of those of site and user.",
)


def configuration() -> UserConfig:
    """Return the configuration in force for this command; raises VariantError.

    Commands with --no-policy obey the policy of the project in the current folder, too. The file of --policy
    replaces all others.
    """
    from ..machine import user_config

    context = click.get_current_context()
    if _READ not in context.meta:
        if (path := context.params.get(_FILE)) is not None:
            read = user_config.configuration_in(path)
        else:
            selects, ignored = _PARAMETER in context.params, bool(context.params.get(_PARAMETER))
            read = user_config.configured(os.environ, ignored=ignored, project=selects)
        context.meta[_READ] = read
    return cast("UserConfig", context.meta[_READ])


def say_policy(effects: Sequence[Effect]) -> None:
    """Say which rules and settings of configuration files are in force; --json has them as ``policy``."""
    from ..machine.user_config import policy_text

    context = click.get_current_context()
    printer: Any = context.obj
    for warning in configuration().warnings:
        printer.warn(warning)
    known = printer.common.setdefault("policy", [])
    known += (effect._asdict() for effect in effects)
    if effects:
        option = "--no-policy" if _PARAMETER in context.params else f"{NO_POLICY}=1"
        way = "" if context.params.get(_FILE) else f"; {option} ignores it"
        printer.say(f"policy: {policy_text(effects)}{way}")


def or_configured(sources: Sources) -> Sources:
    """Return the sources that options name, or else those in the configuration files."""
    from ..selection.releases import Sources

    config = configuration()
    if not sources.are_missing or not (config.index_urls or config.find_links):
        return sources
    effects = config.settings("find-links", "index-url")
    say_policy(effects)
    try:
        configured = Sources.of(config.find_links, config.index_urls)
    except VariantError as error:
        raise error.within(effects[0].file) from None
    return configured._replace(overlay=sources.overlay)
