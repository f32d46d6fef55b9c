"""``variant-backend providers``."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import Problem, UnknownNameError, VariantError, did_you_mean, one_of
from ..project.provider_scaffold import plugin_files, project_of
from .command import Command, Group
from .environment_options import environment_finder, interpreter_option
from .options import dry_run_option, output_option, reading
from .output import Printer, status_line
from .policy_options import configuration
from .selection_options import allow_root_option

if TYPE_CHECKING:
    from ..machine.environment import Environment
    from ..machine.plugin_answers import PluginAnswer
    from ..machine.plugins import Plugin

_Function = TypeVar("_Function", bound=Callable[..., object])


def _in_environment(command: _Function) -> Callable[..., object]:
    """Add --interpreter; the command gets ``environment``."""

    @functools.wraps(command)
    def with_environment(*args: Any, interpreter: str | None, **kwargs: Any) -> object:
        return command(*args, environment=environment_finder((), interpreter), **kwargs)

    return interpreter_option(with_environment)


def _choosing(command: _Function) -> Callable[..., object]:
    """Add the arguments that select plugins, and --allow-root."""

    @functools.wraps(command)
    def not_as_root(*args: Any, allow_root: bool, **kwargs: Any) -> object:
        from ..machine.trusted_plugins import is_root, root_error

        if is_root() and not (allow_root or configuration().allow_root):
            raise root_error()
        return command(*args, **kwargs)

    function = allow_root_option(not_as_root)
    function = click.option("--all", "every", is_flag=True, help="Run every installed plugin.")(function)
    return click.argument("names", nargs=-1, metavar="NAME...")(function)


class _ListFirst(Group):
    """A group whose command is ``list`` unless another one is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command."""
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(
    "providers", cls=_ListFirst, example="variant-backend providers query NAME", page="docs/how-to/plugins.md"
)
def providers_command() -> None:
    """List and run the installed provider plugins.

    Plugins are entry points of the group variant_plugins. Without a command, they are listed. Only query and
    validate run plugins: those that are named, each in a process of its own.
    """


@providers_command.command(
    "list", cls=Command, example="variant-backend providers list", page="docs/how-to/plugins.md"
)
@_in_environment
@click.pass_obj
def list_command(printer: Printer, environment: Callable[[], Environment]) -> None:
    """List the installed plugins, without running them."""
    from ..machine.plugins import installed_plugins

    plugins, problems = installed_plugins(environment().folders)
    printer.keys = {"plugins": [plugin._asdict() for plugin in plugins]}
    if not plugins:
        printer.say("no plugin is installed")
    printer.table(
        [(plugin.name, plugin.reference, f"{plugin.distribution} {plugin.version}") for plugin in plugins]
    )
    for problem in problems:
        printer.error(problem)


@providers_command.command(
    "query", cls=Command, example="variant-backend providers query NAME", page="docs/how-to/plugins.md"
)
@_choosing
@_in_environment
@click.pass_obj
def query_command(
    printer: Printer, names: tuple[str, ...], every: bool, environment: Callable[[], Environment]
) -> None:
    """Run plugins, and show the values that they support.

    With --json, `machine` has them as in a machine file: --machine of other commands reads the output.
    """
    from ..machine.plugins import hardware_of_plugins, query_plugin

    answers: list[tuple[Plugin, PluginAnswer]] = []

    def query(plugin: Plugin, python: str) -> dict[str, object]:
        try:
            answer = query_plugin(plugin, python)
        except VariantError as error:
            printer.fail(error)
            return {"namespace": None, "features": [], "generation": None}
        answers.append((plugin, answer))
        for problem in answer.duplicates:
            printer.warn(problem)
        printer.line(f"{plugin.name}  ({plugin.distribution} {plugin.version}){_age(answer)}")
        for name, values in answer.supported.items():
            printer.line(f"  {answer.namespace} :: {name} :: {', '.join(values)}")
        if not answer.features:
            printer.line(f"  no value of {answer.namespace} is supported")
        features = [{"name": name, "values": list(values)} for name, values in answer.supported.items()]
        return {"namespace": answer.namespace, "features": features, "generation": answer.generation}

    _run_each(printer, _chosen(printer, names, every, environment), environment, query)
    printer.keys = {"machine": hardware_of_plugins(answers).to_dict(), **printer.keys}


@providers_command.command(
    "validate", cls=Command, example="variant-backend providers validate NAME", page="docs/how-to/plugins.md"
)
@_choosing
@_in_environment
@click.pass_obj
def validate_command(
    printer: Printer, names: tuple[str, ...], every: bool, environment: Callable[[], Environment]
) -> None:
    """Run plugins, and check that they follow the protocol.

    The command also shows what a plugin requires, imports, and how long its answer takes. A plugin-api in an
    installed variant that contradicts the entry point is an error.
    """
    from ..machine.plugins import contradicting_variants, installed_plugins, protocol_problems, required_by
    from ..wheels.inspection import inspect_installed_variants

    chosen = _chosen(printer, names, every, environment)
    folders = environment().folders
    plugins = installed_plugins(folders)[0]
    variants = [inspection for _, inspection in inspect_installed_variants(folders)]

    def validate(plugin: Plugin, python: str) -> dict[str, object]:
        problems, answer = protocol_problems(plugin, python)
        problems += contradicting_variants(plugin, plugins, variants)
        requires = required_by(plugin, folders)
        for problem in problems:
            (printer.warn if problem.code == "warning" else printer.error)(problem)
        valid = all(problem.code == "warning" for problem in problems)
        verdict = "follows the protocol" if valid else "violates the protocol"
        printer.line(f"{plugin.name}  ({plugin.distribution} {plugin.version})  {verdict}{_age(answer)}")
        printer.line(f"  dependencies: {one_of(requires)}")
        cost = answer.cost if answer else None
        if cost:
            printer.line(f"  imported modules: {cost.modules}, in {cost.import_seconds:.3f} s")
            printer.line(f"  answer: {cost.seconds:.3f} s")
        imports = {"modules": cost.modules, "seconds": cost.import_seconds} if cost else None
        return {
            "valid": valid,
            "dependencies": requires,
            "imports": imports,
            "seconds": cost.seconds if cost else None,
            "generation": answer.generation if answer else None,
        }

    _run_each(printer, chosen, environment, validate)


@providers_command.command(
    "new", cls=Command, example="variant-backend providers new speech", page="docs/how-to/write-a-plugin.md"
)
@click.argument("namespace", callback=reading(lambda text: project_of(text) and text))
@output_option("The folder of the new project.  [default: NAMESPACE-variant-provider]")
@dry_run_option
@click.pass_obj
def new_command(printer: Printer, namespace: str, output: Path | None, dry_run: bool) -> None:
    """Write a new plugin package, with tests that pass.

    Its plugin reports one feature of NAMESPACE. Existing files are not replaced. The paths are printed.
    """
    from ..lowlevel.file_set import Output, write_all_files
    from ..variants.known_providers import KNOWN_PROVIDERS

    folder = output or Path(project_of(namespace))
    files = [Output(folder, name, text.encode(), _no) for name, text in plugin_files(namespace).items()]
    existing = [file.path for file in files if os.path.lexists(file.path)]
    if existing:
        problems = (Problem("error", str(path), "already exists") for path in existing)
        raise VariantError(*problems, remedy="use another folder (--output)")
    if namespace in KNOWN_PROVIDERS:
        text = f"namespace {namespace!r} is known here, so the plugin runs only where it is not detected"
        printer.warn(text)
    if not dry_run:
        write_all_files(files)
    printer.keys = {"paths": [str(file.path) for file in files], "written": not dry_run}
    for file in files:
        printer.line(str(file.path))
    if not dry_run:
        printer.say(f"next: edit detect_level() in {files[1].path}")


def _no(_: bytes) -> bool:
    """Return that no existing file may be replaced."""
    return False


def _age(answer: PluginAnswer | None) -> str:
    """Return a mark for a plugin of an older protocol."""
    from ..machine.plugin_answers import TODAY

    if answer is None or answer.generation == TODAY:
        return ""
    return f"  (older protocol: generation {answer.generation} of {TODAY})"


def _run_each(
    printer: Printer,
    plugins: Sequence[Plugin],
    environment: Callable[[], Environment],
    run: Callable[[Plugin, str], dict[str, object]],
) -> None:
    """Run plugins one by one; *run* gets each with its interpreter, and returns its keys in the JSON."""
    python = environment().executable()
    printer.keys = {
        "plugins": [{**plugin._asdict(), **run(plugin, python)} for plugin in _one_by_one(plugins)]
    }


def _one_by_one(plugins: Sequence[Plugin]) -> Iterator[Plugin]:
    """Yield each plugin, and show its name on a terminal while it runs."""
    with status_line() as show:
        for number, plugin in enumerate(plugins, start=1):
            show(f"{number} of {len(plugins)}: running {plugin}")
            yield plugin


def _chosen(
    printer: Printer, names: Sequence[str], every: bool, environment: Callable[[], Environment]
) -> list[Plugin]:
    """Return the named plugins, or all; raises VariantError for an unknown name."""
    from ..machine.plugins import installed_plugins

    if bool(names) == every:
        raise click.UsageError("expected the names of plugins, or --all")
    plugins, problems = installed_plugins(environment().folders)
    if every:
        if not plugins:
            printer.say("no plugin is installed")
        for problem in problems:
            printer.error(problem)
        return plugins
    known = {plugin.name for plugin in plugins}
    if missing := [name for name in names if name not in known]:
        raise UnknownNameError(
            *(f"unknown plugin {name!r}{did_you_mean(name, known)}" for name in missing),
            remedy=f"installed plugins: {one_of(sorted(known))}",
        )
    return [plugin for plugin in plugins if plugin.name in names]
