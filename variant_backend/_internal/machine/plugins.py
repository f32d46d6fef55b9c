"""Run variant provider plugins, each in its own process (the providers draft, "Plugin API")."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from ..errors import Problem, VariantError, ascii_unless_printable, did_you_mean, one_of
from ..lowlevel.processes import Child
from ..lowlevel.shell_words import command_line
from ..lowlevel.terminal import print_detail, print_message
from ..variants.filename import normalize
from ..variants.properties import Variant, check_name
from ..variants.providers import (
    BuildProvider,
    PluginProvider,
    Provider,
    StaticProvider,
    check_object_reference,
    required_packages,
)
from ..variants.validation import Document
from . import _ask_plugin
from .plugin_answers import ALL, SUPPORTED, PluginAnswer, read_answer

if TYPE_CHECKING:
    from ..formats.hardware_file import Hardware
    from ..wheels.inspection import Inspection

# A plugin reads a few files or loads a driver. Seconds.
_TIME_LIMIT = 60
_LONGEST_LINE = 10_000
# The group of entry points.
_GROUP = "variant_plugins"


class Plugin(NamedTuple):
    """An installed plugin, as declared by its distribution."""

    name: str
    reference: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


def installed_plugins(folders: Sequence[Path]) -> tuple[list[Plugin], list[Problem]]:
    """Return the plugins in site-packages folders, sorted by name, and a problem for each unreadable file.

    No plugin is run. If a distribution is in several folders, the first one is used, as in Python.
    """
    from ..wheels.distributions import find_distributions, may_have_entry_points  # takes long to import

    plugins, problems = list[Plugin](), list[Problem]()
    seen = {""}  # Python ignores distributions without a name
    distributions = [*find_distributions(folders)]
    if not any(may_have_entry_points(distribution, _GROUP) for distribution in distributions):
        return [], []  # reading the metadata of all distributions takes most of the time
    for distribution in distributions:
        name, version = "", ""
        with suppress(Exception):  # invalid files raise errors of many types
            metadata = distribution.metadata
            name, version = (metadata.get_all(key, [""])[0] for key in ("Name", "Version"))
        if normalize(name) in seen:
            continue
        seen.add(normalize(name))
        try:
            points = [point for point in distribution.entry_points if point.group == _GROUP]
        except Exception as error:
            place, reason = f"{name} {version}: entry_points.txt", (str(error).splitlines() or [""])[0]
            problems.append(Problem("error", place, f"cannot be read: {type(error).__name__}: {reason}"))
            continue
        references = (point.value.partition("[")[0].strip() for point in points)  # without extras
        plugins += (
            Plugin(point.name, reference, name, version)
            for point, reference in zip(points, references, strict=True)
        )
    return sorted(plugins), problems


def query_plugin(plugin: Plugin, python: str) -> PluginAnswer:
    """Run an installed plugin, and return its answer about this machine, with a namespace.

    Raises VariantError if it hangs, fails or violates the protocol.
    """
    answer = _ask_installed(plugin, SUPPORTED, python)
    if answer.violations:
        raise VariantError(*answer.violations)
    return answer


def hardware_of_plugins(answers: Iterable[tuple[Plugin, PluginAnswer]]) -> Hardware:
    """Return the answers of plugins in the form of a machine file.

    If several plugins have the same namespace, the answers of others than the first are for releases that
    require their package.
    """
    from ..formats.hardware_file import Detected, Hardware  # builds do not need it

    namespaces: dict[str, Detected] = {}
    for plugin, answer in answers:
        namespace = answer.namespace or plugin.name
        features = {name: values for name, values in answer.supported.items() if values}
        source = ascii_unless_printable(str(plugin))
        first = namespaces.setdefault(namespace, Detected(features, source))
        if first.source != source:
            by_package = {**first.by_package, normalize(plugin.distribution): features}
            namespaces[namespace] = first._replace(by_package=by_package)
    return Hardware(namespaces)


def run_isolated(namespace: str, provider: PluginProvider, python: str) -> dict[str, Any]:
    """Run the plugin of a provider, and return its answer about this machine, unchecked.

    The plugin must be installed in the environment of the interpreter, and imports from that only. Raises
    VariantError if it hangs or fails.
    """
    return _run([python, "-I"], [provider.reference, SUPPORTED], _place(namespace, provider))


def check_isolated(namespace: str, provider: PluginProvider, printed: Mapping[str, Any]) -> PluginAnswer:
    """Check an answer of `run_isolated`; raises VariantError.

    The plugin must follow its protocol, and have the namespace of the provider.
    """
    place = _place(namespace, provider)
    answer = read_answer(printed, SUPPORTED, place, strict=True)
    problems = list(answer.violations)
    if answer.namespace not in (None, namespace):
        text = f"expected {namespace!r}, got {answer.namespace!r}"
        problems.append(Problem("error", f"{place}: namespace", text))
    if problems:
        raise VariantError(*problems)
    return answer


def ask_plugin(namespace: str, provider: PluginProvider, python: str | os.PathLike[str]) -> PluginAnswer:
    """Run a plugin in a process, and return its checked answer about this machine (the providers draft).

    *provider* names the plugin, and *namespace* is the one that it must have. *python* is the path of the
    interpreter of an environment in which the plugin is installed; the process imports from that environment
    only. What the plugin prints goes to stderr. Raises VariantError if the plugin fails, takes more than 60
    seconds, or violates its protocol.

    >>> provider = PluginProvider(("gpu-provider>=1",))
    >>> ask_plugin("gpu", provider, ".venv/bin/python").supported  # doctest: +SKIP
    {'sm_arch': ('90_real', '80_real')}
    """
    return check_isolated(namespace, provider, run_isolated(namespace, provider, os.fspath(python)))


def required_by(plugin: Plugin, folders: Sequence[Path]) -> list[str]:
    """Return the requirements of a plugin's distribution in site-packages folders."""
    from importlib.metadata import distributions

    places = [*map(str, folders)]
    return next(([*(one.requires or ())] for one in distributions(name=plugin.distribution, path=places)), [])


def contradicting_variants(
    plugin: Plugin, plugins: Iterable[Plugin], variants: Iterable[Inspection | VariantError]
) -> Iterator[Problem]:
    """Yield the installed variants whose plugin-api is none of the plugins of the same distribution.

    *plugins* and *variants* are all that are installed.
    """
    own = normalize(plugin.distribution)
    references = [other.reference for other in plugins if normalize(other.distribution) == own]
    for inspection in variants:
        if isinstance(inspection, VariantError) or inspection.metadata is None:
            continue
        for namespace, provider in inspection.metadata.providers.items():
            if not isinstance(provider, PluginProvider) or provider.plugin_api is None:
                continue
            if own in required_packages(provider) and provider.reference not in references:
                place = f"{inspection.name} {inspection.version}: providers.{namespace}.plugin-api"
                text = (
                    f"{provider.reference!r} is not an entry point of {plugin.distribution} {plugin.version}"
                )
                yield Problem("error", place, text, f"entry points: {one_of(map(repr, references))}")


def protocol_problems(plugin: Plugin, python: str) -> tuple[list[Problem], PluginAnswer | None]:
    """Run an installed plugin, and return all its violations of today's protocol, and its answer.

    Those with the code ``warning`` are harmless. The answer is None if the plugin gives none.
    """
    problems: list[Problem] = []
    answers: dict[str, PluginAnswer] = {}
    for method in (SUPPORTED, ALL):
        try:
            answers[method] = answer = _ask_installed(plugin, method, python)
            problems += (*answer.warnings, *answer.violations)
        except VariantError as error:
            problems += error.problems
    if len(answers) == 2:
        texts = _contradictions(answers[SUPPORTED], answers[ALL])
        problems += (Problem("error", str(plugin), text) for text in texts)
    return list(dict.fromkeys(problems)), answers.get(SUPPORTED)  # both may have the same problems


def _contradictions(supported: PluginAnswer, known: PluginAnswer) -> Iterator[str]:
    """Yield the contradictions between the two answers of a plugin."""
    if not known.features:
        yield f"{ALL}() lists no feature"
    for name, feature in supported.features.items():
        if name not in known.features:
            yield f"{SUPPORTED}() has feature {name!r}, which {ALL}() lacks"
            continue
        if lacking := [value for value in feature.values if value not in known.features[name].values]:
            yield f"{SUPPORTED}() has {one_of(lacking)} of {name!r}, which {ALL}() lacks"
        if feature.several != known.features[name].several:
            yield f"multi_value of {name!r} is {feature.several} in {SUPPORTED}(), but not in {ALL}()"
    for name, feature in known.features.items() if known.all_compatible else ():
        values = supported.features[name].values if name in supported.features else ()
        if lacking := [value for value in feature.values if value not in values]:
            yield (
                f"all_properties_compatible is true, but {SUPPORTED}() lacks {one_of(lacking)} of {name!r}"
            )


def ask_for_static(namespace: str, provider: BuildProvider) -> StaticProvider:
    """Run the plugin of a provider at build time, and return its answer as static properties.

    The plugin must be installed in this environment. Raises VariantError if it is missing, fails, or its
    answer is empty or depends on the machine.
    """
    answer = _ask_provider(namespace, provider, SUPPORTED)
    place = _place(namespace, provider)
    if not answer.all_compatible:
        raise VariantError(
            "all_properties_compatible is not true, so the plugin's answer is valid only on this machine",
            place=place,
            remedy="rename build-requires to requires, so that installers run the plugin",
        )
    if not answer.features:
        raise VariantError(
            f"{SUPPORTED}() lists no feature", place=place, remedy="use another release of the plugin"
        )
    return StaticProvider(
        tuple((name, feature.values) for name, feature in answer.features.items()), provider.optional
    )


def ask_build_plugins(providers: Mapping[str, Provider]) -> dict[str, StaticProvider]:
    """Run the plugins of all providers that run in builds, and return their answers (the building draft).

    *providers* and the result are by namespace; other providers than `BuildProvider` are ignored. The plugins
    must be installed in this environment. What they print goes to stderr. Raises VariantError if a plugin is
    missing, fails or takes more than 60 seconds, or if its answer is empty or depends on the machine.

    >>> provider = BuildProvider(("gpu-provider>=1",))
    >>> ask_build_plugins({"gpu": provider})  # doctest: +SKIP
    {'gpu': StaticProvider(features=(('api', ('v2', 'v1')),), optional=False)}
    """
    return {
        namespace: ask_for_static(namespace, provider)
        for namespace, provider in providers.items()
        if isinstance(provider, BuildProvider)
    }


def validate_variant(variant: Variant, providers: Mapping[str, Provider]) -> None:
    """Check that plugins know the properties of a *variant*, and allow as many values as it has.

    *providers* are by namespace; the plugins of `PluginProvider` and `BuildProvider` are run, and must be
    installed in this environment. What they print goes to stderr. Raises VariantError with all errors (the
    providers draft, "Plugin API").

    >>> from variant_backend.api import Property
    >>> variant = Variant.of("fast", [Property("gpu", "api", "v9")])
    >>> try:  # doctest: +SKIP
    ...     validate_variant(variant, {"gpu": PluginProvider(("gpu-provider>=1",))})
    ... except VariantError as error:
    ...     print(error)
    variants.fast.gpu.api: unknown value 'v9'; known values: v2, v1
    """
    problems: list[Problem] = []
    for namespace, features in variant.to_dict().items():
        provider = providers.get(namespace)
        if isinstance(provider, (PluginProvider, BuildProvider)):
            try:
                answer = _ask_provider(namespace, provider, ALL)
            except VariantError as error:
                problems += error.problems
            else:
                problems += _objections(f"variants.{variant.label}.{namespace}", features, answer)
    if problems:
        raise VariantError(*problems)


def _objections(place: str, features: Mapping[str, list[str]], answer: PluginAnswer) -> Iterator[Problem]:
    """Yield a problem for each property of a variant that its plugin does not allow."""
    for name, values in features.items():
        at_feature = f"{place}.{name}"
        if name not in answer.features:
            known = one_of(answer.features)
            text = f"unknown feature{did_you_mean(name, answer.features)}; known features: {known}"
            yield Problem("error", at_feature, text)
            continue
        feature = answer.features[name]
        for value in values:
            if value not in feature.values:
                suggestion = did_you_mean(value, feature.values)
                text = f"unknown value {value!r}{suggestion}; known values: {one_of(feature.values)}"
                yield Problem("error", at_feature, text)
        if len(values) > 1 and not feature.several:
            text = f"expected one value, got {len(values)}: {one_of(values)}"
            yield Problem("error", at_feature, text, "remove all but one")


def _place(namespace: str, provider: PluginProvider | BuildProvider) -> str:
    return f"providers.{namespace}: plugin {provider.reference!r}"


def _ask_installed(plugin: Plugin, method: str, python: str) -> PluginAnswer:
    """Run an installed plugin; without a namespace of its own, it has the name of its entry point."""
    document = Document()
    document.passes("entry point", check_object_reference, plugin.reference)
    document.check(str(plugin))
    answer = _ask(str(plugin), plugin.reference, method, command=[python])
    if answer.namespace is not None:
        return answer
    what = "missing, and the name of the entry point"
    document.passes("namespace", lambda text: check_name(text, what), plugin.name)
    document.check(str(plugin))
    return answer._replace(namespace=plugin.name)


def _ask_provider(namespace: str, provider: PluginProvider | BuildProvider, method: str) -> PluginAnswer:
    """Run the plugin of a provider, which must be installed in this environment."""
    place = _place(namespace, provider)
    install = f"install {' and '.join(provider.requires)} for the build"
    answer = _ask(place, provider.reference, method, install)
    if answer.namespace not in (None, namespace):
        text = f"expected {namespace!r}, got {answer.namespace!r}"
        remedy = f"rename providers.{namespace} to providers.{answer.namespace}"
        raise VariantError(text, place=f"{place}: namespace", remedy=remedy)
    return answer


def _ask(
    place: str,
    reference: str,
    method: str,
    install: str | None = None,
    command: Sequence[str] = (sys.executable,),
) -> PluginAnswer:
    """Run a plugin, and check its answer.

    *install* is the remedy for a missing plugin in a build; without it, every rule is enforced. *command*
    starts the interpreter of the plugin's environment.
    """
    answer = _run(command, [reference, method], place, install)
    return read_answer(answer, method, place, strict=install is None)


def _run(
    interpreter: Sequence[str], arguments: Sequence[str], place: str, install: str | None = None
) -> dict[str, Any]:
    """Run `_ask_plugin`, and return its output; raises VariantError if that is an error.

    All processes that it started end with it. In a build (with *install*, see `_ask`), it stays in the
    process group of the build, so that ending the build ends it too.
    """
    in_build = install is not None
    command = [str(Path(_ask_plugin.__file__)), *arguments]
    print_detail(f"run {command_line([*interpreter, *command])}")
    pipe = subprocess.PIPE
    try:
        process = Child(command, python=interpreter, own_group=not in_build, stdout=pipe, stderr=pipe)
    except (OSError, ValueError) as error:  # ValueError: no argument of a program can have NUL
        text = f"cannot be started: {getattr(error, 'strerror', None) or error}"
        raise VariantError(text, place=interpreter[0]) from None
    with process, _forwarded_errors(process):
        try:
            stdout, is_late = process.answer_within(_TIME_LIMIT)
        finally:
            process.end()
    if is_late:
        raise VariantError(f"no answer within {_TIME_LIMIT} seconds", place=place)
    try:
        answer = json.loads(stdout)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise VariantError(f"ended with exit code {process.returncode} and no answer", place=place)
    if isinstance(failure := answer.get("error"), str):
        remedy = None
        if isinstance(missing := answer.get("missing"), str):
            module = arguments[0].partition(":")[0]
            is_plugin = f"{module}.".startswith(f"{missing}.")
            remedy = install if is_plugin else _remedy_for_dependency(missing, isolated="-I" in interpreter)
        raise VariantError(failure, place=place, remedy=remedy)
    return answer


def _remedy_for_dependency(module: str, *, isolated: bool) -> str:
    """Return the remedy for a module that a plugin imports, but that is not installed with it."""
    if isolated:
        return "its distribution does not require that module; give the supported values with --supported"
    return f"install the distribution that has the module {module!r} into the plugin's environment"


@contextmanager
def _forwarded_errors(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Print the lines that a process writes to stderr, as they arrive."""
    errors, process.stderr = cast("IO[bytes]", process.stderr), None  # so that communicate does not read it

    def forward() -> None:
        with errors:
            while line := errors.readline(_LONGEST_LINE):
                print_message(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))

    thread = Thread(target=forward, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(1)  # a process that the plugin left behind may still hold the pipe
