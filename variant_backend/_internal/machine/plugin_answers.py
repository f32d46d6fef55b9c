"""Read the answer of a plugin, by today's protocol or an older one.

Three generations of the protocol are older than today's, the fourth. On the package index, the plugin of
provider-variant-x86-64 0.0.1.post2 has the first, that of ascend-variant-provider 0.0.2 the second, and that
of rocm-bootstrap 0.3.0 the third. `_ask_plugin` lists the differences. Their answers are read more leniently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import Problem, VariantError, shortened
from ..variants.properties import check_name, check_value
from ..variants.validation import Document

SUPPORTED, ALL = "get_supported_configs", "get_all_configs"

# The number of today's generation of the protocol.
TODAY = 4

# What the author of a plugin does about a name that today's protocol does not have.
_REMEDIES = {
    "validate_property": f"list all values in {ALL}(), and remove validate_property()",
    "dynamic": "remove it",
    **dict.fromkeys(
        ("is_build_plugin", "is_aot_plugin"),
        "if the answer is the same on every machine, write all_properties_compatible = True; remove {name}",
    ),
}


# The types of the keys of an answer, and of those of a feature. The reader checks those that may be anything.
_KEYS: Mapping[str, type | tuple[type, ...]] = {
    **{"namespace": object, "all_properties_compatible": object, "configs": list},
    **{"generation": int, "outdated": list, "imports": dict, "seconds": (int, float)},
    "printed": (str, type(None)),
}
_CONFIG_KEYS = {"name", "values", "multi_value"}


class PluginFeature(NamedTuple):
    """A feature in a plugin's answer (the providers draft, "Plugin API").

    *values* are best first. *several* says whether a variant may have several of them.

    >>> PluginFeature(("v3", "v2", "v1"), several=False).values[0]
    'v3'
    """

    values: tuple[str, ...]
    several: bool


class Cost(NamedTuple):
    """The time that a plugin takes, without the start of the interpreter.

    *seconds* is the time of the import and the answer. *modules* is the number of modules that importing
    the plugin adds, and *import_seconds* the time of this import.
    """

    seconds: float
    modules: int
    import_seconds: float


class PluginAnswer(NamedTuple):
    """The answer of a plugin (the providers draft, "Plugin API").

    *features* has the features by name, both they and their values best first. *all_compatible* says whether
    all values are supported on every machine. *namespace* is None if the plugin has none.

    *generation* (internal) is the number of the protocol's generation; 4 is the newest one. *violations*
    (internal) are broken rules of the protocol that builds tolerate. *duplicates* (internal) are values that
    are listed twice, *tolerated* (internal) are other broken rules of the newest generation, and *outdated*
    (internal) are names and arguments that it does not have. *cost* (internal) is the time that the answer
    took.

    >>> features = {"level": PluginFeature(("v3", "v2"), several=False)}
    >>> PluginAnswer(features, all_compatible=False, namespace="x86_64").supported
    {'level': ('v3', 'v2')}
    """

    features: dict[str, PluginFeature]
    all_compatible: bool
    namespace: str | None
    generation: int = TODAY
    violations: tuple[Problem, ...] = ()
    duplicates: tuple[Problem, ...] = ()
    tolerated: tuple[Problem, ...] = ()
    outdated: tuple[Problem, ...] = ()
    cost: Cost = Cost(0, 0, 0)

    @property
    def supported(self) -> dict[str, tuple[str, ...]]:
        """The values of each feature, both best first."""
        return {name: feature.values for name, feature in self.features.items()}

    @property
    def warnings(self) -> list[Problem]:
        """The problems that leave the answer usable, as a plugin with an older protocol has them."""
        return [*self.outdated, *self.tolerated, *self.duplicates]


def read_answer(answer: Mapping[str, Any], method: str, place: str, *, strict: bool) -> PluginAnswer:
    """Check the answer of a plugin, as `_ask_plugin` prints it.

    Raises VariantError with all errors, and also the violations if *strict*.
    """
    if not _is_answer(answer):
        raise VariantError("unreadable answer", place=place)
    document = Document()
    namespace = answer["namespace"]
    if namespace is not None and document.string(namespace, "namespace") is not None:
        document.passes("namespace", lambda text: check_name(text, "namespace"), namespace)
    at_all = "all_properties_compatible"
    all_compatible = answer[at_all] is not None and document.boolean(answer[at_all], at_all)
    is_old = answer["generation"] < TODAY
    read = _by_todays_rules(answer["configs"], f"{place}: {method}()", lenient=is_old)
    features, violations = _features(document, read.configs, method, place)
    if answer["printed"] is not None:
        printed = Problem("error", place, f"prints to stdout: {answer['printed']!r}")
        (read.tolerated if is_old else violations).append(printed)
    if document.problems:
        problems = [problem.within(place) for problem in document.problems]
        raise VariantError(*problems, *(violations if strict else ()))
    imports = answer["imports"]
    return PluginAnswer(
        features,
        all_compatible,
        namespace,
        answer["generation"],
        tuple(violations),
        tuple(read.duplicates),
        tuple(read.tolerated),
        tuple(_outdated(answer["outdated"], place)),
        Cost(answer["seconds"], imports["modules"], imports["seconds"]),
    )


def _is_answer(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer has the expected form; a file or a hostile plugin may have made it."""
    if not all(key in answer and isinstance(answer[key], kind) for key, kind in _KEYS.items()):
        return False
    if not all(isinstance(config, dict) and {*config} >= _CONFIG_KEYS for config in answer["configs"]):
        return False
    imports = answer["imports"]
    return (
        all(isinstance(name, str) for name in answer["outdated"])
        and isinstance(imports.get("modules"), int)
        and isinstance(imports.get("seconds"), (int, float))
    )


def _features(
    document: Document, configs: list[dict[str, Any]], method: str, place: str
) -> tuple[dict[str, PluginFeature], list[Problem]]:
    """Return the features of an answer, and violations."""
    features: dict[str, PluginFeature] = {}
    violations: list[Problem] = []
    for index, config in enumerate(configs):
        at = f"{method}()[{index}]"
        if config["multi_value"] is None:
            violations.append(Problem("missing-key", f"{place}: {at}.multi_value", "missing"))
        name, feature = _read_feature(document, config, at)
        if name is not None:
            if name in features:
                document.note(f"{at}.name", f"duplicate feature {name!r}")
            features[name] = feature
    return features, violations


def _read_feature(
    document: Document, config: Mapping[str, Any], place: str
) -> tuple[str | None, PluginFeature]:
    """Read a feature of a plugin's answer; the name is None if it is invalid."""
    name = document.string(config["name"], f"{place}.name")
    values = document.strings(config["values"], f"{place}.values", check_value)
    several = config["multi_value"]
    several = several is not None and document.boolean(several, f"{place}.multi_value")
    if name is None or not document.passes(f"{place}.name", lambda text: check_name(text, "feature"), name):
        return None, PluginFeature(values, several)
    return name, PluginFeature(values, several)


class _Read(NamedTuple):
    """The features of an answer without what today's rules forbid, and the problems, see `PluginAnswer`."""

    configs: list[dict[str, Any]]
    duplicates: list[Problem]
    tolerated: list[Problem]


def _by_todays_rules(configs: list[dict[str, Any]], place: str, *, lenient: bool) -> _Read:
    """Return the features of a plugin by today's rules; with *lenient*, those of an older plugin.

    Features without values are left out, and duplicate values are dropped. A feature without multi_value has
    one value in a variant.
    """
    if not lenient:
        return _Read(configs, [], [])
    tolerated, duplicates, kept = list[Problem](), list[Problem](), list[dict[str, Any]]()
    if single := [config["name"] for config in configs if config["multi_value"] is None]:
        remedy = "write True if a variant may have several values of it, and else False"
        tolerated.append(Problem("error", f"{place}.multi_value", f"missing in {_names(single)}", remedy))
    if empty := [config["name"] for config in configs if config["values"] == []]:
        text, remedy = f"no value of {_names(empty)}", "leave out features without a supported value"
        tolerated.append(Problem("error", f"{place}.values", text, remedy))
    for config in configs:
        values = config["values"]
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            values = list(dict.fromkeys(values))
            if len(values) < len(config["values"]):
                text = f"duplicate values of {config['name']!r} are ignored"
                duplicates.append(Problem("error", f"{place}.values", text, "list each value once"))
        if values != []:
            multiple = config["multi_value"]
            kept.append({**config, "values": values, "multi_value": multiple is not None and multiple})
    return _Read(kept, duplicates, tolerated)


def _names(names: list[object]) -> str:
    return shortened([str(name) for name in names])


def _outdated(names: list[str], place: str) -> Iterator[Problem]:
    """Yield a warning for each outdated name; another one than the known names is a required argument."""
    for name in names:
        if name in _REMEDIES:
            text = f"the attribute {name!r} belongs to an older protocol"
            yield Problem("warning", place, text, _REMEDIES[name].format(name=name))
        else:
            text = f"{SUPPORTED}() requires the argument {name!r}"
            yield Problem("error", place, text, "remove it: installers pass no argument")
