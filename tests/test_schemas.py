"""The JSON Schemas of variant metadata, tables and machine files agree with their readers."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.mutation import mutated
from helpers.programs import run
from helpers.strategies import releases
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Hardware
from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.machine.user_config import read_config
from variant_backend._internal.project.overlay_reading import overlay_in
from variant_backend._internal.project.pyproject import Project
from variant_backend._internal.schema import (
    DOCUMENTS,
    document_schema,
    overlay_schema,
    pyproject_schema,
    table_schema,
)
from variant_backend._internal.variants.machine_facts import known_facts
from variant_backend._internal.variants.metadata import (
    SCHEMA_WITH_PROVIDERS,
    SCHEMA_WITHOUT_PROVIDERS,
    VariantMetadata,
)
from variant_backend._internal.variants.metadata_reading import metadata_from_json, metadata_from_table
from variant_backend._internal.variants.wheel_metadata import label_problem

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*/pyproject.toml"))
TABLES = ["variant", "variant-backend", "hardware", "config"]
SCHEMAS = {
    **{name: table_schema(name) for name in TABLES},
    "overlay": overlay_schema(),
    **{name: document_schema(name) for name in DOCUMENTS},
}
VALIDATORS = {name: Draft7Validator(schema) for name, schema in SCHEMAS.items()}


@pytest.fixture(scope="module", autouse=True)
def _in_an_empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Write all tables to the same file: a folder for each would take longer than reading it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("tables"))
        yield


@pytest.mark.parametrize("schema", [*SCHEMAS.values(), pyproject_schema()], ids=[*SCHEMAS, "whole"])
def test_the_schemas_are_valid(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_has_a_description(name: str) -> None:
    def keys(part: Any, place: str) -> Iterator[tuple[str, Any]]:
        for definition, table in part.get("definitions", {}).items():
            yield from keys(table, definition)
        for key, entry in part.get("properties", {}).items():
            referred = SCHEMAS[name].get("definitions", {}).get(entry.get("$ref", "").rpartition("/")[2], {})
            yield f"{place}.{key}", {**referred, **entry}
            yield from keys(entry, f"{place}.{key}")
        if isinstance(entries := part.get("additionalProperties"), dict):
            yield from keys(entries, f"{place}.*")

    found = dict(keys(SCHEMAS[name], name))
    assert found
    assert [place for place, entry in found.items() if "description" not in entry] == []


def errors_of_schema(name: str, table: object) -> list[str]:
    """Return the errors of the schema for a table."""
    return [error.message for error in VALIDATORS[name].iter_errors(table)]


def errors_of_reader(name: str, table: object) -> list[str]:
    """Return the errors of the reader for a table."""
    try:
        if name == "variant":
            metadata_from_table(table, "table")
        elif name in DOCUMENTS:
            metadata = metadata_from_json(json.dumps(table).encode(), "file")
            if name == "variant.json" and (problem := label_problem(metadata.variants, None)):
                raise VariantError(problem)
        elif name == "hardware":
            Hardware.from_json(json.dumps(table).encode(), "file")
        elif name == "overlay":
            overlay_in(table, Path("overlay.toml"))
        elif name == "config":
            read_config(table, Path("config.toml"))
        else:
            path = Path("pyproject.toml")
            path.write_text(f"tool.variant-backend = {toml(table)}\n", encoding="utf-8")
            Project.load(path)
    except VariantError as error:
        return error.lines()
    return []


def toml(value: Any) -> str:
    if isinstance(value, dict):
        entries = ", ".join(f"{json.dumps(key)} = {toml(entry)}" for key, entry in value.items())
        return f"{{ {entries} }}"
    return f"[{', '.join(map(toml, value))}]" if isinstance(value, list) else json.dumps(value)


DECLARED = {"default-priorities": {"namespace": ["a"]}}
STATIC = {"static-properties": {"f": ["1"]}}
X = {"a": {"f": ["1"]}}
RELEASE = {"$schema": SCHEMA_WITH_PROVIDERS, **DECLARED, "providers": {"a": STATIC}, "variants": {"x": X}}
# The rules for both documents that a schema cannot express.
BEYOND_DOCUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "each namespace has a provider": (
        "requires a provider for every namespace",
        {**RELEASE, "default-priorities": {"namespace": ["a", "b"]}},
    ),
    "the namespace of a provider is declared": (
        "not in default-priorities.namespace",
        {**RELEASE, "providers": {"a": STATIC, "b": STATIC}},
    ),
    "the namespaces of a variant are declared": (
        "not in default-priorities.namespace",
        {**RELEASE, "variants": {"x": {"b": {"f": ["1"]}}}},
    ),
    "feature-order has the existing features": (
        "expected the features",
        {**RELEASE, "providers": {"a": {**STATIC, "feature-order": ["g"]}}},
    ),
    "a requirement follows PEP 508": (
        "write NAME, NAME==VERSION or NAME; MARKER",
        {**RELEASE, "providers": {"a": {"requires": ["p >="]}}},
    ),
}
ENTRY: dict[str, Any] = {
    "names": ["torch"],
    "variant": {**DECLARED, "variants": {"x": X}},
    "variants": {"x": {"match": {"local": "x"}}},
}
# Rules that a schema cannot express: a part of the reader's error, and a table that breaks only this rule.
BEYOND: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    **dict.fromkeys(DOCUMENTS, BEYOND_DOCUMENTS),
    "variant": {
        "the namespace of a provider is declared": (
            "not in default-priorities.namespace",
            {**DECLARED, "providers": {"b": {"requires": ["p"]}}},
        ),
        "the namespaces of a variant are declared": (
            "not in default-priorities.namespace",
            {**DECLARED, "variants": {"x": {"b": {"f": ["1"]}}}},
        ),
        "feature-order has the existing features": (
            "expected the features",
            {**DECLARED, "providers": {"a": {"static-properties": {"f": ["1"]}, "feature-order": ["g"]}}},
        ),
        "a requirement follows PEP 508": (
            "write NAME, NAME==VERSION or NAME; MARKER",
            {**DECLARED, "providers": {"a": {"requires": ["p >="]}}},
        ),
    },
    "variant-backend": {
        "folders are in the source tree": (
            "is not a folder inside the source tree",
            {"backend-path": [".."]},
        ),
        "a requirement follows PEP 508": (
            "write NAME, NAME==VERSION or NAME; MARKER",
            {"dependencies": ["p >="]},
        ),
        "a marker follows PEP 508 and PEP 825": (
            "requirement \"p; 'a' in variant_feature\": marker",
            {"dependencies": ["p; 'a' in variant_feature"]},
        ),
        "labels are those of [variant.variants]": (
            "; labels in [variant.variants]: ",
            {"variants": {"cu128": {}}},
        ),
        "a pattern can match something": (
            "write '?' or '*' instead",
            {"variants": {"null": {"match": {"platform": "*linux-*"}}}},
        ),
        "the null variant cannot have properties": (
            "the null variant cannot have properties",
            {"variants": {"null": {"abi-dependency": ["torch"]}}},
        ),
        "flags need properties": (
            "the null variant has no properties",
            {"variants": {"null": {"flags": "auto"}}},
        ),
        "a key with a table is a marker": (
            "unknown marker name 'os_nam' (did you mean 'os_name'?)",
            {"variants": {"null": {"env": {"os_nam == 'nt'": {"A": "1"}}}}},
        ),
        "a bracket in a pattern is closed": (
            "add the ']', as in",
            {"variants": {"null": {"match": {"python": "cp3[12"}}}},
        ),
        "only the pattern of the local version may be empty": (
            "an empty glob matches nothing",
            {"variants": {"null": {"match": {"name": ""}}}},
        ),
    },
    "overlay": {
        **{
            rule: (words, {"projects": [{**ENTRY, "variant": {**DECLARED, **table}}]})
            for rule, words, table in (
                (
                    "namespaces are declared",
                    "not in default-priorities.namespace",
                    {"variants": {"x": {"b": {"f": ["1"]}}}},
                ),
                (
                    "feature-order has the existing features",
                    "expected the features",
                    {"providers": {"a": {**STATIC, "feature-order": ["g"]}}, "variants": {"x": X}},
                ),
                (
                    "a requirement follows PEP 508",
                    "write NAME, NAME==VERSION or NAME; MARKER",
                    {"providers": {"a": {"requires": ["p >="]}}, "variants": {"x": X}},
                ),
                ("labels have properties", "unknown label", {}),
            )
        },
        "an entry says something": (
            "expected at least one label, or index-urls",
            {"projects": [{**ENTRY, "variant": DECLARED, "variants": {}}]},
        ),
        "each label has wheels": (
            "missing",
            {"projects": [{**ENTRY, "variants": {"null": {"match": {"abi": "*"}}}}]},
        ),
        "versions follow PEP 440": ("invalid specifier", {"projects": [{**ENTRY, "versions": "a"}]}),
        "versions are about whole releases": (
            "is not about whole releases",
            {"projects": [{**ENTRY, "versions": "==2+a"}]},
        ),
        "each entry can be used": ("is never used", {"projects": [ENTRY, {**ENTRY, "versions": ">2"}]}),
        "a project does not stand for itself": (
            "cannot stand for itself",
            {"projects": [{**ENTRY, "variants": {"x": {"project": "torch"}}}]},
        ),
        "a pattern can match something": (
            "write '?' or '*' instead",
            {"projects": [{**ENTRY, "variants": {"x": {"match": {"platform": "*linux-*"}}}}]},
        ),
        "only the pattern of the local version may be empty": (
            "an empty glob matches nothing",
            {"projects": [{**ENTRY, "variants": {"x": {"match": {"name": ""}}}}]},
        ),
    },
    "config": {
        "a trusted version follows PEP 440": ("invalid version", {"trust-plugins": ["a==b"]}),
        "a trusted name is one of a project": ("invalid project name", {"trust-plugins": ["_"]}),
        "a package is trusted in one version": ("two versions of", {"trust-plugins": ["a==1", "a==2"]}),
        "detected namespaces are known ones": ("known values: nvidia", {"detect": ["a"]}),
        "known namespaces have known features": (
            "unknown feature 'lvel' of x86_64",
            {"policy": {"exclude": ["x86_64 :: lvel"]}},
        ),
    },
    "hardware": {
        "feature-order names the features that there are": (
            "expected the features",
            {"a": {"features": {"f": ["1"]}, "feature-order": ["g"]}},
        ),
        "the values of facts are known": (
            "invalid value",
            {"x86_64": "v9"},
        ),
        "some facts require others": (
            "requires cuda",
            {"sm": "9.0"},
        ),
        "a machine has one architecture": (
            "different architectures",
            {"x86_64": "v3", "aarch64": "8a"},
        ),
        "facts or a table describe a namespace": (
            "describe the same namespace",
            {"cuda": "12.8", "nvidia": {"features": {}}},
        ),
    },
}


@pytest.mark.parametrize(("name", "rule"), [(name, rule) for name, rules in BEYOND.items() for rule in rules])
def test_the_reader_checks_rules_that_a_schema_cannot_express(name: str, rule: str) -> None:
    words, table = BEYOND[name][rule]
    assert errors_of_schema(name, table) == []
    (line,) = errors_of_reader(name, table)
    assert words in line


def assert_agreement(name: str, table: object) -> None:
    found = errors_of_reader(name, table)
    if not VALIDATORS[name].is_valid(table):  # all its errors take longer than the first
        assert found, (errors_of_schema(name, table), table)
    else:
        beyond = {words for words, _ in BEYOND[name].values()}
        assert [line for line in found if not any(words in line for words in beyond)] == [], table


# Keys and values that are valid in some tables and invalid in others.
KEYS = ["", "A", "a-b", "a.b", "null", "abi_dependency", "builtin", "requires", "feature-order", "plugin-api"]
TEXTS = ["", "a", "A b", "1.2", "a:b:c", "a..b", "p >=", "abi_dependency"]
LISTS = [[], [""], ["a"], ["a", "a"], ["a", 1], [["a"]]]
DICTS = [{}, {"a": "b"}, {"a": ["b"]}, {"a": {"b": ["c"]}}, {"a": ["b"], "b": ["a"]}]
THINGS: list[Any] = [0, 1.5, True, *TEXTS, *LISTS, *DICTS]


def changed(value: Any) -> Iterator[Any]:
    """Yield copies of a value with one part replaced, removed, renamed or added; some are still valid."""
    yield from THINGS
    if isinstance(value, dict):
        yield from ({**value, key: each} for key in KEYS for each in THINGS)
        for key, entry in value.items():
            others = {other: value[other] for other in value if other != key}
            yield others
            yield from ({**others, name: entry} for name in KEYS)
            yield from ({**value, key: each} for each in changed(entry))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield value[:index] + value[index + 1 :]
            yield [*value, entry]
            yield from ([*value[:index], each, *value[index + 1 :]] for each in changed(entry))


VARIANT: dict[str, Any] = {
    "default-priorities": {"namespace": ["a", "b", "c"]},
    "providers": {
        "a": {"static-properties": {"f": ["1", "2"], "g": ["1"]}, "feature-order": ["g", "f"]},
        "b": {"requires": ["p", "q-r >=1,<2"], "plugin-api": "m.n:O.p", "optional": True},
        "c": {"static-properties": {"f": ["1"]}, "feature-order": ["f"]},
    },
    "variants": {"x_1.2": {"a": {"f": ["1", "2"]}, "abi_dependency": {"torch": ["2.9"]}}, "null": {}},
}
INDEX: dict[str, Any] = {
    "$schema": SCHEMA_WITH_PROVIDERS,
    **VARIANT,
    "providers": {**VARIANT["providers"], "c": {"builtin": "c", "optional": True}},
}
WITHOUT_PROVIDERS: dict[str, Any] = {
    "$schema": SCHEMA_WITHOUT_PROVIDERS,
    **{key: value for key, value in VARIANT.items() if key != "providers"},
}
BUILD_PLUGIN: dict[str, Any] = {**DECLARED, "providers": {"a": {"build-requires": ["p"], "plugin-api": "m"}}}
RECIPES: dict[str, Any] = {
    "build-backend": "setuptools.build_meta",
    "backend-path": ["backend"],
    "dependencies": ["p==3.6.0; platform_system == 'Linux' and 'nvidia' in variant_namespaces"],
    "remove-dependencies": ["mkl", "nvidia-*"],
    "name": "torch",
    "strip-local-version": True,
    "markers": "keep",
    "plugins": "validate",
    "policy": {"prefer": ["a"], "limit": ["a :: b :: c"], "exclude": ["a :: b"]},
    "variants": {
        "null": {
            "match": {
                "name": "t*",
                "version": "2.*",
                "local": "cpu",
                "python": "*",
                "abi": "*",
                "platform": "*",
            },
            "env": {"ARCHITECTURES": "9.0;12.0", "os_name == 'nt'": {"CL": "/O2"}},
            "env-append": {"CMAKE_ARGS": "-DUSE_X=ON"},
            "config-settings": {
                "setup-args": ["-Dblas=mkl", "-Dx=1"],
                "builddir": "build",
                "os_name == 'nt'": {"a": ["b"]},
            },
            "build-requires": ["mkl-devel"],
            "dependencies": ["q-r==12.8.4.1; platform_system == 'Linux'"],
            "remove-dependencies": [],
        },
    },
}

HARDWARE: dict[str, Any] = {
    "a": {"features": {"f": ["1", "2"], "g": ["1.2_x"]}, "feature-order": ["g", "f"], "source": "the driver"},
    "b_1": {"features": {"f": ["1"]}, "feature-order": ["f"]},
    "c": {
        "features": {},
        "source": "",
        "by-package": {"A-b.c": {"features": {"f": ["1"]}}},
        "least": {"features": {"f": ["1"], "g": ["2"]}, "feature-order": ["g", "f"]},
    },
}
FACTS: dict[str, Any] = {"cuda": "12.8", "sm": ["9.0", "8.9"], "x86_64": ["v3"], "a": HARDWARE["a"]}
CONFIG: dict[str, Any] = {
    "policy": {
        "prefer": ["amd", "a :: b", "a::b::c.1"],
        "limit": ["x86_64 :: level :: v3"],
        "exclude": ["tpu"],
        "null-only": False,
        "plain": ["A-b.c"],
        "releases": "accelerated",
    },
    "machine": "machine.toml",
    "index-url": ["https://example.org/simple"],
    "find-links": ["wheels"],
    "detect": ["nvidia"],
    "devices": "least",
    "trust-plugins": ["a", "b==1.0", f"c==1 --hash=sha256:{'0' * 64}"],
    "plugin-installer": "uv",
    "allow-root": True,
    "build-installer": "pip",
    "keyring-provider": "subprocess",
}
OVERLAY: dict[str, Any] = {
    "projects": [
        {
            "names": ["torch", "A-b.c"],
            "versions": ">=2.9,<3",
            "index-urls": ["https://example.org/simple", "wheels"],
            "variant": {**DECLARED, "variants": {"x": X}},
            "variants": {
                "x": {
                    "match": {"local": "cu128", "name": "t*", "version": "*", "python": "*", "index": "*/x"}
                },
                "null": {"project": "torch-cpu"},
            },
        },
        {**ENTRY, "names": ["b"]},
    ]
}
MACHINE: dict[str, Any] = {"version": 1, "machine": HARDWARE, "warnings": [], "errors": []}


@pytest.mark.slow  # thousands of changes
@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("variant", VARIANT),
        ("variant", BUILD_PLUGIN),
        ("index-file", INDEX),
        ("index-file", WITHOUT_PROVIDERS),
        ("variant-backend", RECIPES),
        ("hardware", HARDWARE),
        ("hardware", MACHINE),
        ("hardware", FACTS),
        ("config", CONFIG),
        ("overlay", OVERLAY),
    ],
    ids=[
        "variant",
        "variant, with build-requires",
        "index file",
        "index file, without providers",
        "variant-backend",
        "hardware",
        "hardware, with version",
        "hardware, with facts",
        "config",
        "overlay",
    ],
)
def test_schema_and_reader_agree_about_each_change_of_a_full_table(name: str, table: dict[str, Any]) -> None:
    assert (errors_of_schema(name, table), errors_of_reader(name, table)) == ([], [])
    for each in changed(table):
        assert_agreement(name, each)


@pytest.mark.parametrize("value", [*THINGS, ["torch", "a.b-C_1"], ["torch "], ["torch==2"], ["a", "b", "a"]])
def test_schema_and_reader_agree_about_abi_dependency(value: object) -> None:
    assert_agreement("variant-backend", {"variants": {"null": {"abi-dependency": value}}})


NAMES = st.sampled_from(["a", "b_1", "null", "c"])
VALUES = st.lists(st.sampled_from(["1", "v2", "3.4_x"]), min_size=1, unique=True)
FEATURES = st.dictionaries(NAMES, VALUES, min_size=1, max_size=2)
REQUIREMENTS = st.sampled_from(["p", "q-r >=1,<2", "s[t]; python_version > '3.8'"])


@st.composite
def providers(draw: st.DrawFn, plugin_source: str) -> dict[str, Any]:
    provider: dict[str, Any] = {}
    if draw(st.booleans()):
        provider[plugin_source] = draw(st.lists(REQUIREMENTS, min_size=1, unique=True))
        if draw(st.booleans()):
            provider["plugin-api"] = draw(st.sampled_from(["m", "_m.n1", "m:O", "m.n:O.p"]))
    else:
        features = provider["static-properties"] = draw(FEATURES)
        if len(features) > 1 or draw(st.booleans()):
            provider["feature-order"] = draw(st.permutations(list(features)))
    if draw(st.booleans()):
        provider["optional"] = draw(st.booleans())
    return provider


@st.composite
def variant_tables(draw: st.DrawFn, plugin_source: str = "requires") -> dict[str, Any]:
    declared = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    namespaces = st.sampled_from(declared)
    table: dict[str, Any] = {"default-priorities": {"namespace": declared}}
    if draw(st.booleans()):
        table["providers"] = draw(st.dictionaries(namespaces, providers(plugin_source)))
    if draw(st.booleans()):
        properties = st.dictionaries(namespaces | st.just("abi_dependency"), FEATURES, min_size=1, max_size=2)
        table["variants"] = draw(st.dictionaries(st.sampled_from(["x", "1.2", "y_"]), properties))
        if draw(st.booleans()):
            table["variants"]["null"] = {}
    return table


@pytest.mark.parametrize("plugin_source", ["requires", "build-requires"])
@given(data=st.data())
def test_schema_and_reader_accept_every_valid_variant_table(plugin_source: str, data: st.DataObject) -> None:
    table = data.draw(variant_tables(plugin_source))
    assert (errors_of_schema("variant", table), errors_of_reader("variant", table)) == ([], [])


@given(st.data())
def test_schema_and_reader_agree_about_a_variant_table_with_one_change(data: st.DataObject) -> None:
    table = data.draw(variant_tables())
    assert_agreement("variant", data.draw(st.sampled_from(list(changed(table)))))


@settings(max_examples=30)
@given(releases())
def test_schema_and_reader_accept_every_release(release: VariantMetadata) -> None:
    document = json.loads(release.to_json())
    assert (errors_of_schema("index-file", document), errors_of_reader("index-file", document)) == ([], [])
    one_label = {**document, "variants": dict([*document["variants"].items()][:1])}
    assert errors_of_schema("variant.json", one_label) == errors_of_reader("variant.json", one_label)


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=40)
@given(document=mutated())
def test_schema_and_reader_agree_about_mutated_documents(name: str, document: object) -> None:
    assert_agreement(name, document)


def test_the_schemas_of_documents_tell_wheels_from_releases() -> None:
    labels = {"x": X, "y": X}
    assert errors_of_schema("index-file", {**RELEASE, "variants": labels}) == []
    assert errors_of_schema("index-file", {**RELEASE, "variants": {}}) == []
    assert errors_of_schema("variant.json", {**RELEASE, "variants": labels})
    assert errors_of_schema("variant.json", {**RELEASE, "variants": {}})


def test_the_schema_of_machine_files_has_the_known_facts() -> None:
    properties = SCHEMAS["hardware"]["definitions"]["namespaces"]["properties"]
    kinds = {key: entry["anyOf"][0]["$ref"].rpartition("/")[2] for key, entry in properties.items()}
    assert kinds == {key: "facts" if fact.several else "fact" for key, fact in known_facts().items()}


@pytest.mark.parametrize("text", ["a\n", "\x1b[1m", "\x7f", "a\x9f", "\x00"])
def test_schema_and_reader_refuse_control_characters_in_a_source(text: str) -> None:
    table = {"a": {"features": {}, "source": text}}
    assert errors_of_schema("hardware", table)
    assert "control character" in errors_of_reader("hardware", table)[0]


def without_variant_table(path: Path) -> str:
    """Return the text of an example's project file without its last table, ``[variant]``."""
    return path.read_text(encoding="utf-8").partition("\n[variant]\n")[0]


@pytest.mark.slow  # real checkers, for each example
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_validate_pyproject_finds_the_schema_and_accepts_the_examples(example: Path, tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    text = without_variant_table(example)
    path.write_text(text, encoding="utf-8")
    # The schema of scikit-build-core in the store does not know its experimental key `variant`.
    ours = ("--enable-plugins", "variant-backend", "--")
    assert "Valid file" in run("validate-pyproject", *ours, path).stdout
    header = "\n[tool.variant-backend]\n"
    table = text if header in text else text + header  # backends that make variants themselves have none
    misspelt = table.replace(header, f"{header}build-backent = 1\n")
    path.write_text(misspelt, encoding="utf-8")
    refused = run("validate-pyproject", *ours, path, ok=False)
    assert refused.returncode == 1
    assert "`tool.variant-backend` must not contain {'build-backent'} properties" in refused.stderr


def test_validate_pyproject_refuses_the_variant_table() -> None:
    refused = run("validate-pyproject", EXAMPLES[0], ok=False)
    assert refused.returncode == 1
    assert "`data` must not contain {'variant'} properties" in refused.stderr


@pytest.fixture(scope="module")
def printed() -> Path:
    """A file with the output of the command."""
    schema = Path("schema.json").absolute()
    schema.write_text(run("variant-backend", "schema").stdout, encoding="utf-8")
    return schema


@pytest.mark.slow  # real checkers, for each example
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_printed_schema_accepts_the_examples(example: Path, printed: Path) -> None:
    assert json.loads(printed.read_text(encoding="utf-8")) == pyproject_schema()
    run("check-jsonschema", "--schemafile", printed, example)


@pytest.mark.slow
def test_sdist_and_wheel_contain_schemas_rules_and_entry_point(tmp_path: Path) -> None:
    run("uv", "build", "--quiet", "--out-dir", tmp_path, ROOT)  # the wheel is built from the sdist
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        for name in TABLES:
            content = wheel.read(f"variant_backend/_internal/schemas/{name}.schema.json")
            assert json.loads(content) == table_schema(name)
        rules = wheel.read("variant_backend/_internal/checking/rules.md")
        assert rules == (ROOT / "docs" / "reference" / "rules.md").read_bytes()
        (points,) = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
        assert "[validate_pyproject.tool_schema]\nvariant-backend = " in wheel.read(points).decode()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples" / "overlays").glob("*.toml")), ids=lambda path: path.stem
)
def test_the_schema_accepts_the_shipped_overlays(path: Path) -> None:
    table = read_toml(path)
    assert (errors_of_schema("overlay", table), errors_of_reader("overlay", table)) == ([], [])
