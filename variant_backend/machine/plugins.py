"""Asking variant provider plugins, in a process of their own (the providers draft, "Plugin API")."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Any, NamedTuple, cast

from ..errors import Problem, VariantError, did_you_mean, one_of
from ..lowlevel.processes import GROUP, end_group
from ..lowlevel.terminal import print_message
from ..variants.properties import Variant, check_name, check_value
from ..variants.providers import (
    BuildProvider,
    PluginProvider,
    Provider,
    StaticProvider,
    check_object_reference,
)
from ..variants.validation import Document
from . import _ask_plugin

# A plugin reads a few files or loads a driver. Seconds.
_TIME_LIMIT = 60
_LONGEST_LINE = 10_000

_SUPPORTED, _ALL = "get_supported_configs", "get_all_configs"


class _Feature(NamedTuple):
    """One feature that a plugin knows: its values, and whether a variant may have several of them."""

    values: tuple[str, ...]
    several: bool


class _RawAnswer(NamedTuple):
    """What a plugin tells; *lapses* are against the protocol, and do no harm in a build.

    *namespace* is None if the plugin names none.
    """

    features: dict[str, _Feature]
    all_compatible: bool
    namespace: str | None
    lapses: tuple[Problem, ...]


class Plugin(NamedTuple):
    """An installed plugin, as the metadata of its distribution tell."""

    name: str
    reference: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


class PluginSupport(NamedTuple):
    """What a plugin says that this system supports: features and their values, both best first."""

    namespace: str
    features: dict[str, tuple[str, ...]]


def installed_plugins(python: str = sys.executable) -> tuple[list[Plugin], list[Problem]]:
    """Return the plugins in the environment of an interpreter, sorted by name, and what cannot be read.

    No plugin is run.

    Raises VariantError when the interpreter cannot tell.
    """
    answer = _run([python], [], python)
    if "error" in answer:
        raise VariantError(answer["error"], place=python)
    problems = [Problem("error", place, text) for place, text in answer["faults"]]
    return sorted(Plugin(**entry) for entry in answer["plugins"]), problems


def query_plugin(plugin: Plugin, python: str = sys.executable) -> PluginSupport:
    """Run an installed plugin, and return what it says that this system supports.

    Raises VariantError when it hangs, fails, or does not keep the protocol.
    """
    answer = _ask_installed(plugin, _SUPPORTED, python)
    if answer.lapses:
        raise VariantError(*answer.lapses)
    features = {name: feature.values for name, feature in answer.features.items()}
    return PluginSupport(answer.namespace or plugin.name, features)


def query_isolated(namespace: str, provider: PluginProvider, python: str) -> dict[str, tuple[str, ...]]:
    """Run the plugin of a provider, and return what it says that this system supports, best first.

    It must be installed in the environment of the interpreter; what is outside of that is not imported.
    Raises VariantError as `query_plugin` does, and when it answers for another namespace.
    """
    place = _place(namespace, provider)
    answer = _ask(place, provider.reference, _SUPPORTED, command=[python, "-I"])
    problems = list(answer.lapses)
    if answer.namespace not in (None, namespace):
        text = f"is {answer.namespace!r}, so it answers for another one"
        problems.append(Problem("error", f"{place}: namespace", text))
    if problems:
        raise VariantError(*problems)
    return {name: feature.values for name, feature in answer.features.items()}


def protocol_problems(plugin: Plugin, python: str = sys.executable) -> list[Problem]:
    """Run an installed plugin, and return everything in which it does not keep the protocol."""
    problems: list[Problem] = []
    answers: dict[str, _RawAnswer] = {}
    for method in (_SUPPORTED, _ALL):
        try:
            answers[method] = _ask_installed(plugin, method, python)
            problems += answers[method].lapses
        except VariantError as error:
            problems += error.problems
    if len(answers) == 2:
        texts = _contradictions(answers[_SUPPORTED], answers[_ALL])
        problems += (Problem("error", str(plugin), text) for text in texts)
    return list(dict.fromkeys(problems))  # both methods may have the same


def _contradictions(supported: _RawAnswer, known: _RawAnswer) -> Iterator[str]:
    """Say where the two answers of a plugin do not go together."""
    if not known.features:
        yield f"{_ALL}() lists no feature"
    for name, feature in supported.features.items():
        if name not in known.features:
            yield f"{_SUPPORTED}() has feature {name!r}, which {_ALL}() lacks"
            continue
        if lacking := [value for value in feature.values if value not in known.features[name].values]:
            yield f"{_SUPPORTED}() has {one_of(lacking)} of {name!r}, which {_ALL}() lacks"
        if feature.several != known.features[name].several:
            yield f"multi_value of {name!r} is {feature.several} in {_SUPPORTED}(), and not in {_ALL}()"
    for name, feature in known.features.items() if known.all_compatible else ():
        values = supported.features[name].values if name in supported.features else ()
        if lacking := [value for value in feature.values if value not in values]:
            yield (
                f"all_properties_compatible is true, but {_SUPPORTED}() lacks {one_of(lacking)} of {name!r}"
            )


def ask_for_static(namespace: str, provider: BuildProvider) -> StaticProvider:
    """Return what a plugin that is asked at build time lists, as a list in the metadata.

    The plugin must be installed beside this package. Raises VariantError when it is not, fails, or its
    answer is none.
    """
    answer = _ask_provider(namespace, provider, _SUPPORTED)
    place = _place(namespace, provider)
    if not answer.all_compatible:
        raise VariantError(
            "all_properties_compatible is not true, so its answer holds for this machine only",
            place=place,
            hint="a plugin that looks at the machine goes into requires, and is asked by installers",
        )
    if not answer.features:
        raise VariantError(f"{_SUPPORTED}() lists no feature", place=place, hint="use another release of it")
    return StaticProvider(
        tuple((name, feature.values) for name, feature in answer.features.items()), provider.optional
    )


def validate_variant(variant: Variant, providers: Mapping[str, Provider]) -> None:
    """Check that the plugins know the properties of a variant, and allow as many values as it has.

    The plugins must be installed beside this package. Raises VariantError with every fault found.
    """
    problems: list[Problem] = []
    for namespace, features in variant.to_dict().items():
        provider = providers.get(namespace)
        if isinstance(provider, (PluginProvider, BuildProvider)):
            try:
                answer = _ask_provider(namespace, provider, _ALL)
            except VariantError as error:
                problems += error.problems
            else:
                problems += _objections(f"variants.{variant.label}.{namespace}", features, answer)
    if problems:
        raise VariantError(*problems)


def _objections(place: str, features: Mapping[str, list[str]], answer: _RawAnswer) -> Iterator[Problem]:
    """Yield what a plugin has against the properties that a variant has in its namespace."""
    for name, values in features.items():
        at_feature = f"{place}.{name}"
        if name not in answer.features:
            known = one_of(answer.features)
            text = f"no such feature{did_you_mean(name, answer.features)}; known are {known}"
            yield Problem("error", at_feature, text)
            continue
        feature = answer.features[name]
        for value in values:
            if value not in feature.values:
                suggestion = did_you_mean(value, feature.values)
                text = f"no such value {value!r}{suggestion}; known are {one_of(feature.values)}"
                yield Problem("error", at_feature, text)
        if len(values) > 1 and not feature.several:
            text = f"{one_of(values)}: this feature has one value in a variant"
            yield Problem("error", at_feature, text, "choose one")


def _place(namespace: str, provider: PluginProvider | BuildProvider) -> str:
    return f"providers.{namespace}: plugin {provider.reference!r}"


def _ask_installed(plugin: Plugin, method: str, python: str) -> _RawAnswer:
    """Ask an installed plugin; if it names no namespace, that is called as its entry point is."""
    document = Document()
    document.passes("entry point", check_object_reference, plugin.reference)
    document.check(str(plugin))
    answer = _ask(str(plugin), plugin.reference, method, command=[python])
    if answer.namespace is not None:
        return answer
    what = "it has none, and the name of its entry point"
    document.passes("namespace", lambda text: check_name(text, what), plugin.name)
    document.check(str(plugin))
    return answer._replace(namespace=plugin.name)


def _ask_provider(namespace: str, provider: PluginProvider | BuildProvider, method: str) -> _RawAnswer:
    """Ask the plugin of a provider, which must be installed beside this package."""
    place = _place(namespace, provider)
    install = f"it comes with {' and '.join(provider.requires)}; install that for the build"
    answer = _ask(place, provider.reference, method, install)
    if answer.namespace not in (None, namespace):
        text = f"is {answer.namespace!r}, so it goes to providers.{answer.namespace}"
        raise VariantError(text, place=f"{place}: namespace")
    return answer


def _ask(
    place: str,
    reference: str,
    method: str,
    install: str | None = None,
    command: Sequence[str] = (sys.executable,),
) -> _RawAnswer:
    """Ask a plugin, and check what it answers.

    *install* is the remedy if it is not there, in a build; without one, it is held to every rule.
    *command* starts the interpreter that it is installed for.
    """
    answer = _run(command, [reference, method], place, in_build=install is not None)
    if "error" in answer:
        raise VariantError(answer["error"], place=place, hint=install if answer["is_missing"] else None)
    return _read_answer(answer, method, place, strict=install is None)


def _run(
    interpreter: Sequence[str], arguments: Sequence[str], place: str, *, in_build: bool = False
) -> dict[str, Any]:
    """Run the program that knows plugins, and return what it prints.

    What it started ends with it. *in_build*, it stays with the build, so that who ends that ends it too.
    """
    command = [*interpreter, str(Path(_ask_plugin.__file__)), *arguments]
    group = {} if in_build else GROUP
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **group
        )
    except OSError as error:
        text = f"cannot be started: {error.strerror or error}"
        raise VariantError(text, place=interpreter[0]) from None
    with process, _passed_on(process):
        try:
            stdout, _ = process.communicate(timeout=_TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise VariantError(f"no answer within {_TIME_LIMIT} seconds", place=place) from None
        finally:
            if in_build:
                process.kill()
            else:
                end_group(process)
    try:
        answer = json.loads(stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise VariantError(f"ended with exit code {process.returncode} and no answer", place=place)
    return answer


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Print the lines that a process writes to stderr, as they come."""
    errors, process.stderr = cast("IO[bytes]", process.stderr), None  # so nobody else reads it

    def pass_on() -> None:
        with errors:
            while line := errors.readline(_LONGEST_LINE):
                print_message(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))

    thread = Thread(target=pass_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(1)  # a process that the plugin has left behind may still have the pipe


def _read_answer(answer: Mapping[str, Any], method: str, place: str, *, strict: bool) -> _RawAnswer:
    """Check what a plugin answered; raises VariantError with every fault found, with lapses if *strict*."""
    document = Document()
    namespace = answer["namespace"]
    if namespace is not None and document.string(namespace, "namespace") is not None:
        document.passes("namespace", lambda text: check_name(text, "namespace"), namespace)
    at_all = "all_properties_compatible"
    all_compatible = answer[at_all] is not None and document.boolean(answer[at_all], at_all)
    lapses: list[Problem] = []
    features: dict[str, _Feature] = {}
    for index, config in enumerate(answer["configs"]):
        at = f"{method}()[{index}]"
        if config["multi_value"] is None:
            lapses.append(Problem("missing-key", f"{place}: {at}.multi_value", "missing"))
        name, feature = _read_feature(document, config, at)
        if name is not None:
            if name in features:
                document.note(f"{at}.name", f"{name!r} is there twice")
            features[name] = feature
    if answer["printed"] is not None:
        lapses.append(Problem("error", place, f"prints to stdout: {answer['printed']!r}"))
    if document.problems:
        problems = [problem.within(place) for problem in document.problems]
        raise VariantError(*problems, *(lapses if strict else ()))
    return _RawAnswer(features, all_compatible, namespace, tuple(lapses))


def _read_feature(document: Document, config: Mapping[str, Any], place: str) -> tuple[str | None, _Feature]:
    """Read a feature that a plugin lists; its name is None if it is not one."""
    name = document.string(config["name"], f"{place}.name")
    values = document.strings(config["values"], f"{place}.values", check_value)
    several = config["multi_value"]
    several = several is not None and document.boolean(several, f"{place}.multi_value")
    if name is None or not document.passes(f"{place}.name", lambda text: check_name(text, "feature"), name):
        return None, _Feature(values, several)
    return name, _Feature(values, several)
