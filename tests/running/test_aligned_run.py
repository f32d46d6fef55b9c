"""`run --align` lets pip and uv install packages that agree on the values of aligned features."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.ecosystem import Labels, MadeRelease, write_releases
from helpers.made_modules import made_elf
from helpers.made_wheels import make_wheel
from helpers.offers import label_in
from helpers.overlays import make_locals, write_overlay
from helpers.programs import empty_cache, run, run_here
from jsonschema import Draft7Validator

from variant_backend._internal.cli.main import main
from variant_backend._internal.schema import output_schema

BLAS: Labels = {"mkl": ("blas :: library :: mkl",), "openblas": ("blas :: library :: openblas",)}
OPENBLAS: Labels = {"openblas": BLAS["openblas"], None: ()}
# The best value of the first package is not that of most packages.
RELEASES = [
    MadeRelease("scinum", "2.1", labels={**BLAS, None: ()}, by_label={"openblas": ("sciopenblas",)}),
    MadeRelease("scistat", "1.0", labels=OPENBLAS, requires=("scinum",)),
    MadeRelease("scilearn", "1.0", labels=OPENBLAS, requires=("scistat",)),
    MadeRelease("sciopenblas", "0.3"),
]
AGREED = {"scinum": "openblas", "scistat": "openblas", "scilearn": "openblas"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    write_releases(folder, RELEASES)
    return folder


def through(
    wheels: Path,
    home: Path,
    *command: object,
    align: tuple[str, ...] = ("--align", "blas"),
    on: str = "x86_64:v2",
    ok: bool = True,
) -> tuple[int, str, str]:
    """Run a command through the offer of some wheels; return exit code, output and errors."""
    folders = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    options = ("--find-links", wheels, "--machine", on, *align)
    done = run("variant-backend", "run", *options, *command, cwd=home, ok=ok, **folders)
    return done.returncode, done.stdout, done.stderr


def uv_install(*arguments: object) -> tuple[object, ...]:
    return ("uv", "pip", "install", *empty_cache(), "--target", "site", *arguments)


def pip_install(*arguments: object) -> tuple[object, ...]:
    return ("pip", "install", "--no-compile", "--target", "site", *arguments)


def write_project(folder: Path, *, requires: str, dependency: str) -> Path:
    """Write a project whose build requires, and imports, a package."""
    folder.mkdir()
    table = f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (folder / "pyproject.toml").write_text(table)
    (folder / "backend.py").write_text(
        f"""from pathlib import Path

import {requires}


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = Path(folder, "project-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\\nName: project\\nVersion: 1.0\\nRequires-Dist: {dependency}\\n"
    )
    return info.name
"""
    )
    return folder


def plain_package(site: Path, name: str, *libraries: str) -> None:
    """Install a package with a module that links libraries."""
    wheel = make_wheel(site.parent, name, files={f"{name}.so": made_elf(*libraries)})
    run("uv", "pip", "install", "--no-index", "--target", site, wheel)


def labels_in(site: Path) -> dict[str, str | None]:
    names = [path.name.partition("-")[0] for path in site.glob("*.dist-info")]
    return {name: label_in(site, name) for name in names if name != "sciopenblas"}


@pytest.mark.slow
@pytest.mark.parametrize("install", [pip_install, uv_install], ids=["pip", "uv"])
def test_all_installed_packages_agree(
    install: type[tuple[object, ...]], wheels: Path, tmp_path: Path
) -> None:
    _, _, errors = through(wheels, tmp_path, *install("scilearn"))
    assert labels_in(tmp_path / "site") == AGREED
    assert (tmp_path / "site" / "sciopenblas").is_dir()
    assert "blas :: library" in errors
    labels = "VARIANT_BACKEND_LABEL='scilearn#openblas, scinum#openblas, scistat#openblas'"
    assert labels in errors


def test_the_best_values_are_preferred_if_that_is_asked(wheels: Path, tmp_path: Path) -> None:
    options = ("--align", "blas::library", "--prefer", "best", "--dry-run")
    _, output, _ = through(wheels, tmp_path, *uv_install("scilearn"), align=options)
    rows = dict(line.split()[:3:2] for line in output.splitlines()[1:])
    assert rows == {"scinum": "mkl", "scistat": "(plain)", "scilearn": "(plain)"}


@pytest.mark.parametrize(("name", "exit_code"), [("scistat", 0), ("scinone", 1)])
def test_a_dry_run_has_values_and_packages_as_json(
    name: str, exit_code: int, wheels: Path, tmp_path: Path
) -> None:
    options = ("--align", "blas", "--dry-run", "--json")
    code, output, _ = through(wheels, tmp_path, *uv_install(name), align=options, ok=False)
    result = json.loads(output)
    Draft7Validator(output_schema("run")).validate(result)
    assert code == exit_code == bool(result["errors"])
    if not code:
        assert result["assignment"] == {"blas::library": "openblas"}
        assert {one["name"]: one["label"] for one in result["packages"]} == {
            "scinum": "openblas",
            "sciopenblas": None,
            "scistat": "openblas",
        }


def test_packages_follow_an_installed_variant(wheels: Path, tmp_path: Path) -> None:
    through(wheels, tmp_path, *uv_install("scinum"), align=())
    _, _, errors = through(wheels, tmp_path, *uv_install("--quiet", "scilearn"))
    assert "blas :: library: mkl fits what is installed: scinum 2.1 has mkl\n" in errors
    assert labels_in(tmp_path / "site") == {"scinum": "mkl", "scistat": None, "scilearn": None}


def test_packages_follow_an_installed_wheel_of_an_overlay(tmp_path: Path) -> None:
    make_locals(tmp_path / "w", "torch", "2.10.0", ["cu126", "cu128", "cpu"])
    make_locals(tmp_path / "w", "torchvision", "0.25.0", ["cu126", "cu128", "cpu"])
    write_overlay(tmp_path / "overlay.toml")
    options = ("--overlay", "overlay.toml", "--align", "nvidia")
    for package, spec in (("torch", "cuda:12.6"), ("torchvision", "cuda:12.8")):
        through(tmp_path / "w", tmp_path, *uv_install(package), align=options, on=spec)
    text = (tmp_path / "site" / "torchvision" / "__init__.py").read_text()
    assert text == "label = 'cu126'\n"


def test_installed_values_stay_until_reinstall(wheels: Path, tmp_path: Path) -> None:
    through(wheels, tmp_path, *uv_install("scinum"), align=())
    through(wheels, tmp_path, *uv_install("--quiet", "scilearn"))
    _, _, errors = through(wheels, tmp_path, *uv_install("--quiet", "scilearn"))
    assert "aligned: blas :: library :: mkl\n" in errors
    assert "warning" not in errors  # the offer has another variant, which does not fit
    assert set(labels_in(tmp_path / "site").values()) == {"mkl", None}
    through(wheels, tmp_path, *uv_install("scilearn"), align=("--align", "blas", "--reinstall"))
    assert labels_in(tmp_path / "site") == AGREED


def test_a_package_that_is_replaced_does_not_count(wheels: Path, tmp_path: Path) -> None:
    through(wheels, tmp_path, *uv_install("scinum"), align=())
    through(wheels, tmp_path, *uv_install("--reinstall-package", "scinum", "scilearn"))
    assert labels_in(tmp_path / "site") == AGREED


def test_reinstall_replaces_packages_that_do_not_agree(wheels: Path, tmp_path: Path) -> None:
    through(wheels, tmp_path, *uv_install("scistat"), align=())
    assert labels_in(tmp_path / "site") == {"scinum": "mkl", "scistat": "openblas"}
    code, _, errors = through(wheels, tmp_path, *uv_install("scilearn"), ok=False)
    assert (code, "error: blas :: library: installed packages have no value in common" in errors) == (1, True)
    _, _, errors = through(wheels, tmp_path, *uv_install("scistat"))  # which installs nothing
    assert (
        "warning: blas :: library: no value in common: scinum has mkl; scistat has openblas;"
        " name scinum, scistat in" in errors
    )
    through(wheels, tmp_path, *uv_install("scilearn"), align=("--align", "blas", "--reinstall"))
    assert labels_in(tmp_path / "site") == AGREED


def test_a_package_that_sync_removes_does_not_count(wheels: Path, tmp_path: Path) -> None:
    through(wheels, tmp_path, *uv_install("scinum"), align=())
    (tmp_path / "requirements.txt").write_text("scistat\n")
    through(wheels, tmp_path, "uv", "pip", "sync", *empty_cache(), "--target", "site", "requirements.txt")
    assert labels_in(tmp_path / "site") == {"scistat": "openblas"}


@pytest.mark.slow
def test_pip_keeps_what_is_in_a_target_folder(wheels: Path, tmp_path: Path) -> None:
    through(wheels, tmp_path, *uv_install("scinum"), align=())
    through(wheels, tmp_path, *pip_install("scistat"))
    assert labels_in(tmp_path / "site") == {"scinum": "mkl", "scistat": None}


@pytest.mark.slow
def test_pip_builds_a_project_with_real_wheels(wheels: Path, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", requires="scinum", dependency="scistat")
    _, output, _ = through(
        wheels, tmp_path, "pip", "install", project, align=("--align", "blas", "--dry-run")
    )
    labels = {row[0]: row[2] for row in map(str.split, output.splitlines()[1:])}
    assert labels == {"scinum": "openblas", "sciopenblas": "(plain)", "scistat": "openblas"}


def test_an_unknown_namespace_is_a_warning(wheels: Path, tmp_path: Path) -> None:
    options = ("--align", "blass", "--align", "blas::libary", "--align", "nvidia", "--dry-run")
    _, _, errors = through(wheels, tmp_path, *uv_install("scinum"), align=options)
    assert [line for line in errors.splitlines() if "unknown" in line] == [
        "warning: --align: unknown namespace 'blass' (did you mean 'blas'?)"
        "; namespaces of the packages: blas",
        "warning: --align: unknown feature 'libary' (did you mean 'library'?); features of blas: library",
    ]


def test_a_failed_dry_run_has_words_and_code_of_the_tool(wheels: Path, tmp_path: Path) -> None:
    command = uv_install("--no-such-option", "scilearn")
    code, _, errors = through(wheels, tmp_path, *command, ok=False)
    assert code == 2
    for form in ((), ("--json",)):  # the command is not started
        options = ("--align", "blas", "--dry-run", *form)
        assert through(wheels, tmp_path, *command, align=options, ok=False)[0] == 1
    assert "error: uv cannot resolve the requirements\nerror: uv: " in errors
    assert "unexpected argument '--no-such-option'" in errors
    assert not (tmp_path / "site").exists()


def test_a_missing_package_is_an_error_before_the_command_starts(wheels: Path, tmp_path: Path) -> None:
    code, _, errors = through(wheels, tmp_path, *uv_install("scilearn", "scinone"), ok=False)
    assert code == 1
    assert "scinone was not found" in errors


def test_a_failure_has_no_advice_about_the_indexes_of_the_offer(wheels: Path, tmp_path: Path) -> None:
    _, _, errors = through(wheels, tmp_path, *uv_install("scinum>9"), ok=False)
    assert [line for line in errors.splitlines() if "error: uv:" in line] == [
        "error: uv: No solution found when resolving dependencies",
        "error: uv: Because only scinum==2.1 is available and you require scinum>9, we can conclude"
        " that your requirements are unsatisfiable.",
    ]


def test_any_tool_obeys_an_assignment(wheels: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('assignment."blas::library" = "openblas"\n')
    command = ("pip", "download", "--no-deps", "--dest", "site", "scinum")
    through(wheels, tmp_path, *command, align=("--assignment", "a.toml"))
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["scinum-2.1-0_openblas-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        (
            '"blas::library" = "opnblas"',
            "blas :: library: no package has the value 'opnblas' (did you mean 'openblas'?)"
            "; known values: mkl, openblas",
        ),
        (
            '"blass::library" = "openblas"',
            "blass :: library: no package has this feature (did you mean 'blas :: library'?)",
        ),
    ],
)
def test_a_misspelt_assignment_is_a_warning(line: str, warning: str, wheels: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f'[assignment]\n{line}\n"other::feature" = "x"\n')
    _, _, errors = through(wheels, tmp_path, *uv_install("scinum"), align=("--assignment", "a.toml"))
    assert [text for text in errors.splitlines() if "no package" in text] == [f"warning: {warning}"]


def test_packages_follow_a_runtime_that_a_plain_package_links(wheels: Path, tmp_path: Path) -> None:
    plain_package(tmp_path / "site", "linker", "libmkl_rt.so.2")
    _, _, errors = through(wheels, tmp_path, *uv_install("scilearn"))
    assert labels_in(tmp_path / "site") == {
        "linker": None,
        "scinum": "mkl",
        "scistat": None,
        "scilearn": None,
    }
    assert "aligned: blas :: library :: mkl" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--align", "blas", "tox"),
            "--align: expected pip install, uv pip install or uv pip sync, got tox; write a lock file"
            " with `variant-backend lock --align NS`, and use --assignment FILE",
        ),
        (
            ("--align", "blas", "uv", "pip", "sync", "-"),
            "--align: requirements on stdin cannot be read several times; write them to a file",
        ),
        (
            ("--align", "blas", "--assignment", "a.toml", "pip", "install", "x"),
            "--align and --assignment cannot be used together",
        ),
    ],
)
def test_other_uses_are_refused(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run_here(main, "run", "-f", tmp_path, *arguments, cwd=tmp_path, ok=False)
    assert done.exit_code == 2
    assert message in done.stderr
