"""Files of variantlib, the reference implementation of wheel variants, are read as uv reads them."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from helpers.made_wheels import make_wheel
from helpers.programs import run, run_here
from helpers.sample_projects import ROOT
from helpers.sample_release import DOCUMENT, only, patched, write_release, write_wheel
from helpers.strict_reader import walk
from helpers.uv_oracle import uv_installs

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main
from variant_backend._internal.publishing.index_file import plan_index
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import SCHEMA_WITH_PROVIDERS
from variant_backend._internal.variants.metadata_reading import metadata_from_json
from variant_backend.api import Property, default_label, metadata_from_dict, ordered_labels, supported_values

# The URLs that variantlib 0.2.2 writes, and 0.2.0 and 0.2.1; the other keys of all three are the same.
SCHEMA = "https://variants-schema.wheelnext.dev/v0.2.0.json"
OLDER_SCHEMA = "https://variants-schema.wheelnext.dev/v0.0.3.json"


def call(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.stderr


@pytest.mark.parametrize("schema", [SCHEMA, OLDER_SCHEMA])
def test_every_command_reads_files_of_variantlib(schema: str, tmp_path: Path) -> None:
    dist = write_release(tmp_path / "dist", patched(DOCUMENT, {"$schema": schema}))
    wheel = dist / "demo-1.0-py3-none-any-safe.whl"
    for command in (
        ("explain", "demo", "-f", dist),
        ("fetch", "demo", "-f", dist, "-o", tmp_path / "fetched"),
        ("inspect", wheel),
        ("stub", dist, "--base-url", "https://example.org", "-o", tmp_path / "stub"),
        ("unmake", wheel, "-o", tmp_path / "plain"),
        ("index", dist, "-o", tmp_path / "index"),
        ("index", "--simple", dist, "-o", tmp_path / "simple"),
    ):
        code, messages = call(*command)
        assert code == 0 and "schema" not in messages, command
    assert (tmp_path / "fetched" / "demo-1.0-py3-none-any-fast.whl").exists()
    index = json.loads((tmp_path / "index" / "demo-1.0-variants.json").read_bytes())
    assert index == {**DOCUMENT, "$schema": SCHEMA_WITH_PROVIDERS}
    assert {finding.severity for finding in find_problems([dist])} == {"warning"}


def test_wheels_of_several_tools_combine_into_one_index_file(tmp_path: Path) -> None:
    schemas = dict(zip(DOCUMENT["variants"], (SCHEMA, OLDER_SCHEMA, SCHEMA_WITH_PROVIDERS), strict=True))
    dist = write_release(
        tmp_path / "dist",
        None,
        lambda label: patched(only(DOCUMENT, label), {"$schema": schemas[label]}),
    )
    run_here(main, "index", dist)
    assert json.loads((dist / "demo-1.0-variants.json").read_bytes()) == DOCUMENT
    assert {finding.problem.code for finding in find_problems([dist])} == {"draft-schema"}


# A plugin with fixed values, for `build-requires`.
PLUGIN = """
class Feature:
    multi_value = False
    def __init__(self, name, *values):
        self.name, self.values = name, [*values]
class Plugin:
    namespace, all_properties_compatible = "fixed", True
    @staticmethod
    def get_all_configs():
        return [Feature("size", "big", "small"), Feature("mode", "fast", "safe")]
    get_supported_configs = get_all_configs
"""
PROGRAM = "import json, sys; from variantlib.commands.main import main; [*map(main, json.loads(sys.argv[1]))]"
NVIDIA = """requires = ["nvidia-variant-provider>=0.0.1"]
plugin-api = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
"""
MODE = 'static-properties.mode = ["fast", "safe"]\n'
TWO = 'static-properties = { size = ["big"], mode = ["fast", "safe"] }\nfeature-order = ["size", "mode"]\n'
GPU = "nvidia :: cuda_version_lower_bound :: 12.0"
FAST, SAFE, BIG = "speed :: mode :: fast", "speed :: mode :: safe", "speed :: size :: big"


class Made(NamedTuple):
    """A release: the entries of providers by namespace, and the properties by label; "" is for a hash."""

    providers: Mapping[str, str]
    variants: Mapping[str, tuple[str, ...]]

    def table(self) -> str:
        tables = [f"[variant.providers.{name}]\n{entry}" for name, entry in self.providers.items()]
        return "\n".join(
            [f"[variant]\ndefault-priorities.namespace = {json.dumps([*self.providers])}", *tables]
        )


RELEASES = {
    "static": Made({"speed": MODE}, {"b": (FAST,), "a": (SAFE,), "null": ()}),
    "ordered": Made({"speed": TWO}, {"fast": (FAST,), "big": (BIG,), "both": (BIG, SAFE)}),
    "single": Made({"speed": f'{MODE}feature-order = ["mode"]\n'}, {"x": (FAST, SAFE)}),
    "hashed": Made({"speed": MODE, "color": MODE}, {"": (FAST, "color :: mode :: safe")}),
    "namespaces": Made({"color": MODE, "speed": MODE}, {"a": (FAST,), "b": ("color :: mode :: safe",)}),
    "onlynull": Made({"speed": MODE}, {"null": ()}),
    "gpu": Made({"nvidia": NVIDIA}, {"gpu": (GPU, "nvidia :: sm_arch :: 90_real"), "null": ()}),
    "cpu": Made({"x86_64": 'requires = ["x86-64-variant-provider"]\n'}, {"null": ()}),
    "unlisted": Made({"speed": MODE}, {"x": ("speed :: mode :: other",), "y": ("speed :: kind :: a",)}),
    "plugin": Made({"amd": 'requires = ["amd-variant-provider"]\n'}, {"x": ("amd :: gfx :: 9",)}),
    "optional": Made({"color": f"{MODE}optional = true\n", "speed": MODE}, {"a": (FAST,)}),
    "optionalgpu": Made({"nvidia": f"{NVIDIA}optional = true\n", "speed": MODE}, {"a": (FAST,), "g": (GPU,)}),
    "builtin": Made({"color": 'builtin = "x"\n', "speed": MODE}, {"a": ("color :: x :: y",), "b": (FAST,)}),
    "odd": Made({"1": MODE, "_": MODE}, {"0": ("1 :: mode :: fast",), "..": ("_ :: mode :: fast",)}),
    "spaced": Made({"nvidia": NVIDIA.replace(":", " : "), "speed": MODE}, {"gpu": (GPU,), "fast": (FAST,)}),
    "invalid": Made({"nvidia": 'requires = ["a >=x"]\n', "speed": MODE}, {"gpu": (GPU,), "fast": (FAST,)}),
    "fixed": Made(
        {"fixed": 'build-requires = ["speed-plugin"]\nplugin-api = "speed_plugin:Plugin"\n'},
        {"a": ("fixed :: mode :: fast",), "b": ("fixed :: size :: small",)},
    ),
}
# variantlib writes an invalid plugin-api beside the values of a plugin that runs when the wheel is built. It
# cannot read these wheels itself.
UNREADABLE = ("fixed",)


@pytest.fixture(autouse=True)
def _gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION", "12.8")
    monkeypatch.setenv("NV_VARIANT_PROVIDER_FORCE_SM_ARCH", "9.0")


def interpreter_of_variantlib(environment: Path) -> Path:
    """Return the interpreter of an environment with variantlib: of the test environment, or a new one."""
    if find_spec("variantlib"):
        return Path(sys.executable)
    run("uv", "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run("uv", "pip", "install", "--quiet", "--python", python, "variantlib[cli]==0.2.2")
    return python


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with variantlib."""
    return interpreter_of_variantlib(tmp_path_factory.mktemp("peer") / "peer")


@pytest.fixture(scope="module")
def made(peer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with all releases as variantlib writes them, each with a plain wheel."""
    folder = tmp_path_factory.mktemp("variantlib")
    (folder / "speed_plugin.py").write_text(PLUGIN)
    dist = folder / "dist"
    calls: list[list[Any]] = []
    for name, release in RELEASES.items():
        project = folder / f"{name}.toml"
        project.write_text(release.table(), encoding="utf-8")
        plain = make_wheel(dist, name)
        options = ["-f", plain, "-o", dist, "--pyproject-toml", project, "--skip-plugin-validation"]
        for label, properties in release.variants.items():
            named = ["--variant-label", label] if label not in ("", "null") else []
            wanted = ["--property", *properties] if properties else ["--null-variant"]
            calls.append(["make-variant", *options, *named, *wanted])
    calls.append(["generate-index-json", "-d", dist])
    run(peer, "-c", PROGRAM, json.dumps(calls, default=str), PYTHONPATH=folder)
    yield dist


def uv_labels(folder: Path, target: Path, *names: str) -> dict[str, str | None]:
    """Let uv install releases; return the labels that it selected, None for a plain wheel."""
    answers = uv_installs(names, target, "--no-index", "--find-links", folder)
    return {name: WheelFilename.parse(str(filename)).label for name, filename in answers.items()}


def explained_labels(folder: Path, name: str) -> tuple[str | None, str | None]:
    """Return the labels that `explain` selects, for itself and for uv."""
    result = run_here(main, "explain", name, "-f", folder, "--installer", "uv", "--json")
    document = json.loads(result.stdout)
    labels = {wheel["filename"]: wheel["label"] for wheel in document["wheels"]}
    return labels[document["selected"]], labels[document["installer"]["selected"]]


@pytest.mark.agreement
@pytest.mark.slow  # installs variantlib
def test_explain_selects_what_uv_installs_of_variantlib(made: Path, tmp_path: Path) -> None:
    installed = uv_labels(made, tmp_path, *RELEASES)
    assert {name: explained_labels(made, name) for name in RELEASES} == {
        name: (label, label) for name, label in installed.items()
    }
    plain = {name for name, label in installed.items() if label is None}
    assert plain == {"unlisted", "plugin", *UNREADABLE}


@pytest.mark.agreement
@pytest.mark.slow  # installs variantlib
def test_index_and_variantlib_write_the_same_metadata(made: Path, tmp_path: Path) -> None:
    for name in {*RELEASES} - {*UNREADABLE, "spaced", "invalid"}:
        (tmp_path / name).mkdir()
        for wheel in made.glob(f"{name}-*.whl"):
            shutil.copy(wheel, tmp_path / name)
        (index,) = plan_index([tmp_path / name]).releases
        theirs = (made / f"{name}-1.0-variants.json").read_bytes()
        assert json.loads(theirs)["$schema"] == SCHEMA
        assert index.metadata == metadata_from_json(theirs, name)
        assert index.metadata.to_dict()["$schema"] == SCHEMA_WITH_PROVIDERS


@pytest.mark.agreement
@pytest.mark.slow  # installs variantlib
@pytest.mark.parametrize("name", ["static", "ordered", "gpu"])
def test_uv_installs_from_an_index_file_for_wheels_of_several_tools(
    made: Path, tmp_path: Path, name: str
) -> None:
    dist, release = tmp_path / "dist", RELEASES[name]
    plain = make_wheel(dist, name)
    for label, tool in zip(release.variants, ("variantlib", "make-variant", "older"), strict=False):
        theirs = made / f"{plain.stem}-{label}.whl"
        if tool == "variantlib":
            shutil.copy(theirs, dist)
        elif tool == "older":
            variant = json.loads(walk(theirs)[f"{name}-1.0.dist-info/variant.json"])
            write_wheel(dist / theirs.name, {**variant, "$schema": OLDER_SCHEMA})
        else:
            properties = [f"--property={text}" for text in release.variants[label]] or ["--null"]
            (tmp_path / "pyproject.toml").write_text(release.table(), encoding="utf-8")
            options = ["--pyproject", tmp_path / "pyproject.toml", "--label", label, "-o", dist]
            run_here(main, "make-variant", *properties, *options, plain)
    run_here(main, "index", dist)
    installed = uv_labels(dist, tmp_path / "target", name)[name]
    assert explained_labels(dist, name) == (installed, installed) and installed not in (None, "null")


@pytest.mark.agreement
@pytest.mark.slow  # installs variantlib
def test_upgraded_wheels_of_variantlib_have_no_format_error(made: Path, tmp_path: Path) -> None:
    names = {*RELEASES} - {"spaced", "invalid"}
    files = [path for path in made.iterdir() if path.name.partition("-")[0] in names]
    run_here(main, "upgrade", "-o", tmp_path / "dist", *files)
    run_here(main, "index", tmp_path / "dist")
    found = {finding.problem.code for finding in find_problems([tmp_path / "dist"])}
    assert found & {"draft-schema", "unknown-schema", "provider-source", "wheels-differ"} == set()
    installed = uv_labels(tmp_path / "dist", tmp_path / "target", *UNREADABLE, "static")
    assert installed == {"fixed": "b", "static": "b"}


def random_release(rng: random.Random) -> dict[str, Any]:
    """Return an index-level document with static providers of two namespaces."""
    features, values = {"a": ["f", "g"], "b": ["f"]}, ["1", "2", "3"]
    providers = {
        namespace: {
            "static-properties": {name: rng.sample(values, rng.randint(1, 3)) for name in names},
            "feature-order": rng.sample(names, len(names)),
        }
        for namespace, names in features.items()
    }
    variants: dict[str, Any] = {"null": {}}
    for number in range(6):
        keys = rng.sample([(namespace, name) for namespace, names in features.items() for name in names], 2)
        for namespace, name in keys[: rng.randint(1, 2)]:
            properties = variants.setdefault(f"l{number}", {}).setdefault(namespace, {})
            properties[name] = sorted(rng.sample(values, rng.randint(1, 2)))
    priorities = {"default-priorities": {"namespace": rng.sample(["a", "b"], 2)}}
    return {"$schema": SCHEMA_WITH_PROVIDERS, **priorities, "providers": providers, "variants": variants}


ORDER = """
import json, pathlib
from variantlib.api import get_variants_by_priority
documents = json.loads(pathlib.Path("releases.json").read_bytes())
ordered = [get_variants_by_priority(variants_json=document) for document in documents]
print(json.dumps([[variant.label for variant in variants] for variants in ordered]))
"""


@pytest.mark.agreement
@pytest.mark.slow  # installs variantlib
def test_variantlib_orders_random_releases_as_the_api_does(peer: Path, tmp_path: Path) -> None:
    rng = random.Random(825)
    documents = [random_release(rng) for _ in range(200)]
    (tmp_path / "releases.json").write_text(json.dumps(documents))
    theirs = run(peer, "-c", ORDER, cwd=tmp_path).stdout
    ours = [metadata_from_dict(document, "release") for document in documents]
    known = [supported_values(metadata, {}).supported for metadata in ours]
    assert json.loads(theirs) == [*map(ordered_labels, ours, known)]


# Prints the facts that docs/reference/from-variantlib.md states.
FACTS = """
import importlib.metadata, json
import variantlib.api
from packaging.version import Version
from variantlib.api import VariantDescription, VariantProperty
from variantlib.resolver.lib import sort_and_filter_supported_variants
from variantlib.variants_json import VariantsJson
version = Version(importlib.metadata.version("packaging"))
ranked = [
    VariantDescription([VariantProperty("abi_dependency", "packaging", value)], label=label)
    for label, value in (("minor", f"{version.major}.{version.minor}"), ("major", str(version.major)))
]
document = {"default-priorities": {"namespace": ["a"]}, "variants": {"x": {"a": {"f": ["1"]}}}}
try:
    reads = bool(VariantsJson(document))
except Exception:
    reads = False
print(json.dumps({
    "abi order": [variant.label for variant in sort_and_filter_supported_variants(ranked, [], [])],
    "hash": VariantDescription([VariantProperty("x86_64", "level", "v3")]).label,
    "reads 0.1.1": reads,
    "names": variantlib.api.__all__,
}))
"""


@pytest.mark.agreement
@pytest.mark.slow  # installs variantlib
def test_variantlib_behaves_as_the_page_about_moving_from_it_says(peer: Path, tmp_path: Path) -> None:
    facts = json.loads(run(peer, "-c", FACTS, cwd=tmp_path).stdout)
    page = (ROOT / "docs" / "reference" / "from-variantlib.md").read_text(encoding="utf-8")
    assert [name for name in facts.pop("names") if name not in page] == []
    hashed = default_label([Property("x86_64", "level", "v3")])
    assert facts == {"abi order": ["major", "minor", "null"], "hash": hashed, "reads 0.1.1": False}
