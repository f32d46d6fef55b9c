"""`make-variant` and `variant-backend index` on the command line."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.programs import read_terminal, run
from helpers.strict_reader import walk

from variant_backend import __version__
from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.variants.metadata import SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS

NAME = "demo-1.0-py3-none-any"

PROJECT = """
[variant.default-priorities]
namespace = ["blas", "gpu"]
[variant.providers.blas]
static-properties = { library = ["mkl", "openblas"], threads = ["on", "off"] }
feature-order = ["library", "threads"]
[variant.providers.gpu]
requires = ["gpu-provider>=1"]
plugin-api = "gpu_provider:Plugin"
optional = true
[variant.variants]
mkl = { blas = { library = ["mkl"] } }
open = { blas = { library = ["openblas"], threads = ["on", "off"] }, gpu = { arch = ["9", "10"] } }
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def make(*arguments: object) -> Result:
    result = CliRunner().invoke(
        make_variant_command, [str(each) for each in arguments], catch_exceptions=False
    )
    assert result.exit_code == 0, result.stderr
    return result


def variant_json(wheel: Path) -> dict[str, object]:
    members = walk(wheel)
    (content,) = [content for name, content in members.items() if name.endswith(".dist-info/variant.json")]
    document: dict[str, object] = json.loads(content)
    return document


def test_an_impossible_variant_is_made_with_a_warning() -> None:
    wheel = make_wheel(Path(), tag="py3-none-macosx_11_0_arm64")
    result = make("--property", "x86_64::level::v3", "--label", "fast", wheel)
    assert "'x86_64' exists only on machines named x86_64 or amd64" in result.stderr
    result = make("--property", "aarch64::version::8a", "--label", "arm", wheel)
    assert result.stderr == ""


@pytest.mark.parametrize("suffix", [".publish.attestation", ".sigstore", ".asc"])
def test_an_attestation_of_the_old_wheel_is_a_warning(suffix: str) -> None:
    wheel = make_wheel(Path())
    Path(f"{wheel}{suffix}").touch()
    result = make("--property", "x86_64::level::v3", "--label", "fast", wheel)
    assert f"{wheel}{suffix} does not cover the new wheel; attest or sign" in result.stderr


def test_the_remedy_for_an_unsound_wheel_names_its_path() -> None:
    Path("my wheels").mkdir()
    wheel = make_wheel(Path("my wheels"))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.comment = b"made by hand"
    result = make("--property", "x86_64::level::v3", "--label", "fast", wheel)
    named = f"`variant-backend mend '{wheel}' -o mended`"
    assert (
        f"warning: {wheel.name}: the archive has a comment; write a sound copy with {named}" in result.stderr
    )
    wheel.write_bytes(b"\0" + wheel.read_bytes())
    arguments = ["--property", "x86_64::level::v3", "--label", "other", str(wheel)]
    assert named in CliRunner().invoke(make_variant_command, arguments).stderr


def test_one_property_makes_a_variant_and_the_path_is_printed() -> None:
    wheel = make_wheel(Path())
    result = make("--property", "nvidia::cuda::12", wheel)
    (path,) = result.stdout.splitlines()
    label = path.removeprefix(f"{NAME}-").removesuffix(".whl")
    assert len(label) == 8
    assert variant_json(Path(path)) == {
        "$schema": SCHEMA_WITH_PROVIDERS,
        "default-priorities": {"namespace": ["nvidia"]},
        "providers": {
            "nvidia": {
                "requires": ["nvidia-variant-provider>=0.0.1,<1"],
                "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
            }
        },
        "variants": {label: {"nvidia": {"cuda": ["12"]}}},
    }
    assert (
        result.stderr.startswith(f"warning: label '{label}' is a hash; set")
        and len(result.stderr.splitlines()) == 2
    )


def test_a_wheel_and_its_variants_do_not_become_one_file() -> None:
    wheel = make_wheel(Path("dist"))
    for label in ("fast", "safe", "best"):
        make("-p", "x86_64::level::v3", "-l", label, wheel)
    fast, safe, best = (f"{Path('dist', NAME)}-{label}.whl" for label in ("fast", "safe", "best"))
    arguments = ["-p", "x86_64::level::v3", "-l", "fast", best, fast, safe, str(wheel)]
    refused = CliRunner().invoke(make_variant_command, arguments)
    assert (refused.exit_code, refused.stderr) == (
        1,
        f"error: {best}, {safe} and {wheel} would all become {fast}, because they are one wheel and its"
        " variants; give only the plain wheel\n",
    )
    assert make("-p", "x86_64::level::v3", "-l", "fast", "--force", wheel).stdout == f"{fast}\n"


def test_verbose_names_each_file_once() -> None:
    wheel = make_wheel(Path())
    options = ["-v", "-p", "x86_64::level::v3", "-l", "a", wheel]
    steps = [f"read {wheel}", "dry run: no file is written"]
    assert make("-n", *options).stderr.splitlines() == steps
    variant = f"{NAME}-a.whl"
    assert make(*options).stderr.splitlines() == [f"read {wheel}", f"write {variant}"]
    assert f"read {variant}\nwrite " in make("-v", variant, "-o", "dist").stderr


def test_several_values_of_a_feature_become_one_list() -> None:
    result = make("-p", "b::f::2", "-p", "a :: g :: 1", "-p", "b::f::10", "-l", "x", make_wheel(Path()))
    document = variant_json(Path(result.stdout.strip()))
    assert document["variants"] == {"x": {"a": {"g": ["1"]}, "b": {"f": ["10", "2"]}}}
    assert document["default-priorities"] == {"namespace": ["b", "a"]}
    assert document["$schema"] == SCHEMA_WITHOUT_PROVIDERS
    assert "warning: no installer can select variant 'x'" in result.stderr
    assert "because namespaces b, a have no provider; add" in result.stderr


def test_a_known_namespace_without_a_provider_is_not_its_own_suggestion() -> None:
    result = make("--no-known-providers", "-p", "nvidia::sm_arch::90_real", "-l", "x", make_wheel(Path()))
    assert "because namespace nvidia has no provider; add [variant.providers.nvidia]" in result.stderr


@pytest.mark.parametrize("text", ["8.0;9.0+PTX", "8.0 9.0+PTX", "8.0;;8.0; 9.0+PTX;"])
def test_a_list_of_architectures_becomes_several_values(text: str) -> None:
    wheel = make_wheel(Path())
    make("-p", f"nvidia::sm_arch::{text}", "-l", "cuda", wheel)
    document: Any = variant_json(Path(wheel.name.replace(".whl", "-cuda.whl")))
    assert document["variants"]["cuda"] == {"nvidia": {"sm_arch": ["80_real", "90_real", "90_virtual"]}}


def test_options_declare_providers() -> None:
    options = ["--static", "a :: g :: 1, 2", "--static", "a::f::3", "--provider", "b=b-provider>=2"]
    result = make("-p", "a::g::1", *options, "--plugin-api", "b=b:P", "-l", "x", make_wheel(Path()))
    assert variant_json(Path(result.stdout.strip()))["providers"] == {
        "a": {"static-properties": {"g": ["1", "2"], "f": ["3"]}, "feature-order": ["g", "f"]},
        "b": {"requires": ["b-provider>=2"], "plugin-api": "b:P"},
    }
    assert result.stderr == ""


def test_known_providers_can_be_left_out() -> None:
    wheel = make_wheel(Path())
    result = make("--no-known-providers", "-p", "nvidia::sm_arch::90_real", "-l", "x", wheel)
    assert variant_json(Path(result.stdout.strip()))["$schema"] == SCHEMA_WITHOUT_PROVIDERS
    options = ["--no-known-providers", "--plugin-api", "nvidia=x:y"]
    refused = CliRunner().invoke(
        make_variant_command, [*options, "-p", "nvidia::sm_arch::90_real", str(wheel)]
    )
    assert refused.exit_code == 2
    assert "namespace 'nvidia': expected exactly one of" in refused.stderr


def test_the_null_variant_declares_a_namespace_without_properties() -> None:
    result = make("--null", make_wheel(Path()))
    path = Path(result.stdout.strip())
    assert path.name == f"{NAME}-null.whl"
    assert variant_json(path)["variants"] == {"null": {}}
    assert variant_json(path)["default-priorities"] == {"namespace": ["nvidia"]}
    assert "so the wheel declares 'nvidia' (a variant.json must declare at least one);" in result.stderr
    assert make("--quiet", "--null", "-o", "quiet", make_wheel(Path())).stderr == ""
    assert make("--null", "--static", "a::b::c", "-o", "o", make_wheel(Path())).stderr == ""


def test_the_project_file_of_this_folder_defines_labels() -> None:
    Path("pyproject.toml").write_text(PROJECT)
    wheel = make_wheel(Path("in"))
    result = make("--label", "open", wheel)
    path = Path(result.stdout.strip())
    assert path == Path("in") / f"{NAME}-open.whl"
    document = variant_json(path)
    assert document["$schema"] == SCHEMA_WITH_PROVIDERS
    assert document["default-priorities"] == {"namespace": ["blas", "gpu"]}
    assert document["variants"] == {
        "open": {"blas": {"library": ["openblas"], "threads": ["off", "on"]}, "gpu": {"arch": ["10", "9"]}}
    }
    assert document["providers"] == {
        "blas": {
            "static-properties": {"library": ["mkl", "openblas"], "threads": ["on", "off"]},
            "feature-order": ["library", "threads"],
        },
        "gpu": {"requires": ["gpu-provider>=1"], "plugin-api": "gpu_provider:Plugin", "optional": True},
    }
    assert make("-p", "blas::library::mkl", wheel).stdout.strip().endswith("-mkl.whl")
    assert make("-l", "null", wheel).stdout.strip().endswith("-null.whl")
    assert make("-p", "gpu::arch::9", "-l", "mine", wheel).stdout.strip().endswith("-mine.whl")


def test_a_default_project_file_without_variants_is_ignored() -> None:
    Path("other.toml").write_text(PROJECT)
    Path("pyproject.toml").write_text("[project]\nname = 'x'\n")
    make("--pyproject", "other.toml", "-l", "mkl", make_wheel(Path()))
    make("-p", "nvidia::sm_arch::90_real", "-l", "x", make_wheel(Path()))


@pytest.mark.parametrize("option", ["--provider=a=b", "--static=a::b::c", "--plugin-api=nvidia=b"])
def test_provider_options_cannot_be_used_with_a_project_file(option: str) -> None:
    Path("pyproject.toml").write_text(PROJECT)
    result = CliRunner().invoke(make_variant_command, [str(make_wheel(Path())), "-l", "mkl", option])
    assert result.exit_code == 2


def test_a_property_of_an_undeclared_namespace_is_refused() -> None:
    Path("pyproject.toml").write_text(PROJECT)
    result = CliRunner().invoke(
        make_variant_command, [str(make_wheel(Path())), "-p", "gpus::arch::9", "-l", "x"]
    )
    assert result.exit_code == 2
    assert "unknown namespace 'gpus' (did you mean 'gpu'?)" in result.stderr


def test_a_plain_wheel_gets_the_label_in_its_variant_json() -> None:
    first = Path(
        make("-p", "nvidia::sm_arch::90_real", "-l", "x", "-o", "o", make_wheel(Path())).stdout.strip()
    )
    plain = Path(f"{NAME}.whl")
    first.replace(plain)
    result = make(plain)
    assert result.stdout.strip() == f"{NAME}-x.whl"
    assert Path(f"{NAME}-x.whl").read_bytes() == plain.read_bytes()
    assert make(Path(f"{NAME}-x.whl")).stderr == f"warning: {NAME}-x.whl: the wheel is this variant already\n"


def test_a_variant_can_get_another_label() -> None:
    first = make("-p", "nvidia::sm_arch::90_real", "-l", "x", make_wheel(Path())).stdout.strip()
    second = make("-p", "nvidia::sm_arch::80_real", "-l", "y", first).stdout.strip()
    assert second == f"{NAME}-y.whl"
    assert variant_json(Path(second))["variants"] == {"y": {"nvidia": {"sm_arch": ["80_real"]}}}
    result = CliRunner().invoke(
        make_variant_command, [first, "-p", "nvidia::sm_arch::80_real", "-l", "x", "--force"]
    )
    assert result.exit_code == 1
    assert "the variant would have the same name; give another --output" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits the length of whole paths")
@pytest.mark.parametrize("length", [255, 256])
def test_names_of_variants_may_have_255_bytes(length: int) -> None:
    wheel = make_wheel(Path(), "d" * (length - len("-1.0-py3-none-any-x.whl")))
    variant = f"{wheel.stem}-x.whl"
    made = CliRunner().invoke(make_variant_command, ["-p", "x86_64::level::v3", "-l", "x", str(wheel)])
    if length == 255:
        assert (made.exit_code, made.stdout) == (0, f"{variant}\n")
        unmade = CliRunner().invoke(main, ["unmake", "--force", variant])
        assert (unmade.exit_code, unmade.stdout) == (0, f"{wheel}\n")
    else:
        assert (made.exit_code, made.stderr) == (1, f"error: {wheel}: {variant}: File name too long\n")
    assert sorted(map(str, Path().iterdir())) == sorted([str(wheel), *([variant] if length == 255 else [])])


def test_a_dry_run_writes_nothing() -> None:
    wheel = make_wheel(Path())
    result = make("--dry-run", "-p", "nvidia::sm_arch::90_real", "-l", "x", "-o", "out", wheel)
    assert result.stdout.strip() == str(Path("out") / f"{NAME}-x.whl")
    assert list(Path().iterdir()) == [wheel]


def test_json_has_an_entry_for_each_wheel() -> None:
    wheels = [make_wheel(Path(), name) for name in ("a", "b")]
    wheels[1].write_bytes(b"")
    arguments = ["--json", *map(str, wheels), "-p", "nvidia::sm_arch::90_real", "-l", "x"]
    result = CliRunner().invoke(make_variant_command, arguments)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["wheels"] == [
        {
            "input": "a-1.0-py3-none-any.whl",
            "path": "a-1.0-py3-none-any-x.whl",
            "label": "x",
            "properties": ["nvidia :: sm_arch :: 90_real"],
            "written": True,
        },
        {
            "input": "b-1.0-py3-none-any.whl",
            "path": None,
            "label": "x",
            "properties": ["nvidia :: sm_arch :: 90_real"],
            "written": False,
        },
    ]
    assert [error["place"] for error in document["errors"]] == ["b-1.0-py3-none-any.whl"]


def test_quiet_prints_only_the_path() -> None:
    result = make("--quiet", "-p", "other::a::1", make_wheel(Path()))
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1


def test_an_invalid_source_date_epoch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "x")
    result = CliRunner().invoke(make_variant_command, ["--null", str(make_wheel(Path()))])
    assert result.exit_code == 1
    assert "SOURCE_DATE_EPOCH: expected a number of seconds, got 'x'" in result.stderr


def test_the_bytes_do_not_depend_on_process_folder_and_time_zone(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "in")
    properties = ("x86_64::level::v3", "nvidia::sm_arch::90_real", "nvidia::sm_arch::80_real")
    options = [*(f"--property={text}" for text in properties), "-l", "x"]
    here = Path(make(*options, wheel).stdout.strip()).read_bytes()
    out = tmp_path / "elsewhere"
    run("make-variant", *options, wheel, "-o", out, PYTHONHASHSEED="1", TZ="Asia/Tokyo")
    assert (out / f"{NAME}-x.whl").read_bytes() == here


def test_programs_have_help_and_version() -> None:
    for program in ("make-variant", "variant-backend"):
        assert "variants" in run(program, "--help").stdout
        assert run(program, "--version").stdout == f"{program}, version {__version__}\n"
    assert "variants.json" in run("variant-backend", "index", "--help").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals in the standard library")
@pytest.mark.parametrize("slow", [True, False])
def test_progress_is_shown_on_a_terminal_only_after_a_second(tmp_path: Path, slow: bool) -> None:
    import pty

    wheel = make_wheel(tmp_path, files={"demo/large": os.urandom(3 << 20)})
    script = (
        "import sys, time\n"
        "from variant_backend._internal.lowlevel import ranges\n"
        "from variant_backend._internal.cli.make_variant import make_variant_command\n"
        "def step(source, target, offset, length):\n"
        f"    time.sleep({0.4 if slow else 0})\n"
        "    return ranges._read_and_write(source, target, offset, min(length, 1 << 20))\n"
        "ranges._KERNEL_COPIES[:] = [step]\n"
        "make_variant_command(sys.argv[1:])\n"
    )
    parent, child = pty.openpty()
    arguments = [sys.executable, "-c", script, str(wheel), "-p", "nvidia::sm_arch::90_real", "-l", "x"]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=child, timeout=60)
    os.close(child)
    shown = read_terminal(parent)
    assert done.returncode == 0
    assert (b"%" in shown) == slow, shown
    assert b"\x1b[3" not in shown, "colour was not asked for"


def index(folder: Path) -> Result:
    return CliRunner().invoke(main, ["index", str(folder)], catch_exceptions=False)


def test_the_index_file_does_not_depend_on_the_order_of_wheels() -> None:
    Path("pyproject.toml").write_text(PROJECT)
    for version in ("1.0", "2.0"):
        for tag in ("cp311-cp311-any", "cp312-cp312-any"):
            wheel = make_wheel(Path("in"), "My_Demo", version, tag)
            for label in ("mkl", "open", "null"):
                make("-l", label, wheel, "-o", "dist")
    results = set()
    wheels = sorted(Path("dist").iterdir())
    for seed in range(3):
        random.Random(seed).shuffle(wheels)
        folder = Path(f"shuffled{seed}")
        folder.mkdir()
        for wheel in wheels:
            (folder / wheel.name).write_bytes(wheel.read_bytes())
        result = index(folder)
        assert result.exit_code == 0
        names = ["my_demo-1.0-variants.json", "my_demo-2.0-variants.json"]
        assert result.stdout.splitlines() == [str(folder / name) for name in names]
        results.add(tuple((folder / name).read_bytes() for name in names))
    (contents,) = results
    document = json.loads(contents[0])
    assert list(document["variants"]) == ["mkl", "null", "open"]
    assert document["default-priorities"] == {"namespace": ["blas", "gpu"]}
    assert set(document["providers"]) == {"blas", "gpu"}
    assert len(list(Path("dist").iterdir())) == len(wheels)


def test_index_rewrites_its_file_and_warns_of_unselectable_variants() -> None:
    Path("dist").mkdir()
    (Path("dist") / "demo-1.0-variants.json").write_text("old")
    make("-p", "unknown::a::1", "-l", "x", "-o", "dist", make_wheel(Path()))
    result = index(Path("dist"))
    assert "warning: demo 1.0: no installer can select" in result.stderr
    assert json.loads((Path("dist") / "demo-1.0-variants.json").read_text())["variants"] == {
        "x": {"unknown": {"a": ["1"]}}
    }


# Recipes: the project file decides which label a wheel gets, and which requirements.

RELEASE = """
[tool.variant-backend]
name = "Demo_X"
strip-local-version = true
dependencies = ["helper; 'blas' in variant_namespaces"]
[tool.variant-backend.variants.mkl]
match = { local = "mkl", platform = "*linux*" }
dependencies = ["mkl==2025"]
[tool.variant-backend.variants.null]
match = { local = "cpu" }
"""


def requirements(wheel: str) -> list[str]:
    (metadata,) = (text for name, text in walk(Path(wheel)).items() if name.endswith(".dist-info/METADATA"))
    return [str(value) for value in message_from_bytes(metadata).get_all("Requires-Dist") or []]


@pytest.fixture
def release() -> list[Path]:
    Path("pyproject.toml").write_text(RELEASE + PROJECT)
    wheels = [
        make_wheel(Path(), version=f"1.0+{local}", tag="cp313-cp313-linux_x86_64") for local in ("mkl", "cpu")
    ]
    return [*wheels, make_wheel(Path(), version="1.0+mkl", tag="cp313-cp313-win_amd64")]


def test_without_options_each_wheel_gets_the_label_that_matches_it(
    release: list[Path],
) -> None:
    mkl, null = make(*release).stdout.splitlines()
    assert mkl == "demo_x-1.0-cp313-cp313-linux_x86_64-mkl.whl"
    assert null == "demo_x-1.0-cp313-cp313-linux_x86_64-null.whl"
    assert (requirements(mkl), requirements(null)) == (["helper", "mkl==2025"], [])
    assert list(variant_json(Path(mkl))["variants"]) == ["mkl"]  # type: ignore[call-overload]  # an object


def test_a_wheel_without_a_match_is_skipped_with_a_warning(release: list[Path]) -> None:
    result = make("--json", *release)
    assert f"warning: {release[2].name}: no match selects this wheel; it is skipped\n" in result.stderr
    document = json.loads(result.stdout)
    assert [each["label"] for each in document["wheels"]] == ["mkl", "null", None]
    assert document["wheels"][2] == {
        "input": str(release[2]),
        "path": None,
        "label": None,
        "properties": [],
        "written": False,
    }


def test_it_is_an_error_if_no_wheel_matches(release: list[Path]) -> None:
    result = CliRunner().invoke(make_variant_command, [str(release[2])])
    assert result.exit_code == 1
    assert result.stderr.endswith("error: no match in the project file selects any of these wheels\n")


def test_a_wheel_that_two_labels_match_does_not_stop_the_others(release: list[Path]) -> None:
    project = Path("pyproject.toml")
    project.write_text(project.read_text().replace('local = "cpu"', 'local = "*"'))
    result = CliRunner().invoke(make_variant_command, list(map(str, release)))
    assert result.exit_code == 1
    assert f"error: {release[0].name}: several labels match: mkl, null" in result.stderr
    assert len(result.stdout.splitlines()) == 2


def test_a_wheel_with_a_variant_json_ignores_recipes(release: list[Path]) -> None:
    made = Path(make("-l", "mkl", "--name", "demo", release[0]).stdout.strip())
    plain = made.rename("demo-1.0-cp313-cp313-linux_x86_64.whl")
    assert make(plain).stdout.strip() == made.name
    Path("pyproject.toml").write_text("not read")
    assert make(plain, "--force").stdout.strip() == made.name


def test_options_override_the_recipe_of_a_label(release: list[Path]) -> None:
    wheel = make("--label", "mkl", "--name", "other", release[2]).stdout.strip()
    assert wheel == "other-1.0-cp313-cp313-win_amd64-mkl.whl"
    assert requirements(wheel) == ["helper", "mkl==2025"]
    properties = make("-p", "blas::library::openblas", "-l", "x", release[0]).stdout.strip()
    assert requirements(properties) == ["helper"]


def test_a_recipe_requirement_of_an_unknown_extra_is_refused(release: list[Path]) -> None:
    project = Path("pyproject.toml")
    project.write_text(project.read_text().replace('"mkl==2025"', "\"mkl==2025; extra == 'Big_GPU'\""))
    result = CliRunner().invoke(make_variant_command, [str(release[0])])
    assert result.exit_code == 1
    assert "the unknown extra 'big-gpu'; add the extra to project.optional-dependencies" in result.stderr
    head = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: Big_GPU\n"
    wheel = make_wheel(Path(), version="1.0+mkl", tag="cp313-cp313-linux_x86_64", metadata=head)
    assert requirements(make(wheel).stdout.strip()) == ["helper", 'mkl==2025; extra == "big-gpu"']


def test_variant_markers_of_the_wheel_are_decided(tmp_path: Path) -> None:
    lines = "Requires-Dist: a; 'x' in variant_namespaces and os_name == 'nt'\nRequires-Dist: b\n"
    head = f"Metadata-Version: 2.1\nName: {{name}}\nVersion: {{version}}\n{lines}"
    wheel = make_wheel(tmp_path, metadata=head)
    made = make("-p", "x::y::z", "-l", "z", "--static", "x::y::z", wheel).stdout.strip()
    assert requirements(made) == ['a; os_name == "nt"', "b"]


def test_an_unknown_feature_of_a_known_namespace_is_a_warning() -> None:
    result = make("-p", "nvidia::cuda::12", "-l", "cuda12", make_wheel(Path()))
    assert result.stdout == "demo-1.0-py3-none-any-cuda12.whl\n"
    assert result.stderr == (
        "warning: property 'nvidia :: cuda :: 12': unknown feature 'cuda' of nvidia; known features:"
        " cuda_version_lower_bound, cuda_version_upper_bound, sm_arch\n"
    )


def test_a_label_with_other_properties_is_wrong_usage() -> None:
    Path("pyproject.toml").write_text(PROJECT)
    wheel = str(make_wheel(Path()))
    result = CliRunner().invoke(make_variant_command, [wheel, "-l", "mkl", "-p", "gpu::arch::none", "-n"])
    assert result.exit_code == 2
    assert "is defined in [variant.variants] with other properties" in result.stderr
    assert "dry run" not in result.stderr


def test_wheels_without_a_variant_are_wrong_usage_despite_a_broken_wheel() -> None:
    result = CliRunner().invoke(make_variant_command, [str(make_wheel(Path())), "gone.whl"])
    assert result.exit_code == 2
    assert "no variant is given for this wheel" in result.stderr


def test_without_a_match_a_variant_must_be_given() -> None:
    Path("pyproject.toml").write_text(PROJECT)
    result = CliRunner().invoke(make_variant_command, [str(make_wheel(Path()))])
    assert result.exit_code == 2
    assert "use --property, --null or --label, or add a match to the project file" in result.stderr


def test_a_wheel_with_another_labels_recipe_is_refused(release: list[Path]) -> None:
    null = make("--label", "null", "--name", "demo", release[0]).stdout.strip()
    result = CliRunner().invoke(make_variant_command, ["--label", "mkl", null])
    assert result.exit_code == 1
    assert (
        "the wheel is variant 'null' already, and has the requirements of that label; make 'mkl' from"
        in result.stderr
    )
    Path("pyproject.toml").write_text(PROJECT)
    assert make("--label", "mkl", null).stdout.strip().endswith("-mkl.whl")


def test_kept_markers_stay_when_the_label_is_added_last(release: list[Path]) -> None:
    project = Path("pyproject.toml")
    project.write_text(project.read_text().replace('name = "Demo_X"', 'markers = "keep"'))
    labelled = Path(make("-l", "mkl", release[0]).stdout.strip())
    plain = labelled.rename(str(labelled).replace("-mkl", ""))
    kept = ["helper; 'blas' in variant_namespaces", "mkl==2025"]
    assert requirements(make(plain).stdout.strip()) == kept


def test_problems_of_the_project_file_are_reported_once(release: list[Path]) -> None:
    Path("pyproject.toml").write_text(RELEASE.replace("strip-local-version", "strip") + PROJECT)
    result = CliRunner().invoke(make_variant_command, list(map(str, release)))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_finished_wheels_can_be_converted_again(release: list[Path]) -> None:
    made = Path(make("-l", "mkl", "--name", "demo", release[0]).stdout.strip())
    plain = made.with_name(made.name.replace("-mkl", ""))
    plain.write_bytes(made.read_bytes())
    result = make("--force", plain, made)
    assert result.stdout.splitlines() == [made.name, made.name]
    assert f"warning: {made.name}: the wheel is this variant already" in result.stderr


def test_a_wheel_without_a_requested_variant_does_not_stop_the_others() -> None:
    Path("pyproject.toml").write_text(PROJECT)
    first, second = make_wheel(Path("first")), make_wheel(Path("second"))
    first.write_bytes(Path(make("-l", "mkl", first).stdout.strip()).read_bytes())
    result = CliRunner().invoke(make_variant_command, ["--force", str(second), str(first)])
    assert result.exit_code == 1
    assert f"error: {second.name}: no variant is given for this wheel; use --property" in result.stderr
    assert Path(result.stdout.strip()) == first.with_name(f"{NAME}-mkl.whl")


def test_variant_backend_without_a_command_shows_its_help() -> None:
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert "Usage: main [OPTIONS] COMMAND [ARGS]..." in lines
    assert any(line.startswith("  check ") for line in lines)
