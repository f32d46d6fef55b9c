"""The upgrade of old variant metadata: carried, changed and dropped keys."""

from __future__ import annotations

import copy
import json
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel, record_row
from helpers.programs import empty_cache, run, run_here
from helpers.sample_release import DOCUMENT
from helpers.servers import publish, served
from helpers.strict_reader import walk
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.checking.codes import FORMAT, RULES
from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.legacy import Upgraded, upgrade_document, upgrade_table
from variant_backend._internal.variants.metadata import SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS

HOST = "https://variants-schema.wheelnext.dev/"
NVIDIA_API = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"

# A release of each old form, with all of its keys. `blas` has no plugin.
OLD_NVIDIA = {
    "requires": ["nvidia-variant-provider>=0.0.2,<1"],
    "plugin-api": NVIDIA_API,
    "enable-if": "platform_system == 'Linux'",
}
GRAPHCORE = {"requires": ["graphcore-variant-provider"], "enable-if": "platform_machine == 'x86_64'"}
VARIANTS: dict[str, Any] = {
    "cuda13": {"nvidia": {"cuda_version_lower_bound": ["13.0"]}},
    "cuda12": {"nvidia": {"sm_arch": ["90_real", "80_real"], "cuda_version_lower_bound": ["12.0"]}},
    "ipu": {"graphcore": {"generation": ["2"]}},
    "mkl": {"blas": {"library": ["mkl"], "threads": ["many"]}},
    "openblas": {"blas": {"library": ["openblas"]}},
}
FIRST: dict[str, Any] = {
    "$schema": HOST,
    "default-priorities": {"namespace": ["nvidia"]},
    "providers": {"nvidia": {**OLD_NVIDIA, "requires": ["nvidia-variant-provider>=0.0.1,<1.0.0"]}},
    "variants": {"00000000": {}, "cuda13": VARIANTS["cuda13"], "c0ffee00": VARIANTS["cuda12"]},
}
SECOND: dict[str, Any] = {
    "$schema": f"{HOST}v0.0.2.json",
    "default-priorities": {
        "namespace": ["nvidia", "graphcore", "blas"],
        "feature": {"blas": ["threads", "library"]},
        "property": {
            "nvidia": {"sm_arch": ["90_real"]},
            "blas": {"library": ["mkl", "openblas"], "threads": ["many", "one"]},
        },
    },
    "providers": {
        "nvidia": {**OLD_NVIDIA, "plugin-use": "all"},
        "graphcore": GRAPHCORE,
        "blas": {"plugin-use": "none", "requires": []},
    },
    "variants": {"null": {}, **VARIANTS},
}
THIRD: dict[str, Any] = {
    "$schema": f"{HOST}v0.0.3.json",
    "default-priorities": {
        "namespace": ["nvidia", "graphcore", "blas"],
        "feature": {"blas": ["threads", "nonesuch", "library"], "nvidia": ["sm_arch"]},
        "property": {"blas": {"library": ["mkl", "accelerate"]}},
    },
    "providers": {
        "nvidia": {**OLD_NVIDIA, "install-time": True, "optional": False},
        "graphcore": GRAPHCORE,
        "blas": {"install-time": False, "requires": ["blas-lapack-variant-provider"]},
    },
    "static-properties": {"blas": {"library": ["openblas", "mkl"], "threads": ["many", "one"]}},
    "variants": {"null": {}, **VARIANTS},
}
WITHOUT_PROVIDERS: dict[str, Any] = {
    "$schema": f"{HOST}peps/825/v0.1.0.json",
    "default-priorities": {"namespace": ["blas"]},
    "variants": {"openblas": VARIANTS["openblas"]},
}
WITH_PROVIDERS: dict[str, Any] = {
    "$schema": f"{HOST}v0.2.0.json",
    "default-priorities": {"namespace": ["nvidia"]},
    "providers": {"nvidia": {"requires": ["nvidia-variant-provider"], "plugin-api": NVIDIA_API}},
    "variants": {"cuda13": VARIANTS["cuda13"]},
}
FORMS = {
    "0.0": FIRST,
    "0.0.2": SECOND,
    "0.0.3": THIRD,
    "0.1.0": WITHOUT_PROVIDERS,
    "0.2.0": WITH_PROVIDERS,
}
BLAS = {
    "static-properties": {"threads": ["many", "one"], "library": ["mkl", "openblas"]},
    "feature-order": ["threads", "library"],
}


def upgraded(document: Mapping[str, Any]) -> Upgraded:
    return upgrade_document(document, "here")


def changed(document: Mapping[str, Any], *path: str, value: Any) -> dict[str, Any]:
    """Return a document with one value changed."""
    result = table = copy.deepcopy(dict(document))
    for key in path[:-1]:
        table = table.setdefault(key, {})
    table[path[-1]] = value
    return result


def places(lines: tuple[str, ...]) -> set[str]:
    return {line.partition(": ")[0] for line in lines}


@pytest.mark.parametrize("form", FORMS)
def test_every_old_form_becomes_current_in_one_step(form: str) -> None:
    once = upgraded(FORMS[form])
    assert not once.is_current
    wanted = SCHEMA_WITHOUT_PROVIDERS if form == "0.1.0" else SCHEMA_WITH_PROVIDERS
    assert once.document["$schema"] == once.metadata.to_dict()["$schema"] == wanted
    again = upgraded(once.document)
    assert again.is_current and again.document == once.document
    written = json.loads(once.metadata.to_json())
    assert upgraded(written).is_current and upgraded(written).metadata == once.metadata


def test_the_oldest_form_gets_a_new_null_label_and_loses_enable_if() -> None:
    result = upgraded(FIRST)
    assert list(result.metadata.variants) == ["null", "cuda13", "c0ffee00"]
    assert result.document["providers"]["nvidia"] == {
        "requires": ["nvidia-variant-provider>=0.0.1,<1.0.0"],
        "plugin-api": NVIDIA_API,
    }
    assert places(result.carried) == {"$schema", "variants.00000000"}
    assert result.changed == ()
    assert result.dropped == (
        "providers.nvidia.enable-if: platform_system == 'Linux' has no successor; the namespace is now"
        " used on every platform that the wheels' tags allow",
    )
    assert result.unservable() == ()


def test_property_priorities_without_a_plugin_become_static_properties() -> None:
    result = upgraded(SECOND)
    assert result.document["providers"]["blas"] == BLAS
    assert places(result.carried) == {
        "$schema",
        "providers.nvidia.plugin-use",
        "providers.blas.plugin-use",
        "providers.blas.requires",
        "default-priorities.property.blas",
        "default-priorities.feature.blas",
    }
    assert places(result.dropped) == {
        "providers.nvidia.enable-if",
        "providers.graphcore.enable-if",
        "default-priorities.property.nvidia",
    }


def test_old_priorities_order_the_static_properties() -> None:
    result = upgraded(THIRD)
    assert result.document["providers"]["blas"] == BLAS
    assert "static-properties" not in result.document
    assert result.document["default-priorities"] == {"namespace": ["nvidia", "graphcore", "blas"]}
    assert places(result.dropped) == {
        "providers.nvidia.enable-if",
        "providers.graphcore.enable-if",
        "providers.blas.requires",
        "default-priorities.feature.blas",  # names a missing feature
        "default-priorities.property.blas.library",  # names an unsupported value
        "default-priorities.feature.nvidia",
    }


def test_other_requirements_of_a_known_provider_are_replaced() -> None:
    result = upgraded(SECOND)
    assert result.document["providers"]["nvidia"] == KNOWN_PROVIDERS["nvidia"].table.to_dict()
    assert result.changed == (
        "providers.nvidia.requires: changed from nvidia-variant-provider>=0.0.2,<1 to"
        " nvidia-variant-provider>=0.0.1,<1, the only value that released installers know",
    )
    old = {"requires": ["x86-64-variant-provider"], "plugin-api": "x86_64.plugin:Plugin", "optional": True}
    table = {"default-priorities": {"namespace": ["x86_64"]}, "providers": {"x86_64": old}}
    other = upgrade_table(table, "here")
    assert other.document["providers"]["x86_64"] == {
        "requires": ["x86-64-variant-provider>=0.2,<0.3"],
        "optional": True,
    }
    assert places(other.changed) == {"providers.x86_64.requires", "providers.x86_64.plugin-api"}


def test_another_package_for_a_known_namespace_is_kept() -> None:
    other = changed(SECOND, "providers", "nvidia", "requires", value=["my-nvidia-provider"])
    result = upgraded(other)
    assert result.document["providers"]["nvidia"]["requires"] == ["my-nvidia-provider"]
    assert result.changed == ()
    assert any(line.startswith("cuda13, cuda12 (by nvidia): ") for line in result.unservable())


def test_labels_that_no_installer_selects_are_named_with_the_reason() -> None:
    (line,) = upgraded(SECOND).unservable()
    assert line.startswith("ipu (by graphcore): uv only supports its built-in providers: nvidia,")
    lonely = upgraded(changed(SECOND, "variants", "sunk", value={"blas": {"library": ["atlas"]}}))
    assert (
        lonely.unservable()[1]
        == "sunk: the static-properties of 'blas' contain none of its values of 'library'"
    )
    optional = upgraded(changed(THIRD, "providers", "blas", "optional", value=True))
    assert optional.unservable()[1].startswith("mkl, openblas (by blas): the provider of 'blas' is optional")
    (line,) = upgraded(
        changed(FIRST, "variants", "pinned", value={"abi_dependency": {"pip": ["26"]}})
    ).unservable()
    assert line.startswith("pinned (by abi_dependency): uv drops the whole version")


def test_the_only_namespace_without_plugin_and_values_has_no_provider() -> None:
    old = changed(SECOND, "default-priorities", "property", value={})
    result = upgraded(old)
    assert result.document["$schema"] == SCHEMA_WITHOUT_PROVIDERS
    assert "providers" not in result.document
    assert result.metadata.variants == upgraded(SECOND).metadata.variants
    assert {"providers.blas", "providers", "default-priorities.feature.blas"} <= places(result.dropped)
    assert len(result.unservable()) == 3
    assert upgraded(result.document).is_current


def test_a_table_keeps_other_providers_if_one_is_empty() -> None:
    table = {key: SECOND[key] for key in ("default-priorities", "providers", "variants")}
    del table["default-priorities"], table["variants"]
    table["default-priorities"] = {"namespace": ["nvidia", "graphcore", "blas"]}
    result = upgrade_table(table, "here")
    assert set(result.document["providers"]) == {"nvidia", "graphcore"}
    assert places(result.dropped) >= {"providers.blas"}
    assert len(result.unservable()) == 2  # graphcore and blas


def test_a_build_time_plugin_stays_in_a_table() -> None:
    provider = {"requires": ["blas-lapack-variant-provider"], "install-time": False}
    table = {"default-priorities": {"namespace": ["blas"]}, "providers": {"blas": provider}}
    result = upgrade_table(table, "here")
    assert result.document["providers"]["blas"] == {"build-requires": ["blas-lapack-variant-provider"]}
    assert result.unservable() == ()


def test_a_feature_order_that_was_not_given_is_reported() -> None:
    result = upgraded(changed(SECOND, "default-priorities", "feature", value={}))
    assert result.document["providers"]["blas"]["feature-order"] == ["library", "threads"]
    assert any(line.startswith("providers.blas.feature-order: library, threads") for line in result.changed)


@pytest.mark.parametrize("document", [upgraded(each).document for each in FORMS.values()])
def test_current_metadata_are_unchanged(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    result = upgraded(document)
    assert (result.carried, result.changed, result.dropped) == ((), (), ())
    assert result.document == document == before


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        ([], ["here: expected a table"]),
        ({}, ["$schema: missing", "default-priorities: missing", "variants: missing"]),
        (
            changed(FIRST, "$schema", value="https://example.org/x"),
            ["$schema: unknown schema 'https://example.org/x'"],
        ),
        (changed(FIRST, "$schema", value=[]), ["$schema: expected a string"]),
        (
            changed(THIRD, "static-properties", value={"blas": {"library": ["MKL"], "threads": 3}}),
            [
                "static-properties.blas.library[0]: value 'MKL'",
                "static-properties.blas.threads: expected a list",
            ],
        ),
        (changed(THIRD, "static-properties", value=3), ["static-properties: expected a table"]),
        (changed(SECOND, "default-priorities", value=3), ["default-priorities: expected a table"]),
        (
            changed(SECOND, "default-priorities", "feature", value=["x"]),
            ["default-priorities.feature: expected a table"],
        ),
        (changed(SECOND, "providers", value=[]), ["providers: expected a table"]),
        (changed(SECOND, "providers", "blas", value="x"), ["providers.blas: expected a table"]),
        (
            changed(SECOND, "providers", "blas", "plugin-use", value="some"),
            ["plugin-use: unknown value 'some'"],
        ),
        (
            changed(THIRD, "providers", "blas", "install-time", value="no"),
            ["install-time: expected true or false"],
        ),
        (changed(FIRST, "providers", "nvidia", "enable-if", value=[[]]), ["enable-if: expected a string"]),
        (
            changed(FIRST, "providers", "nvidia", value={"requirs": ["x"]}),
            ["providers.nvidia.requirs: unknown key 'requirs'"],
        ),
        (
            changed(FIRST, "default-priorities", "namespace", value=[["x"], "nvidia"]),
            ["namespace[0]: expected a string"],
        ),
        (changed(FIRST, "variants", "x", value={}), ["variants.x: no properties"]),
        (
            changed(FIRST, "variants", "null", value={"nvidia": {"f": ["1"]}}),
            ["label 'null' cannot have properties"],
        ),
        (
            changed(FIRST, "variants", "x", value={"other": {"f": ["1"]}}),
            ["x.other: not in default-priorities"],
        ),
        (changed(FIRST, "extra", value=1), ["extra: unknown key 'extra'"]),
    ],
)
def test_all_problems_of_an_invalid_document_are_reported(document: Any, problems: list[str]) -> None:
    with pytest.raises(VariantError) as caught:
        upgraded(document)
    text = "\n".join(caught.value.lines())
    assert all(problem in text for problem in problems), text
    assert all(issue.startswith("here: ") for issue in caught.value.lines())


names = st.sampled_from(["nvidia", "blas", "x86_64", "abi_dependency", "Bad-Name"])
words = st.sampled_from(["a", "b", "1.0", "Bad"])
junk = st.one_of(st.none(), st.booleans(), st.integers(), words, st.lists(words, max_size=2), st.just({}))
lists = st.lists(words, max_size=3)
features = st.dictionaries(st.sampled_from(["f", "g"]), lists | junk, max_size=2)
requirements = st.sampled_from(
    [
        "nvidia-variant-provider",
        "nvidia-variant-provider>=0.0.2",
        "x86-64-variant-provider>=0.9",
        "other",
        "!",
    ]
)
provider = st.fixed_dictionaries(
    {},
    optional={
        "requires": st.lists(requirements, max_size=2) | junk,
        "plugin-api": st.sampled_from([NVIDIA_API, "m:o", None, "no reference"]) | junk,
        "enable-if": st.just("os_name == 'nt'") | junk,
        "install-time": st.booleans() | junk,
        "plugin-use": st.sampled_from(["none", "build", "all"]) | junk,
        "optional": st.booleans() | junk,
        "static-properties": features | junk,
        "feature-order": lists | junk,
        "build-requires": st.lists(requirements, max_size=2),
        "builtin": words,
        "unknown": junk,
    },
)
documents = st.fixed_dictionaries(
    {
        "default-priorities": st.fixed_dictionaries(
            {},
            optional={
                "namespace": st.lists(names, max_size=3) | junk,
                "feature": st.dictionaries(names, lists | junk, max_size=2) | junk,
                "property": st.dictionaries(names, features | junk, max_size=2) | junk,
            },
        )
    },
    optional={
        "$schema": st.sampled_from(
            [*(each["$schema"] for each in FORMS.values()), SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS]
        )
        | junk,
        "providers": st.dictionaries(names, provider | junk, max_size=3) | junk,
        "static-properties": st.dictionaries(names, features | junk, max_size=2) | junk,
        "variants": st.dictionaries(
            st.sampled_from(["null", "00000000", "x", "Y"]),
            st.dictionaries(names, features, max_size=2),
            max_size=2,
        )
        | junk,
    },
)


@given(documents, st.booleans())
def test_an_upgrade_is_current_for_any_document(document: dict[str, Any], is_table: bool) -> None:
    upgrade = upgrade_table if is_table else upgrade_document
    before = copy.deepcopy(document)
    try:
        once = upgrade(document, "here")
    except VariantError:
        assert document == before
        return
    assert document == before
    assert once.is_current == (once.document == document)
    again = upgrade(once.document, "here")
    assert again.is_current and again == once._replace(carried=(), changed=(), dropped=())


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["upgrade", *map(str, arguments)], catch_exceptions=False)


def written(path: Path, document: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def old_wheel(folder: Path, label: str | None, document: Mapping[str, Any], *requirements: str) -> Path:
    """Write a wheel like the older tools: one label, with all other metadata of the release."""
    plain = make_wheel(
        folder / "plain",
        metadata="Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {each}\n" for each in requirements),
    )
    members = walk(plain)
    path = "demo-1.0.dist-info/variant.json"
    inner = {"variants": {label: document["variants"][label]}} if label else {}
    content = json.dumps({**document, **inner}).encode()
    name = f"{plain.stem}{f'-{label}' if label else ''}.whl"
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        record = members.pop("demo-1.0.dist-info/RECORD").decode() + record_row(path, content)
        for member, data in {**members, path: content, "demo-1.0.dist-info/RECORD": record.encode()}.items():
            archive.writestr(member, data)
    return folder / name


def test_the_document_goes_to_stdout_and_the_report_to_stderr(tmp_path: Path) -> None:
    path = written(tmp_path / "variant.json", THIRD)
    before = path.read_bytes()
    result = invoke(path)
    assert result.exit_code == 0
    assert result.stdout_bytes == upgraded(THIRD).metadata.to_json()
    report = result.stderr.splitlines()
    assert report[0] == f"{path}:"
    headings = ["carried over:", "changed:", "dropped:", "never selected by any released installer:"]
    assert [line.strip() for line in report if line.startswith("  ") and line[2] != " "] == headings
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]


def test_json_gives_one_object_for_each_input(tmp_path: Path) -> None:
    good, bad = written(tmp_path / "variant.json", FIRST), tmp_path / "missing.json"
    result = invoke("--json", "-o", tmp_path / "out", good, bad, tmp_path / "README.md")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    first, second, third = document["files"]
    assert first == {
        "input": str(good),
        "path": str(tmp_path / "out" / "variant.json"),
        "carried": list(upgraded(FIRST).carried),
        "changed": [],
        "dropped": list(upgraded(FIRST).dropped),
        "unservable": [],
    }
    assert (second["path"], third["path"]) == (None, None)
    assert "missing.json: file not found" in result.stderr
    assert "README.md: file not found" in result.stderr
    (tmp_path / "README.md").touch()
    error = invoke(tmp_path / "README.md").stderr
    assert error.endswith(": unknown kind of file; name a *.json, *.toml or *.whl file\n")


def test_an_index_file_gets_its_normalized_name(tmp_path: Path) -> None:
    path = written(tmp_path / "My.Demo-1.0.0-variants.json", FIRST)
    assert invoke("--in-place", path).exit_code == 0
    (only,) = tmp_path.iterdir()
    assert only.name == "my_demo-1.0.0-variants.json"
    assert only.read_bytes() == upgraded(FIRST).metadata.to_json()


def format_errors(path: Path) -> list[tuple[str, str, str]]:
    return [
        (each.problem.code, each.problem.place, each.problem.text)
        for each in find_problems([path])
        if FORMAT in RULES[each.problem.code].groups
    ]


@pytest.mark.parametrize("form", FORMS)
def test_check_reports_old_documents_but_not_upgraded_ones(form: str, tmp_path: Path) -> None:
    path = written(tmp_path / "demo-1.0-variants.json", FORMS[form])
    assert format_errors(path)
    assert invoke("-o", tmp_path / "new", path).exit_code == 0
    assert format_errors(tmp_path / "new" / path.name) == []
    for label in FORMS[form]["variants"]:
        document = {**FORMS[form], "variants": {label: FORMS[form]["variants"][label]}}
        wheel = old_wheel(tmp_path / label, label, document)
        assert format_errors(wheel)
        result = invoke("-o", tmp_path / label / "new", wheel)
        assert result.exit_code == 0, result.stderr
        (new,) = (tmp_path / label / "new").iterdir()
        assert format_errors(new) == []


def test_a_current_document_is_not_rewritten_but_copied_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "variant.json"
    path.write_text(json.dumps(upgraded(FIRST).document))  # other white space than ours
    for options in ([], ["--in-place"], ["-o", tmp_path / "out"]):
        before = path.read_bytes()
        result = invoke(*options, path)
        assert result.exit_code == 0
        assert f"{path}: nothing to upgrade" in result.stderr
        assert path.read_bytes() == before
    assert (tmp_path / "out" / "variant.json").read_bytes() == path.read_bytes()


def test_a_dry_run_reports_but_writes_no_file(tmp_path: Path) -> None:
    document = written(tmp_path / "variant.json", SECOND)
    wheel = old_wheel(tmp_path, "cuda12", SECOND)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for options in ([], ["--in-place"], ["-o", tmp_path / "out"]):
        result = invoke("--dry-run", *options, document, wheel)
        assert result.exit_code == 0
        assert all(line.endswith((".json", ".whl")) for line in result.stdout.splitlines())
        assert result.stderr.endswith("dry run: no file is written\n")
        assert result.stderr.count("enable-if") == 4
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_existing_files_are_not_replaced(tmp_path: Path) -> None:
    path = written(tmp_path / "variant.json", FIRST)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "variant.json").write_text("mine")
    result = invoke("-o", tmp_path / "out", path)
    assert result.exit_code == 1
    assert "already exists; move it away, or use another folder with --output" in result.stderr
    assert (tmp_path / "out" / "variant.json").read_text() == "mine"
    assert invoke("-o", tmp_path, path).exit_code == 1


@pytest.mark.parametrize("options", [("-o", "out", "--in-place"), ("other.json",)])
def test_contradictory_options_are_wrong_usage(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = invoke(written(tmp_path / "variant.json", FIRST), *options)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "variant.json: invalid JSON"),
        (b"\xef\xbb\xbf{}", "invalid JSON"),
        (b'{"variants": {}, "variants": {}}', "duplicate key 'variants'"),
        (b"[" * 100_000, "invalid JSON"),
    ],
)
def test_an_invalid_document_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "variant.json").write_bytes(content)
    result = invoke("--in-place", tmp_path / "variant.json")
    assert result.exit_code == 1 and message in result.stderr
    assert (tmp_path / "variant.json").read_bytes() == content


def test_a_very_deep_document_causes_no_traceback() -> None:
    for depth in (500, 900, 990):
        deep: Any = "x"
        for _ in range(depth // 2):
            deep = {"a": [deep]}
        with pytest.raises(VariantError):
            upgraded(changed(FIRST, "providers", "nvidia", "enable-if", value=deep))
        with pytest.raises(VariantError):
            upgraded(changed(FIRST, "default-priorities", "property", "nvidia", value=deep))


PROJECT = """\
# A project.
[project]
name = "demo"  # its name

[variant.default-priorities]
namespace = ["nvidia", "blas"]  # best first
feature.blas = ["threads", "library"]
property.blas.threads = ["many", "one"]

# NVIDIA says what the GPU can do.
[variant.providers.nvidia]
enable-if = "platform_system == 'Linux'"  # Windows comes later
requires = [
  "nvidia-variant-provider>=0.0.2",  # the one with sm_arch
]
plugin-api = 'nvidia_variant_provider.plugin:NvidiaVariantPlugin'

[variant.providers.blas]
install-time = false
requires = []

[variant.static-properties.blas]
library = ["openblas", "mkl"]

# Our tools.
[tool.other]
x = {  y = 1 }
"""
UPGRADED_PROJECT = """\
# A project.
[project]
name = "demo"  # its name

[variant.default-priorities]
namespace = ["nvidia", "blas"]  # best first

# NVIDIA says what the GPU can do.
[variant.providers.nvidia]
requires = ["nvidia-variant-provider>=0.0.1,<1"]
plugin-api = 'nvidia_variant_provider.plugin:NvidiaVariantPlugin'

[variant.providers.blas]
static-properties = { threads = ["many", "one"], library = ["openblas", "mkl"] }
feature-order = ["threads", "library"]

# Our tools.
[tool.other]
x = {  y = 1 }
"""


def test_check_reports_old_project_files_but_not_upgraded_ones(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(PROJECT)
    assert format_errors(path)
    assert invoke("--in-place", path).exit_code == 0
    assert format_errors(path) == []


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_other_lines_of_a_project_file_do_not_change(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(PROJECT.replace("\n", ending).encode())
    result = invoke("--in-place", path)
    assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    assert path.read_bytes() == UPGRADED_PROJECT.replace("\n", ending).encode()
    again = invoke(path)
    assert again.stdout_bytes == path.read_bytes() and "nothing to upgrade" in again.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            'variant.default-priorities.namespace = ["a"]\nvariant.providers.a = { plugin-use = "none" }\n'
            'variant.static-properties.a.f = ["1"]\n',
            'variant.default-priorities.namespace = ["a"]\n'
            'variant.providers.a = { static-properties = { f = ["1"] } }\n',
        ),
        (
            '[variant]\ndefault-priorities = { namespace = ["a"], property.a.f = ["1"] }\n'
            'providers = { a = { plugin-use = "none", requires = [] } }\n',
            '[variant]\ndefault-priorities = { namespace = ["a"] }\n'
            'providers = { a = { static-properties = { f = ["1"] } } }\n',
        ),
        (
            '[variant.default-priorities]\nnamespace = ["a"]\n[variant.static-properties.a]\n'
            '# best first\nf = ["1"]\n[variant.providers.a]\ninstall-time = false\n',
            '[variant.default-priorities]\nnamespace = ["a"]\n# best first\n[variant.providers.a]\n'
            'static-properties = { f = ["1"] }\n',
        ),
        (
            '[variant.default-priorities]\nnamespace = ["a"]\nproperty.a.f = ["1"]\n',
            '[variant.default-priorities]\nnamespace = ["a"]\n\n[variant.providers.a]\n'
            'static-properties = { f = ["1"] }\n',
        ),
        (
            '[variant.default-priorities]\nnamespace = ["a"]\n\n[variant.providers.a]\nplugin-use = "none"\n',
            '[variant.default-priorities]\nnamespace = ["a"]\n',
        ),
    ],
)
def test_a_project_file_is_edited_in_its_own_style(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(old.encode())
    result = invoke(path)
    assert (result.exit_code, result.stdout) == (0, new), result.stderr


def test_a_project_file_without_variants_or_with_problems_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    for text, message in (
        ("[project]\n", "missing table [variant]"),
        ("[variant\n", "invalid TOML"),
        ("[variant]\nx = 1\n", "[variant]: x: unknown key 'x'"),
    ):
        path.write_text(text)
        result = invoke("--in-place", path)
        assert result.exit_code == 1 and f"error: {path}: " in result.stderr and message in result.stderr
        assert path.read_text() == text


def test_a_wheel_with_a_new_name_is_written_beside_the_old_one(tmp_path: Path) -> None:
    wheel = old_wheel(tmp_path, "00000000", FIRST)
    before = wheel.read_bytes()
    result = invoke(wheel)
    assert result.stdout == f"{tmp_path / 'demo-1.0-py3-none-any-null.whl'}\n"
    members = walk(tmp_path / "demo-1.0-py3-none-any-null.whl")
    assert json.loads(members["demo-1.0.dist-info/variant.json"])["variants"] == {"null": {}}
    assert wheel.read_bytes() == before


def test_a_wheel_with_the_same_name_requires_an_output(tmp_path: Path) -> None:
    wheel = old_wheel(tmp_path, "cuda12", SECOND)
    old = walk(wheel)
    result = invoke(wheel)
    assert result.exit_code == 1 and "use --in-place, or another folder with --output" in result.stderr
    assert invoke("-o", tmp_path / "out", wheel).exit_code == 0
    assert walk(wheel) == old
    assert invoke("--in-place", wheel).exit_code == 0
    assert wheel.read_bytes() == (tmp_path / "out" / wheel.name).read_bytes()
    new = walk(wheel)
    assert new.pop("demo-1.0.dist-info/variant.json") != old.pop("demo-1.0.dist-info/variant.json")
    del new["demo-1.0.dist-info/RECORD"], old["demo-1.0.dist-info/RECORD"]
    assert new == old
    assert "nothing to upgrade" in invoke(wheel).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["plain", "out", wheel.name])


def test_in_place_a_wheel_with_a_new_name_replaces_the_old_one(tmp_path: Path) -> None:
    wheel = old_wheel(tmp_path, "00000000", FIRST)
    (tmp_path / "demo-1.0-py3-none-any-null.whl").write_bytes(b"mine")
    assert invoke("--in-place", wheel).exit_code == 1
    (tmp_path / "demo-1.0-py3-none-any-null.whl").unlink()
    assert invoke("--in-place", wheel).exit_code == 0
    assert not wheel.exists()
    walk(tmp_path / "demo-1.0-py3-none-any-null.whl")


def test_a_wheel_without_a_label_in_its_name_gets_none(tmp_path: Path) -> None:
    (wheel,) = [old_wheel(tmp_path, "cuda13", FIRST)]
    plain = wheel.rename(tmp_path / "demo-1.0-py3-none-any.whl")
    assert invoke("--in-place", plain).exit_code == 0
    assert "cuda13" in json.loads(walk(plain)["demo-1.0.dist-info/variant.json"])["variants"]


def test_a_plain_wheel_is_copied_unchanged(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    result = invoke("-o", tmp_path / "out", wheel)
    assert "nothing to upgrade (a plain wheel)" in result.stderr
    assert (tmp_path / "out" / wheel.name).read_bytes() == wheel.read_bytes()


def test_requirements_with_variant_markers_are_evaluated_for_the_label(tmp_path: Path) -> None:
    requirements = ('gpu; "nvidia" in variant_namespaces', 'cpu; "nvidia" not in variant_namespaces', "all")
    wheel = old_wheel(tmp_path, "cuda13", FIRST, *requirements)
    result = invoke("--json", "--in-place", wheel)
    (line,) = json.loads(result.stdout)["files"][0]["changed"]
    assert line.startswith("METADATA: 2 requirement(s) with variant markers")
    metadata = walk(wheel)["demo-1.0.dist-info/METADATA"].decode()
    assert [each for each in metadata.splitlines() if "Requires-Dist" in each] == [
        "Requires-Dist: gpu",
        "Requires-Dist: all",
    ]


def test_a_label_that_differs_from_the_filename_is_refused(tmp_path: Path) -> None:
    wheel = old_wheel(tmp_path, "cuda13", FIRST).rename(tmp_path / "demo-1.0-py3-none-any-cuda12.whl")
    several = old_wheel(tmp_path / "several", None, FIRST).rename(tmp_path / "demo-1.0-py2-none-any.whl")
    for path, message in (
        (wheel, "differs from label 'cuda12' in the filename"),
        (several, "variants: expected exactly one label, got 3"),
    ):
        before = path.read_bytes()
        result = invoke("--in-place", path)
        assert result.exit_code == 1 and f"error: {path.name}: variant.json: " in result.stderr
        assert message in result.stderr
        assert path.read_bytes() == before


def hardware(driver: str) -> dict[str, Any]:
    return {
        "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": driver,
        "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "9.0",
    }


@pytest.fixture(scope="module", params=["0.0", "0.0.2", "0.0.3"])
def upgraded_release(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A package index with an upgraded release, whose wheels and index file are from older tools."""
    folder = tmp_path_factory.mktemp("release")
    document = FORMS[request.param]
    files = [old_wheel(folder, label, document) for label in document["variants"]]
    files.append(written(folder / "demo-1.0-variants.json", document))
    files.append(folder / "plain" / "demo-1.0-py3-none-any.whl")
    run_here(main, "upgrade", "-o", folder / "dist", *files)
    given = (folder / "dist" / "demo-1.0-variants.json").read_bytes()
    run_here(main, "index", folder / "dist")
    assert json.loads((folder / "dist" / "demo-1.0-variants.json").read_bytes()) == json.loads(given)
    publish((folder / "dist").iterdir(), folder / "index" / "demo")
    return request.param, folder / "index"


@pytest.mark.parametrize(
    ("driver", "labels"),
    [
        ("13.0", {"0.0": "cuda13", "0.0.2": "cuda13", "0.0.3": "cuda13"}),
        ("12.8", {"0.0": "c0ffee00", "0.0.2": "cuda12", "0.0.3": "cuda12"}),
        ("", {"0.0": "null", "0.0.2": "mkl", "0.0.3": "mkl"}),
    ],
)
def test_uv_selects_the_best_variant_of_an_upgraded_release(
    upgraded_release: tuple[str, Path], tmp_path: Path, driver: str, labels: dict[str, str]
) -> None:
    form, index = upgraded_release
    assert uv_installs(index, tmp_path, **(hardware(driver) if driver else {})) == labels[form]


@pytest.mark.parametrize("label", ["openblas", "null"])
def test_uv_installs_each_servable_label_of_an_upgraded_release(tmp_path: Path, label: str) -> None:
    wheel = old_wheel(tmp_path, label, THIRD)
    run_here(main, "upgrade", "--in-place", wheel)
    run_here(main, "index", tmp_path)
    publish([wheel, tmp_path / "demo-1.0-variants.json"], tmp_path / "index" / "demo")
    assert uv_installs(tmp_path / "index", tmp_path) == label


def uv_installs(index: Path, folder: Path, **env: Any) -> str:
    """Let uv install the release; return the label that it selected."""
    options = [*empty_cache(), "--no-config", "--python", sys.executable, "--target", folder / "target"]
    with served(index) as url:
        variants = ["--preview-features", "wheel-variants", "--index-url", url]
        run("uv", "pip", "install", *options, *variants, "demo", **env)
    (path,) = (folder / "target").glob("demo-1.0.dist-info/variant.json")
    (label,) = json.loads(path.read_text())["variants"]
    return str(label)


@pytest.mark.parametrize("entry", [None, {}])
def test_a_current_file_with_an_empty_provider_keeps_the_other_ones(entry: Any) -> None:
    priorities = {"namespace": ["speed", "color"]}
    document = {**DOCUMENT, "default-priorities": priorities}
    document["providers"] = {**DOCUMENT["providers"], "color": entry}
    with pytest.raises(VariantError, match=r"providers\.color: (missing|expected)"):
        upgraded(document)
