"""``variant-backend providers``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import VariantError, did_you_mean, one_of
from ..lowlevel.terminal import print_line, print_message, print_table
from .command import Command, Failure, Group
from .environment_options import environment_options
from .output import print_json, status_line

if TYPE_CHECKING:
    from ..machine.environment import Environment
    from ..machine.plugins import Plugin

_Function = TypeVar("_Function", bound=Callable[..., object])


_json = click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of text.")


def _choosing(function: _Function) -> _Function:
    """Add what says which plugins are run."""
    function = click.option("--all", "every", is_flag=True, help="Run every plugin that is installed.")(
        function
    )
    return click.argument("names", nargs=-1, metavar="NAME...")(function)


class _ListFirst(Group):
    """A group whose command is ``list`` unless another one is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command."""
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("providers", cls=_ListFirst)
def providers_group() -> None:
    """Show the installed plugins that know what a system supports; without a command, list them.

    They are those of the entry-point group variant_plugins. Only query and validate run them, each in a
    process of its own, and only those that are named.
    """


@providers_group.command("list", cls=Command)
@environment_options
@_json
def list_command(environment: Callable[[], Environment], as_json: bool) -> None:
    """List the plugins that are installed; none of them is run."""
    from ..machine.plugins import installed_plugins

    plugins, problems = installed_plugins(environment().folders)
    lines = list(map(str, problems))
    if as_json:
        print_json({"plugins": [plugin._asdict() for plugin in plugins], "errors": lines})
    elif not plugins:
        print_message("no plugin is installed")
    else:
        print_table(
            [(plugin.name, plugin.reference, f"{plugin.distribution} {plugin.version}") for plugin in plugins]
        )
    if lines:
        raise Failure(lines)


@providers_group.command("query", cls=Command)
@_choosing
@environment_options
@_json
def query_command(
    names: tuple[str, ...], every: bool, environment: Callable[[], Environment], as_json: bool
) -> None:
    """Run plugins, and show what each says that this system supports, best first."""
    from ..machine import plugins as operation

    plugins, unread = _chosen(names, every, environment)
    python = environment().executable()
    answers: list[dict[str, Any]] = []
    for plugin in _one_by_one(plugins):
        support, errors = operation.PluginSupport("", {}), list[str]()
        try:
            support = operation.query_plugin(plugin, python)
        except VariantError as error:
            errors = error.lines()
        features = [{"name": name, "values": list(values)} for name, values in support.features.items()]
        answers.append(
            {
                **plugin._asdict(),
                "namespace": support.namespace or None,
                "features": features,
                "errors": errors,
            }
        )
    for answer in answers if not as_json else ():
        if not answer["errors"]:
            print_line(f"{answer['name']}  ({answer['distribution']} {answer['version']})")
            for feature in answer["features"]:
                print_line(f"  {answer['namespace']} :: {feature['name']} :: {', '.join(feature['values'])}")
            if not answer["features"]:
                print_line(f"  nothing of {answer['namespace']} is supported")
    _end(answers, unread, as_json)


@providers_group.command("validate", cls=Command)
@_choosing
@environment_options
@_json
def validate_command(
    names: tuple[str, ...], every: bool, environment: Callable[[], Environment], as_json: bool
) -> None:
    """Run plugins, and say whether they keep the protocol, with every fault."""
    from ..machine import plugins as operation

    plugins, unread = _chosen(names, every, environment)
    python = environment().executable()
    answers = [
        {**plugin._asdict(), "errors": list(map(str, operation.protocol_problems(plugin, python)))}
        for plugin in _one_by_one(plugins)
    ]
    for answer in answers if not as_json else ():
        if not answer["errors"]:
            print_line(
                f"{answer['name']}  ({answer['distribution']} {answer['version']})  keeps the protocol"
            )
    _end(answers, unread, as_json)


def _one_by_one(plugins: Sequence[Plugin]) -> Iterator[Plugin]:
    """Return each plugin, and say on a terminal which one is asked meanwhile."""
    with status_line() as show:
        for number, plugin in enumerate(plugins, start=1):
            show(f"{number} of {len(plugins)}: asking {plugin}")
            yield plugin


def _chosen(
    names: Sequence[str], every: bool, environment: Callable[[], Environment]
) -> tuple[list[Plugin], list[str]]:
    """Return the plugins that are named, and, of all, what cannot be read."""
    from ..machine.plugins import installed_plugins

    if bool(names) == every:
        raise click.UsageError("name plugins, or give --all: none is run without being named")
    plugins, problems = installed_plugins(environment().folders)
    if every:
        return plugins, list(map(str, problems))
    known = {plugin.name for plugin in plugins}
    if missing := [name for name in names if name not in known]:
        raise VariantError(
            *(f"no plugin {name!r} is installed{did_you_mean(name, known)}" for name in missing),
            hint=f"there are {one_of(sorted(known))}",
        )
    return [plugin for plugin in plugins if plugin.name in names], []


def _end(answers: Sequence[dict[str, Any]], unread: Sequence[str], as_json: bool) -> None:
    """Print the object for machines, and fail if there are faults."""
    if as_json:
        print_json({"plugins": answers, "errors": unread})
    elif not answers:
        print_message("no plugin is installed")
    faults = [*unread, *(line for answer in answers for line in answer["errors"])]
    if faults:
        raise Failure(faults)
