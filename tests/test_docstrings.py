"""The texts of public names say what a caller must know, and their examples are right."""

from __future__ import annotations

import ast
import doctest
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import get_origin

import pytest
from helpers.made_wheels import make_wheel

import variant_backend
from variant_backend import api

# A public name that implements a specification, and what its text must cite.
SOURCES = {
    **dict.fromkeys(("Property", "Variant", "VariantMetadata", "WheelFilename", "check_label"), "PEP 825"),
    **dict.fromkeys(
        ("index_filename", "parse_index_filename", "variant_of_wheel", "make_variant"), "PEP 825"
    ),
    **dict.fromkeys(("metadata_from_dict", "metadata_from_json", "read_wheel_metadata"), "PEP 825"),
    **dict.fromkeys(("usable_from_json", "usable_from_dict", "UnusableProvider"), "PEP 825"),
    **dict.fromkeys(("Conflict", "combine_metadata", "conflicts_with_index", "merge_metadata"), "PEP 825"),
    **dict.fromkeys(("FeatureRank", "WheelKey", "ordered_labels", "rank_wheels", "why_better"), "PEP 825"),
    "unsupported_features": "PEP 825",
    **dict.fromkeys(("resolve_requirement", "resolve_requirements"), "PEP 825"),
    "resolve_requirement_on_machine": "PEP 825",
    **dict.fromkeys(("abi_dependencies", "abi_support"), "PEP 817"),
    **dict.fromkeys(("StaticProvider", "PluginProvider", "BuiltinProvider"), "providers draft"),
    "supported_values": "providers draft",
    **dict.fromkeys(("PluginAnswer", "PluginFeature", "ask_plugin", "validate_variant"), "providers draft"),
    **dict.fromkeys(("BuildProvider", "metadata_from_table", "ask_build_plugins"), "building draft"),
    **dict.fromkeys(("WheelVariant", "wheel_variant"), "building draft"),
    **dict.fromkeys(("variant_of_settings", "without_variant_settings"), "PEP 517"),
}
# Functions that call others that raise, but with values for which these do not.
RAISE_NOTHING = {"WheelVariant.variant", "abi_support", "detect_hardware"}

PLUGIN = """
from types import SimpleNamespace

namespace = "gpu"
all_properties_compatible = True

def get_supported_configs():
    return [SimpleNamespace(name="api", values=["v2", "v1"], multi_value=False)]

get_all_configs = get_supported_configs
"""


def is_internal(text: str) -> bool:
    return "(internal)" in text


def internal_names(text: str) -> set[str]:
    """Return the fields or parameters that a text calls internal."""
    return {*re.findall(r"\*(\w+)\* \(internal\)", text)}


def members(name: str, kind: type) -> Iterator[tuple[str, object]]:
    """Yield the public methods and properties of a class."""
    for attribute, value in vars(kind).items():
        is_member = isinstance(value, FunctionType | classmethod | property)
        if is_member and not attribute.startswith("_"):
            text = inspect.getdoc(value) or ""
            if not is_internal(text.partition("\n")[0]):
                yield f"{name}.{attribute}", value


def public() -> Mapping[str, object]:
    """Return all public functions and classes, by name."""
    values = {name: getattr(api, name) for name in api.__all__}
    named = {name: value for name, value in values.items() if not get_origin(value)}
    # For Python 3.10, an alias such as Mapping[str, str] is a class, too.
    return {name: value for name, value in named.items() if isinstance(value, type | FunctionType)}


def documented() -> dict[str, object]:
    """Return all public functions and classes, and the public members of classes."""
    result = dict(public())
    for name, value in public().items():
        if isinstance(value, type):
            result.update(members(name, value))
    return result


def doc(value: object) -> str:
    return inspect.getdoc(value) or ""


def function_of(value: object) -> Callable[..., object] | None:
    """Return the function that runs when a name is called or read; None for classes without one."""
    if isinstance(value, type):
        return vars(value).get("__init__")
    if isinstance(value, property):
        return value.fget
    if isinstance(value, classmethod):
        return value.__func__
    return value if isinstance(value, FunctionType) else None


def names_to_mention(value: object) -> set[str]:
    """Return the parameters of a function, or the fields of a class."""
    if fields := getattr(value, "_fields", ()):
        return {*fields}
    function = function_of(value)
    return {*inspect.signature(function).parameters} - {"self", "cls"} if function else set()


def raising_calls(function: Callable[..., object], owner: object) -> Iterator[str]:
    """Yield the calls in a function of functions whose text says that they raise errors."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    caught = {call for node in ast.walk(tree) if isinstance(node, ast.Try) for call in ast.walk(node)}
    known = {**inspect.unwrap(function).__globals__, "self": owner, "cls": owner}
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            yield "raise"
        if not isinstance(node, ast.Call) or node in caught:
            continue
        first, _, rest = ast.unparse(node.func).partition(".")
        called = known.get(first)
        for part in filter(None, rest.split(".")):
            called = getattr(called, part, None)
        is_own = str(getattr(called, "__module__", None)).startswith("variant_backend.")
        if is_own and not isinstance(called, type) and re.search(r"\b[Rr]aises\b", doc(called)):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("name", public())
def test_public_names_have_an_example(name: str) -> None:
    assert doctest.DocTestParser().get_examples(doc(public()[name]))


def test_examples_need_only_public_names() -> None:
    names = {name: getattr(api, name) for name in api.__all__}
    messages: list[str] = []
    for name, value in documented().items():
        example = doctest.DocTestParser().get_doctest(doc(value), names, name, None, None)
        doctest.DocTestRunner().run(example, out=messages.append)
    assert messages == [], "".join(messages)


@pytest.mark.parametrize("name", documented())
def test_texts_mention_all_parameters_and_fields(name: str) -> None:
    value = documented()[name]
    mentioned = {*re.findall(r"\*(\w+)\*", doc(value))}
    assert names_to_mention(value) - mentioned == set()


@pytest.mark.parametrize("name", documented())
def test_texts_name_the_errors(name: str) -> None:
    value = documented()[name]
    function = function_of(value)
    if function and not isinstance(value, type) and name not in RAISE_NOTHING:
        owner = public().get(name.partition(".")[0])
        raises = [*raising_calls(function, owner)]
        errors = re.findall(r"\b(?:Raises|and)\s+(\w+Error)\b", doc(value))
        assert not raises or errors, raises
        assert {*errors} <= {*api.__all__}


def test_texts_cite_the_specification_that_they_implement() -> None:
    cited = {
        name: " ".join(re.findall(r"\([^()]+\)", " ".join(doc(public()[name]).split()))) for name in SOURCES
    }
    lacking = {name for name, source in SOURCES.items() if not re.search(rf"\b{source}\b", cited[name])}
    assert lacking == set()


def test_texts_refer_to_public_names_only() -> None:
    known = {*documented(), *api.__all__, "variant_backend.hooks"}
    references = {
        (name, reference)
        for name, value in documented().items()
        for reference in re.findall(r"(?<!`)`([A-Za-z_.]+)`(?!`)", doc(value))
    }
    assert {pair for pair in references if pair[1] not in known and not is_field(pair[1])} == set()


def is_field(reference: str) -> bool:
    owner, _, field = reference.partition(".")
    return field in getattr(public().get(owner), "_fields", ())


def test_constants_have_a_comment() -> None:
    """The reference takes the comment lines above the assignment."""
    constants = {*api.__all__} - {*public()}
    commented = set()
    for path in Path(variant_backend.__file__).parent.rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for before, line in itertools.pairwise(lines):
            name = re.split(r"[ :]", line, maxsplit=1)[0]
            if name in constants and before.startswith("# "):
                commented.add(name)
    assert commented == constants


# The examples of `ask_plugin` and `detect_hardware` need an environment, or a known machine.
@pytest.mark.parametrize("name", ["ask_build_plugins", "make_variant", "validate_variant"])
def test_examples_with_effects_are_right(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path)
    (tmp_path / "gpu_provider.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    value = public()[name]
    module = sys.modules[value.__module__]
    text = doc(value).replace("# doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(text, dict(vars(module)), name, None, None)
    result = doctest.DocTestRunner().run(example)
    assert (result.failed, result.attempted > 1) == (0, True)
