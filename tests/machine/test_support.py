"""What a machine supports of a release, from all sources, and the options for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import METADATA
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from variant_backend._internal.cli.command import Command
from variant_backend._internal.cli.selection_options import selection_options
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.machine import user_config
from variant_backend._internal.machine.installed import Installed, aligned, disagreements
from variant_backend._internal.machine.support import GIVEN, Machine, Policy, machine_support
from variant_backend._internal.machine.trusted_plugins import TrustedPackage, objection, trusting
from variant_backend._internal.machine.user_config import UserConfig
from variant_backend._internal.selection.target import Target
from variant_backend._internal.variants.alignment import AlignedName
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.namespace_support import (
    DISABLED,
    FAILED,
    NOT_ENABLED,
    STATIC,
    UNKNOWN,
    Lazy,
    Origin,
    Support,
    abi_support,
)
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.provider_tpu import FORCE_TPU
from variant_backend._internal.variants.providers import PluginProvider, Provider, StaticProvider
from variant_backend._internal.wheels.inspection import Inspection, VariantJson

RUNTIME = "openmp :: runtime :: gomp"
PLUGIN = PluginProvider(("a-provider",))
STATIC_OPENMP = StaticProvider((("runtime", ("omp", "iomp", "gomp")), ("version", ("5", "4"))))


def release(variants: Iterable[str] = (), **providers: Provider) -> VariantMetadata:
    """Return metadata with these providers; *variants* are properties, one each."""
    made = {f"v{number}": Variant(f"v{number}", parsed(text)) for number, text in enumerate(variants)}
    return VariantMetadata(tuple(providers), providers, made)


def parsed(*texts: str) -> frozenset[Property]:
    return frozenset(map(Property.parse, texts))


def installed(name: str, *properties: str) -> Installed:
    metadata = VariantMetadata(("openmp",), {}, {"x": Variant("x", parsed(*properties))})
    return Installed(Path("site"), Inspection(name, name, "1.0", "x", variant_json=VariantJson(metadata)))


def test_each_source_is_used_if_no_earlier_one_knows() -> None:
    hardware = Hardware({name: Detected({"f": ("found",)}, f"seen {name}") for name in "abc"})
    policy = Policy(given={"a": {"f": ["given"]}, "b": {}}, disabled=("e",))
    static = StaticProvider((("f", ("listed",)),))
    metadata = release(a=static, b=PLUGIN, c=PLUGIN, d=PLUGIN, e=static)
    known, problems = machine_support(metadata, Machine(hardware), policy)
    assert (problems, {**known.supported}) == (
        (),
        {"a": {"f": ("listed",)}, "b": {}, "c": {"f": ("found",)}},
    )
    assert known.origins == {
        "a": STATIC,
        "b": Origin("given", "--supported"),
        "c": Origin("hardware", "seen c"),
        "d": Origin("unknown", "unknown; its plugin is not trusted; use --trust-plugin a-provider"),
        "e": DISABLED,
    }


def test_the_origin_names_a_trusted_plugin_that_detection_replaces() -> None:
    hardware = Hardware({name: Detected({"f": ("found",)}, "seen") for name in "ab"})
    metadata = release(a=PLUGIN, b=PluginProvider(("b-provider",)))
    policy = Policy(trusted=trusting([TrustedPackage("a-provider")]))
    known, _ = machine_support(metadata, Machine(hardware), policy)
    texts = {name: str(origin) for name, origin in known.origins.items()}
    assert texts == {"a": "seen; its trusted plugin is not run", "b": "seen"}


def test_detection_does_not_run_if_other_sources_know() -> None:
    def look() -> Mapping[str, Detected]:
        raise AssertionError("detection runs")

    machine, given = Machine(Hardware(Lazy(look))), {"b": dict[str, list[str]]()}
    optional = PluginProvider(("a-provider",), optional=True)
    metadata = release(a=STATIC_OPENMP, b=PLUGIN, c=PLUGIN, d=optional)
    known, _ = machine_support(metadata, machine, Policy(given=given, disabled=("c",)))
    assert known.origins["d"] == NOT_ENABLED
    with pytest.raises(AssertionError, match="detection runs"):
        machine_support(metadata, machine, Policy(given=given))


@pytest.mark.parametrize(
    ("requires", "said"),
    [
        (["A.Provider"], "not trusted; use --trust-plugin a-provider"),
        (["Trusted>=1", "b", "c[x]"], "not trusted; use --trust-plugin b --trust-plugin c"),
        (
            ["trusted @ https://example.org/trusted.zip"],
            "a requirement with a URL is never trusted: trusted",
        ),
        (["trusted; python_version < '3'"], "none of its requirements applies to this machine"),
        (["trusted; os_name ~= 'posix'"], "its plugin is not run: "),
    ],
)
def test_an_untrusted_plugin_is_not_run_and_the_origin_explains(requires: list[str], said: str) -> None:
    metadata = release(speech=PluginProvider(tuple(requires)))
    known, problems = machine_support(
        metadata, Machine(), Policy(trusted=trusting([TrustedPackage("trusted")]))
    )
    assert (known.supported, problems) == ({}, ())
    origin = known.origins["speech"]
    assert origin.kind == UNKNOWN.kind
    assert origin.text.startswith(f"{UNKNOWN}; ")
    assert said in origin.text


def test_installed_and_pinned_versions_support_abi_dependency() -> None:
    used = ["abi_dependency :: torch :: 2.9", "abi_dependency :: my_lib :: 1", "abi_dependency :: gone :: 3"]
    versions = {"torch": Version("2.9.1"), "my-lib": Version("1.5"), "other": Version("1")}
    machine = Machine(versions=versions)
    policy = Policy(pinned={"my-lib": Version("2.0.0rc1"), "torchvision": Version("1")})
    known, _ = machine_support(release(used), machine, policy)
    assert known.supported == {
        "abi_dependency": {"torch": ("2.9.1", "2.9", "2"), "my_lib": ("2.0.0", "2.0", "2")}
    }
    text = (
        "pinned: my-lib 2.0.0rc1; installed: torch 2.9.1"
        "; unknown version (require it; explain and fetch take --pin): gone"
    )
    assert known.origins == {"abi_dependency": Origin("versions", text)}
    assert machine_support(release(a=PLUGIN), machine, policy)[0].supported == {}
    disabled = policy._replace(disabled=("abi_dependency",))
    assert machine_support(release(used), machine, disabled)[0] == Support({}, {"abi_dependency": DISABLED})
    values: Any = {"abi_dependency": {"torch": ["3"]}}
    given = policy._replace(given=values)
    assert machine_support(release(used), machine, given)[0] == Support(values, {"abi_dependency": GIVEN})


NUMBERS = st.lists(st.integers(0, 3), min_size=1, max_size=4)
RELEASES = st.builds(lambda numbers: ".".join(map(str, numbers)), NUMBERS)
VERSIONS = st.builds(
    "{}{}{}".format, st.sampled_from(["", "1!"]), RELEASES, st.sampled_from(["", "rc1", "+cpu"])
)


@given(VERSIONS, st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_abi_dependency_values_match_as_in_packaging(text: str, numbers: list[int]) -> None:
    version, value = Version(text), ".".join(map(str, numbers))
    values = abi_support({"torch": version})["torch"]
    assert (value in values) == SpecifierSet(f"=={value}.*").contains(version, prereleases=True)
    assert sorted(values, key=len, reverse=True) == list(values)


def names(*texts: str) -> tuple[AlignedName, ...]:
    return tuple(map(AlignedName.parse, texts))


def test_align_keeps_common_values_and_the_origin_names_variants() -> None:
    one = installed("one", "openmp :: runtime :: gomp", "openmp :: runtime :: omp", "mpi :: abi :: x")
    two = installed(
        "two", "openmp :: runtime :: gomp", "openmp :: runtime :: omp", "openmp :: runtime :: iomp"
    )
    metadata = release(openmp=STATIC_OPENMP, mpi=STATIC_OPENMP)
    machine, policy = Machine(installed=(one, two)), Policy(align=names("openmp", "other"))
    known, problems = machine_support(metadata, machine, policy)
    assert problems == ()
    assert known.supported["openmp"] == {"runtime": ("omp", "gomp"), "version": ("5", "4")}
    assert known.supported["mpi"] == dict(STATIC_OPENMP.features)
    assert str(known.origins["openmp"]) == "static-properties; aligned with installed variants: one, two"
    assert known.origins.keys() == {"openmp", "mpi"}


def test_an_aligned_feature_leaves_other_features_alone() -> None:
    one = installed("one", "openmp :: runtime :: gomp", "openmp :: version :: 4")
    two = installed("two", "openmp :: runtime :: gomp", "openmp :: version :: 5")
    machine, policy = Machine(installed=(one, two)), Policy(align=names("openmp::runtime"))
    known, problems = machine_support(release(openmp=STATIC_OPENMP), machine, policy)
    assert known.supported["openmp"] == {"runtime": ("gomp",), "version": ("5", "4")}
    assert problems == ()
    both = policy._replace(align=names("openmp::runtime", "openmp::version"))
    for metadata in (release(openmp=STATIC_OPENMP), release(openmp=PLUGIN)):
        known, problems = machine_support(metadata, machine, both)
        assert known.supported["openmp"] == {"runtime": ("gomp",), "version": ()}
        assert len(problems) == 1


def test_installed_values_are_supported_if_no_source_knows() -> None:
    machine = Machine(installed=(installed("one", "openmp :: runtime :: gomp"),))
    policy, metadata = Policy(align=names("openmp")), release(openmp=PLUGIN)
    known, _ = machine_support(metadata, machine, policy)
    assert known.supported == {"openmp": {"runtime": ("gomp",)}}
    for other in (policy._replace(disabled=("openmp",)), policy._replace(given={"openmp": {}})):
        assert not machine_support(metadata, machine, other)[0].supported.get("openmp")


def test_disagreeing_variants_are_named_and_their_feature_is_unsupported() -> None:
    one = installed("one", "openmp :: runtime :: gomp", "openmp :: version :: 4")
    two = installed("two", "openmp :: runtime :: iomp", "openmp :: version :: 4")
    machine, policy = Machine(installed=(one, two)), Policy(align=names("openmp"))
    metadata = release(openmp=STATIC_OPENMP)
    known, (problem,) = machine_support(metadata, machine, policy)
    assert str(problem) == (
        "installed variants disagree: openmp :: runtime: no value in common: one has gomp; two has iomp"
    )
    assert known.supported == {"openmp": {"runtime": (), "version": ("4",)}}
    assert machine_support(metadata, machine, policy._replace(disabled=("openmp",)))[1] == ()


FEATURES = st.dictionaries(st.sampled_from("fgh"), st.lists(st.sampled_from("1234"), unique=True))
INSTALLED = st.lists(
    st.frozensets(
        st.builds(Property, st.just("openmp"), st.sampled_from("fgh"), st.sampled_from("1234")), min_size=1
    ).map(lambda properties: installed("one", *map(str, properties))),
    max_size=3,
).map(
    lambda several: [
        each._replace(inspection=each.inspection._replace(name=f"n{number}"))
        for number, each in enumerate(several)
    ]
)


@given(FEATURES, INSTALLED)
def test_align_keeps_the_order_of_common_values(
    features: dict[str, list[str]], several: list[Installed]
) -> None:
    origins = {"openmp": Origin("given", "x"), "a": Origin("given", "y")}
    known = Support({"openmp": features, "a": {"f": ["1"]}}, origins)
    result = aligned(known, names("openmp"), several)
    assert result.supported["a"] == known.supported["a"]
    assert list(result.supported["openmp"]) == list(features)
    apart = {each.feature for each in disagreements(several, names("openmp"))}
    for feature, values in result.supported["openmp"].items():
        kept = iter(features[feature])
        assert all(value in kept for value in values)  # a part of the values, in their order
        owners = [each.inspection.variant for each in several if each.inspection.variant]
        of_each = [set(each.to_dict()["openmp"].get(feature, features[feature])) for each in owners]
        assert set(values) == set(features[feature]).intersection(*of_each)
        assert not (values and feature in apart)
    assert aligned(result, names("openmp"), several).supported == result.supported


def test_a_trusted_plugin_does_not_run_as_root() -> None:
    provider = PluginProvider(("trusted",))
    policy = Policy(trusted=trusting([TrustedPackage("trusted")]), refuses_root=True)
    known, (problem,) = machine_support(release(speech=provider), Machine(), policy)
    assert (known.supported, known.origins) == ({"speech": {}}, {"speech": FAILED})
    assert str(problem).startswith("providers.speech: plugin: plugins do not run as root; use --allow-root")


@pytest.mark.parametrize("form", ["a", "a==1.0", f"a==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{'1' * 64}"])
def test_a_trusted_package_is_written_as_it_is_read(form: str) -> None:
    assert str(TrustedPackage.parse(form)) == form


@pytest.mark.parametrize(
    "form", ["", "a>=1", "a==", "a==1.*", "a --hash=sha256:00", "a==1 --hash=md5:00", "a @ b"]
)
def test_other_forms_of_trust_are_errors(form: str) -> None:
    with pytest.raises(
        VariantError, match="write NAME, NAME==VERSION or 'NAME==VERSION --hash=sha256:DIGEST'"
    ):
        TrustedPackage.parse(form)


def test_a_trusted_version_must_fit_the_release() -> None:
    trusted = trusting([TrustedPackage.parse("a==1.0")])
    assert objection(PluginProvider(("a>=1",)), trusted) is None
    assert objection(PluginProvider(("a>=2",)), trusted) == (
        "its plugin is not run: a==1.0 is trusted, and the release requires a>=2;"
        " use --trust-plugin a to trust all versions"
    )


def test_the_configuration_lists_trusted_packages_and_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert UserConfig.load(path) == UserConfig({}, "pip")
    assert user_config.config_path().parts[-2:] == ("variant-backend", path.name)
    path.write_text('trust-plugins = ["A.Provider", "b"]\nplugin-installer = "uv"\n')
    config = UserConfig.load(path)
    assert config.trusted == trusting([TrustedPackage("a-provider"), TrustedPackage("b")])
    assert config.installer == "uv"
    path.write_text("trust-plugins = []\n")
    assert UserConfig.load(path).trusted == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('trust-plugin = ["a"]', "trust-plugin: unknown key 'trust-plugin' (did you mean 'trust-plugins'?)"),
        ('trust-plugins = "a"', "trust-plugins: expected a list of strings, got a string"),
        ("trust-plugins = [1]", "trust-plugins[0]: expected a string, got a number"),
        ('trust-plugins = ["a>=1"]', "trust-plugins[0]: expected a trusted package, got 'a>=1'"),
        ('plugin-installer = "conda"', "plugin-installer: unknown value 'conda'"),
        ("trust-plugins", "invalid TOML"),
    ],
)
def test_an_invalid_configuration_ends_the_command(config: Path, text: str, said: str) -> None:
    config.write_text(text)
    result = invoke()
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {config}: {said}")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the user's configuration in this test; the file does not exist yet."""
    path = tmp_path / "config.toml"
    monkeypatch.setattr(user_config, "config_path", lambda: path)
    monkeypatch.chdir(tmp_path)
    return path


@click.command(cls=Command, example="command", page="docs/how-to/hardware.md")
@selection_options
def show(machine: Machine, policy: Policy, target: Target) -> tuple[Machine, Policy, Target]:
    """Return the values that the options give a command."""
    return machine, policy, target


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(show, [*map(str, arguments)])


def read_options(*arguments: object) -> tuple[Machine, Policy, Target]:
    result: tuple[Machine, Policy, Target] = show.main([*map(str, arguments)], standalone_mode=False)
    return result


@pytest.mark.usefixtures("config")
def test_the_version_of_an_interpreter_is_the_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "env" / "lib" / "python3.12" / "site-packages"
    (site / "torch-2.9.dist-info").mkdir(parents=True)
    (site / "torch-2.9.dist-info" / "METADATA").write_text(METADATA.format(name="Torch", version="2.9"))
    (tmp_path / "env" / "pyvenv.cfg").write_text("version = 3.12.4\n")
    for more in ((), ("--platform", "windows", "--align", "openmp")):
        machine, _, target = read_options("--interpreter", tmp_path / "env", *more)
        assert (str(target.python), target.tags[0].interpreter) == ("3.12.4", "cp312")
        assert machine.versions == {"torch": Version("2.9")}
        assert capsys.readouterr().err == f"looking into {tmp_path / 'env'} (--interpreter)\n"
    result = invoke("--interpreter", tmp_path / "env", "--python", "3.12")
    assert result.exit_code == 2
    assert "--interpreter and --python cannot be used together" in result.stderr
    (tmp_path / "env" / "pyvenv.cfg").write_text("version = 3.12.4\nimplementation = PyPy\n")
    result = invoke("--interpreter", tmp_path / "env")
    assert result.exit_code == 1
    assert "(--interpreter): unknown version of CPython; use --path and --python" in result.stderr


@pytest.mark.usefixtures("config")
def test_defaults_are_this_machine_python_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    machine, policy, target = read_options()
    assert (target.here, target.python.release) == (True, sys.version_info[:3])
    assert "nvidia" in (machine.hardware or Hardware({})).namespaces
    assert machine.versions["click"] == Version(version("click"))
    assert (policy.trusted, policy.installer, machine.installed) == ({}, "pip", ())


@pytest.mark.parametrize(("text", "is_trusted"), [("true", True), ('["x86_64"]', True), ("false", False)])
def test_a_configured_plugin_may_run_where_its_namespace_is_not_detected(
    text: str, is_trusted: bool, config: Path
) -> None:
    config.write_text(f'trust-plugins = ["always"]\ndetect = {text}')
    _, policy, _ = read_options()
    assert ("always" in policy.trusted) == is_trusted


def test_another_platform_ignores_facts_of_this_machine(config: Path) -> None:
    config.write_text('trust-plugins = ["always"]')
    site = Path("site")
    (site / "torch-2.9.dist-info").mkdir(parents=True)
    (site / "torch-2.9.dist-info" / "METADATA").write_text(METADATA.format(name="Torch", version="2.9"))
    elsewhere = ("--platform", "windows", "--python", "3.12")
    machine, policy, target = read_options(*elsewhere, "--trust-plugin", "Once.More")
    assert (target.here, str(target.tags[0])) == (False, "cp312-cp312-win_amd64")
    assert machine.versions == {}
    assert {*policy.trusted} == {"once-more"}
    assert read_options(*elsewhere, "--path", site)[0].versions == {"torch": Version("2.9")}
    Path("node.toml").write_text('[x86_64]\nsource = "hand"\nfeatures.level = ["v2"]\n[tpu.features]\n')
    machine, _, _ = read_options(*elsewhere, "--machine", "node.toml")
    assert (machine.hardware or Hardware({})).namespaces == {
        "x86_64": Detected({"level": ("v2",)}, "node.toml: hand"),
        "tpu": Detected({}, "node.toml"),
    }
    assert not read_options("--machine", "node.toml")[1].trusted
    assert {*read_options()[1].trusted} == {"always"}


@pytest.mark.usefixtures("config")
def test_facts_of_another_platform_are_assumed_and_printed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FORCE_TPU, "true")
    machine, _, _ = read_options("--platform", "macosx_14_0_arm64")
    assert machine.hardware and not capsys.readouterr().err
    for _ in range(2):
        assert machine.hardware.supported["aarch64"] == {"version": ("8a",)}
    assert capsys.readouterr().err == (
        "assuming for macosx_14_0_arm64, like uv: nvidia none; aarch64 version 8a;"
        f" tpu ({FORCE_TPU}=true); use --machine SPEC to describe the machine\n"
    )


@pytest.mark.usefixtures("config")
def test_options_may_be_repeated() -> None:
    _, policy, _ = read_options(
        *("--supported", "a :: f :: 1", "--supported", "b :: f :: 2, 3", "--enable", "c", "--enable", "d"),
        *("--disable", "e", "--disable", "f", "--trust-plugin", "x", "--trust-plugin", "Y_z"),
        *("--pin", "My.Lib == 1.0", "--pin", "other==2!3", "--align", "openmp", "--align", "mpi"),
    )
    assert policy.given == {"a": {"f": ("1",)}, "b": {"f": ("2", "3")}}
    assert (policy.enabled, policy.disabled, policy.align) == (("c", "d"), ("e", "f"), names("openmp", "mpi"))
    assert {*policy.trusted} == {"x", "y-z"}
    assert policy.pinned == {"my-lib": Version("1"), "other": Version("2!3")}


@pytest.mark.usefixtures("config")
def test_broken_installed_metadata_is_a_warning_and_others_align() -> None:
    variant = VariantMetadata(("openmp",), {"openmp": STATIC_OPENMP}, {"x": Variant("x", parsed(RUNTIME))})
    for name, content in (("one", variant.to_json()), ("two", b"{")):
        folder = Path("site", f"{name}-1.dist-info")
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(METADATA.format(name=name, version="1"))
        (folder / "variant.json").write_bytes(content)
    result = invoke("--path", "site", "--align", "openmp")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: two: variant.json: invalid JSON: ")
    machine, policy, _ = read_options("--path", "site", "--align", "openmp")
    known, _ = machine_support(release(openmp=STATIC_OPENMP), machine, policy)
    assert known.supported["openmp"]["runtime"] == ("gomp",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--supported", "a :: b"], "expected three parts separated by '::', got 2"),
        (["--enable", "A"], "character 'A' at position 1"),
        (["--disable", ""], "namespace is empty"),
        (["--align", "a-b"], "character '-' at position 2"),
        (["--trust-plugin", "a>=1"], "expected a trusted package, got 'a>=1'"),
        (["--pin", "torch"], "'torch': missing version; write NAME==VERSION"),
        (["--pin", "torch==2.*"], "'torch==2.*': Invalid version"),
        (["--pin", "torch[x]==2"], "invalid project name 'torch[x]'"),
        (["--python", "2.7"], "unknown version of CPython '2.7'"),
        (["--platform", "amiga"], "unknown platform 'amiga'"),
        (
            ["--platform", "windows", "--align", "openmp"],
            "--align with --platform requires --path DIR or --interpreter PATH",
        ),
    ],
)
@pytest.mark.usefixtures("config")
def test_invalid_values_are_wrong_usage(arguments: list[str], said: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize("option", ["--path", "--machine"])
@pytest.mark.usefixtures("config")
def test_a_missing_path_is_an_error(option: str) -> None:
    result = invoke(option, "no.json")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no.json: ")
