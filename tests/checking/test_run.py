"""`variant-backend check`: the command, arbitrary input, and findings in whole releases."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.mutation import mutated
from helpers.sample_release import (
    DOCUMENT,
    LABELS,
    SDIST,
    encoded,
    made_sdist,
    only,
    patched,
    write_release,
    write_wheel,
)
from helpers.strategies import releases
from hypothesis import given, settings
from hypothesis import strategies as st

from variant_backend._internal.checking.codes import BY_DEFAULT, INSTALLERS, RULES, select_codes
from variant_backend._internal.checking.findings import Finding
from variant_backend._internal.checking.run import check_files, find_problems, summary
from variant_backend._internal.checking.run_summary import summary_html
from variant_backend._internal.cli.check import check_command as command
from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import Problem, VariantError
from variant_backend._internal.lowlevel.zip_records import MEND
from variant_backend._internal.publishing.index_file import plan_index
from variant_backend._internal.variants.metadata import (
    DRAFT_SCHEMAS,
    SCHEMA_WITHOUT_PROVIDERS,
    VariantMetadata,
)
from variant_backend._internal.variants.metadata_reading import metadata_from_json
from variant_backend._internal.variants.providers import never_supported
from variant_backend._internal.variants.tag_coverage import covers

BROKEN = patched(DOCUMENT, {"variants": {"fast": {"speed": {"mode": []}}}})


def call(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    return write_release(tmp_path / "dist", DOCUMENT)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "demo-1.0-variants.json"
    path.write_bytes(encoded(BROKEN))
    return path


def codes(*paths: Path) -> list[str]:
    return [finding.problem.code for finding in find_problems(paths)]


# The command.


def test_a_finding_is_a_line_with_file_place_code_text_and_remedy(broken: Path) -> None:
    result = call(broken)
    assert result.stdout == (
        f"{broken}: variants.fast.speed.mode: error[empty-list]: expected a list of at least one string,"
        f" got an empty list; {RULES['empty-list'].remedy}\n"
    )
    assert result.stderr == "1 index file: 1 error\n"
    assert result.exit_code == 1


def test_a_valid_release_has_no_finding(dist: Path) -> None:
    result = call(dist)
    assert (result.stdout, result.stderr, result.exit_code) == (
        "",
        "4 wheels, 1 index file: no problems\n",
        0,
    )


def test_a_warning_does_not_change_the_exit_code(tmp_path: Path) -> None:
    write_release(tmp_path / "dist", patched(DOCUMENT, {"providers": {"speed": {"optional": True}}}))
    result = call(tmp_path / "dist")
    assert "warning[optional-provider]" in result.stdout
    assert (result.stderr, result.exit_code) == ("4 wheels, 1 index file: 1 warning\n", 0)


def test_json_has_every_finding_with_all_its_parts(broken: Path) -> None:
    result = call("--json", broken)
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding == {
        "code": "empty-list",
        "severity": "error",
        "file": str(broken),
        "place": "variants.fast.speed.mode",
        "message": "expected a list of at least one string, got an empty list",
        "remedy": RULES["empty-list"].remedy,
    }
    assert result.exit_code == 1


def test_github_annotations_escape_their_delimiters(tmp_path: Path) -> None:
    folder = tmp_path / "a,b%"
    folder.mkdir()
    path = folder / "demo-1.0-variants.json"
    path.write_bytes(encoded(patched(DOCUMENT, {"100%\r\n::x,y": 1})))
    (line,) = call("--format", "github", path).stdout.splitlines()
    file = str(path).replace("%", "%25").replace(",", "%2C").replace(":", "%3A")
    assert line.startswith(f"::error file={file},title=unknown-key::100%25%0D%0A::x,y: unknown key")


def test_a_line_has_no_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-variants.json"
    path.write_bytes(encoded(patched(DOCUMENT, {"\x1b[31m\n\u2028": 1})))
    (line,) = call(path).stdout.splitlines()
    assert r"\x1b[31m\n\u2028: error[unknown-key]" in line


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
def test_colors_are_printed_on_terminals_without_no_color(broken: Path, no_color: str, colored: bool) -> None:
    import subprocess

    from helpers.programs import SCRIPTS, read_terminal

    master, slave = os.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    program = [str(SCRIPTS / "variant-backend"), "check", str(broken)]
    subprocess.run(program, stdout=slave, stderr=subprocess.DEVNULL, env=environment)
    os.close(slave)
    assert (b"\x1b[31m" in read_terminal(master)) == colored


def test_the_default_is_dist_and_the_project_file(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dist.parent)
    assert call().exit_code == 0
    Path("pyproject.toml").write_text("[variant]\n")
    assert "missing-key" in call().stdout
    Path("pyproject.toml").write_text("")
    (dist / "demo-1.0-variants.json").unlink()
    assert "missing-index" in call().stdout


def test_nothing_to_check_by_default_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call().exit_code == 2


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--select", "empty-list"), True),
        (("--select", "format"), True),
        (("--select", "practice,empty-list"), True),
        (("--select", "practice", "--select", "format"), True),
        (("--select", "practice"), False),
        (("--ignore", "empty-list"), False),
        (("--ignore", "uv,format"), False),
        (("--select", "format", "--ignore", "empty-list"), False),
        (("--installer", "pip"), True),
    ],
)
def test_codes_and_groups_can_be_selected_and_ignored(
    broken: Path, options: tuple[str, ...], found: bool
) -> None:
    result = call(*options, broken)
    assert ("empty-list" in result.stdout) == found
    assert result.exit_code == int(found)


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_an_unknown_code_is_wrong_usage_with_a_suggestion(broken: Path, option: str) -> None:
    result = call(option, "emptylist", broken)
    assert result.exit_code == 2
    assert (
        "unknown code or group 'emptylist' (did you mean 'empty-list'?);"
        " known groups: format, installers, uv, pip, project, practice, upload;"
        " `variant-backend check --list` prints the codes\n"
    ) in result.stderr


def test_rules_about_other_installers_are_left_out() -> None:
    both = select_codes([], [], INSTALLERS)
    assert both == BY_DEFAULT
    only_uv, only_pip = select_codes([], [], ["uv"]), select_codes([], [], ["pip"])
    assert "no-plain-wheel" in only_pip - only_uv
    assert "missing-index" in only_uv - only_pip
    assert {"variant-marker", "empty-list", "equal-properties"} <= only_uv & only_pip
    assert select_codes(["installers"], ["unreadable", "unknown-file", "nothing-to-check"], ["pip"]) == {
        code for code in only_pip if "installers" in RULES[code].groups
    }
    with pytest.raises(VariantError, match="unknown code or group 'nothing'"):
        select_codes(["nothing"], [], INSTALLERS)


def test_a_remedy_names_the_folder_of_the_release(dist: Path) -> None:
    (dist / "demo-1.0-variants.json").unlink()
    folder = dist.rename(dist.with_name("new dist"))
    assert f"write it with `variant-backend index '{folder}'`\n" in call(folder).stdout
    CliRunner().invoke(main, ["index", "--simple", str(folder)])
    page = folder / "simple" / "demo" / "index.html"
    page.write_text("", encoding="utf-8")
    for path in (folder, folder / "simple", page):
        assert f"write new ones with `variant-backend index --simple '{folder}'`\n" in call(path).stdout


def remedies(folder: Path, code: str) -> dict[Path, str]:
    """Return the remedy of each file with a finding of this code, by its path."""
    findings = [each for each in find_problems([folder]) if each.problem.code == code]
    return {Path(each.file): each.problem.remedy or "" for each in findings}


def test_an_index_file_with_a_wrong_name_is_renamed_or_deleted(dist: Path) -> None:
    right, wrong = dist / "demo-1.0-variants.json", dist / "Demo-1.0.0-variants.json"
    right.rename(wrong)
    assert remedies(dist, "index-name") == {wrong: f"rename it to {right.name}"}
    wrong.rename(right)
    assert codes(dist) == []
    wrong.write_bytes(right.read_bytes())
    assert remedies(dist, "index-name") == {wrong: "delete it"}
    wrong.unlink()
    nameless = right.rename(dist / "variants.json")
    command = f"variant-backend index {dist}"
    assert remedies(dist, "index-name") == {nameless: f"delete it, and write the right one with `{command}`"}
    nameless.unlink()
    CliRunner().invoke(main, command.split()[1:])
    assert codes(dist) == []


@pytest.mark.parametrize("schema", sorted(DRAFT_SCHEMAS))
def test_the_remedy_for_the_schema_of_a_draft_works(tmp_path: Path, schema: str) -> None:
    write_release(tmp_path / "dist", patched(DOCUMENT, {"$schema": schema}))
    assert codes(tmp_path / "dist") == ["draft-schema"] * 4
    found = remedies(tmp_path / "dist", "draft-schema")
    assert len(found) == 4
    result = CliRunner().invoke(main, ["check", str(tmp_path / "dist")])
    assert result.stdout.count("--in-place FILE`") == 1  # one line for the three wheels
    for path, remedy in found.items():
        command = remedy.removeprefix("run `variant-backend ").removesuffix("`")
        assert command == f"upgrade --in-place {path}"
        result = CliRunner().invoke(main, command.split())
        assert result.exit_code == 0, result.stderr
    assert codes(tmp_path / "dist") == []


@pytest.mark.parametrize("changes", [{}, {"providers": None}])
def test_the_remedy_for_an_unknown_schema_names_the_right_one(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = tmp_path / "demo-1.0-variants.json"
    document = patched(DOCUMENT, {"$schema": "https://example.org/v9.json", **changes})
    path.write_bytes(encoded(document))
    remedy = remedies(path, "unknown-schema")[path]
    first, _, schema = remedy.partition("; otherwise write ")
    assert first == "if the format is newer, update variant-backend"
    path.write_bytes(encoded({**document, "$schema": schema}))
    assert remedies(path, "unknown-schema") == {}
    assert not {"missing-provider", "unknown-key"}.intersection(codes(path))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("plugin = 'off'", "unknown key 'plugin' (did you mean 'plugins'?); known keys: "),
        (
            "plugins = 'of'",
            "error[bad-value]: unknown value 'of' (did you mean 'off'?); known values: off, validate",
        ),
    ],
)
def test_a_suggestion_has_no_second_remedy(tmp_path: Path, text: str, end: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(f"[tool.variant-backend]\n{text}\n", encoding="utf-8")
    (line,) = call(path).stdout.splitlines()
    assert end in line
    assert line.count(";") == 1


@pytest.mark.parametrize(
    "options",
    [
        ("--select", "practice", "--ignore", "practice"),
        ("--select", "side-file", "--installer", "uv"),
        ("--ignore", "format,installers,practice,uv,pip,project,upload"),
    ],
)
@pytest.mark.parametrize("path", ["dist", "--list"])
def test_a_selection_without_rules_is_wrong_usage(options: tuple[str, ...], path: str) -> None:
    result = call(*options, path)
    assert result.exit_code == 2
    given = " and ".join(name for name in ("--select", "--ignore") if name in options)
    assert f"error: no rule is left; leave out {given}\n" in result.stderr


def test_a_path_that_cannot_be_checked_can_be_selected_alone(tmp_path: Path) -> None:
    assert call("--select", "unreadable", tmp_path / "gone.whl").exit_code == 1


def test_the_list_of_rules_refuses_paths(dist: Path) -> None:
    result = call("--list", dist)
    assert result.exit_code == 2
    assert "error: --list and paths cannot be used together; leave one of them out\n" in result.stderr


def test_a_rule_is_explained_by_its_section(dist: Path) -> None:
    result = call("--explain", "bad-sdist")
    assert result.stdout.startswith("bad-sdist\n*error*, format, upload. The sdist is damaged")
    assert "**Good: PKG-INFO**\n\n```text\n" in result.stdout
    assert result.exit_code == 0
    rules = json.loads(call("--explain", "bad-sdist", "--json").stdout)["rules"]
    assert f"bad-sdist\n{rules['bad-sdist'].pop('section')}\n" == result.stdout
    assert rules == {"bad-sdist": json.loads(json.dumps(RULES["bad-sdist"]._asdict()))}
    assert "--explain and paths cannot be used together" in call("--explain", "bad-sdist", dist).stderr
    assert "--explain and --list cannot be used together" in call("--explain", "bad-sdist", "--list").stderr


def test_an_unknown_rule_is_wrong_usage_with_a_suggestion() -> None:
    result = call("--explain", "bad-sdst")
    assert result.exit_code == 2
    remedy = "`variant-backend check --list` prints the codes"
    assert f"error: unknown code 'bad-sdst' (did you mean 'bad-sdist'?); {remedy}\n" in result.stderr


def test_json_has_the_number_of_checked_files(dist: Path) -> None:
    (dist / SDIST).write_bytes(made_sdist())
    assert json.loads(call("--json", dist).stdout)["checked"] == {"wheel": 4, "index-file": 1, "sdist": 1}
    assert json.loads(call("--json", dist / "gone.whl").stdout)["checked"] == {}


WRAPPING = """
[build-system]
requires = ["variant-backend-core"]
build-backend = "variant_backend.hooks"
"""
NO_BACKEND = (
    "tool.variant-backend.build-backend: error[build-system]: {}; name the backend to wrap,"
    ' for example "setuptools.build_meta"'
)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (WRAPPING, NO_BACKEND.format("missing")),
        (WRAPPING.replace('"variant_backend', '"tools.variant_backend'), NO_BACKEND.format("missing")),
        (
            f'{WRAPPING}[tool.variant-backend]\nbuild-backend = "variant_backend.hooks"\n',
            NO_BACKEND.format("'variant_backend.hooks' cannot wrap itself"),
        ),
        (
            f'{WRAPPING}[tool.variant-backend]\nbuild-backend = "tools.variant_backend.hooks"\n',
            NO_BACKEND.format("'tools.variant_backend.hooks' cannot wrap itself"),
        ),
    ],
)
def test_a_project_without_a_backend_to_wrap_is_an_error(tmp_path: Path, text: str, finding: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    assert call(path).stdout == f"{path}: {finding}\n"


def test_every_problem_of_the_build_system_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(WRAPPING.replace('"variant-backend-core"', ""), encoding="utf-8")
    assert codes(path) == ["build-requires", "build-system"]


@pytest.mark.parametrize(
    "text",
    [
        f'{WRAPPING}[tool.variant-backend]\nbuild-backend = "setuptools.build_meta"\n',
        '[build-system]\nrequires = []\nbuild-backend = "mine"\nbackend-path = ["."]\n',
        '[build-system]\nrequires = []\nbuild-backend = "hatchling.build"\n',
        "",
    ],
)
def test_a_wrapped_or_unrelated_build_system_has_no_finding(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    assert codes(path) == []


def test_the_list_has_every_code() -> None:
    assert [line.partition(" ")[0] for line in call("--list").stdout.splitlines()] == [*RULES]
    assert json.loads(call("--list", "--json").stdout)["rules"].keys() == RULES.keys()


@pytest.mark.parametrize("options", [("practice",), ("pip", "uv")])
def test_a_path_that_cannot_be_checked_is_reported_whatever_is_selected(options: tuple[str, ...]) -> None:
    given = {"unreadable", "unknown-file", "nothing-to-check"}
    assert given <= select_codes(options, [], INSTALLERS)
    assert given <= select_codes([], ["format"], INSTALLERS)
    assert given & select_codes([], ["unknown-file"], INSTALLERS) == given - {"unknown-file"}


def test_the_summary_names_the_checked_files(dist: Path) -> None:
    project = dist.parent / "pyproject.toml"
    project.touch()
    (dist / SDIST).write_bytes(made_sdist())
    assert summary(check_files([dist, project])) == (
        "4 wheels, 1 index file, 1 sdist, pyproject.toml: no problems"
    )
    wheel = dist / "demo-1.0-py3-none-any.whl"
    assert summary(check_files([wheel, wheel])) == "1 wheel: no problems"
    assert summary(check_files([wheel, dist])) == ("4 wheels, 1 index file, 1 sdist: no problems")
    other = project.with_name("other.toml")
    other.touch()
    assert summary(check_files([project, other])) == "2 project files: no problems"


def test_the_summary_names_pages_and_documents(dist: Path) -> None:
    assert CliRunner().invoke(main, ["index", "--simple", str(dist)]).exit_code == 0
    (dist / "data.json").write_bytes(encoded(DOCUMENT))
    assert summary(check_files([dist])) == "4 wheels, 1 index file, 2 index pages: no problems"
    assert summary(check_files([dist / "data.json"])) == "1 JSON document: no problems"
    assert summary(check_files([dist / "simple" / "demo" / "index.html"])) == "2 index pages: no problems"


def test_the_summary_counts_errors_and_warnings(dist: Path, broken: Path) -> None:
    report = check_files([dist, broken])
    (error,) = report.findings
    warning = error._replace(problem=error.problem._replace(code="hash-label"))
    counted = {1: [error], 2: [error, error, warning], 3: [warning], 4: [warning, warning]}
    assert [summary(report._replace(findings=findings)) for findings in counted.values()] == [
        "4 wheels, 2 index files: 1 error",
        "4 wheels, 2 index files: 2 errors, 1 warning",
        "4 wheels, 2 index files: 1 warning",
        "4 wheels, 2 index files: 2 warnings",
    ]
    assert summary(report._replace(checked={})) == "no files checked: 1 error"


# Equal problems.


def without_row(rows: list[str]) -> list[str]:
    return [row for row in rows if "WHEEL" not in row]


def wheels_without_row(folder: Path, *labels: str) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"demo-1.0-py3-none-any-{label}.whl" for label in labels]
    for path in paths:
        write_wheel(path, only(DOCUMENT, "fast"), rows=without_row)
    return paths


def test_equal_problems_of_several_files_are_one_line(tmp_path: Path) -> None:
    paths = wheels_without_row(tmp_path / "dist", "a", "b", "c", "d", "e")
    result = call("--select", "missing-row", *paths)
    names = ", ".join(map(str, paths[:3]))
    text = f"missing row for 'demo-1.0.dist-info/WHEEL'; {MEND}"
    assert result.stdout == f"{names} and 2 more: RECORD: error[missing-row]: {text}\n"
    assert result.stderr == "5 wheels: 5 errors\n"
    assert result.exit_code == 1


def test_different_problems_have_a_line_each(tmp_path: Path) -> None:
    paths = wheels_without_row(tmp_path / "dist", "a", "b")
    write_wheel(paths[1], rows=lambda rows: [*rows, "x.py,,"])
    lines = call("--select", "missing-row,stray-row", *paths).stdout.splitlines()
    assert [MEND.replace("WHEEL", str(path)) in line for path, line in zip(paths, lines, strict=True)]


def test_json_and_github_keep_one_finding_for_each_file(tmp_path: Path) -> None:
    paths = wheels_without_row(tmp_path / "dist", "a", "b")
    arguments = ("--select", "missing-row", *paths)
    found = json.loads(call("--json", *arguments).stdout)["findings"]
    assert [finding["file"] for finding in found] == [*map(str, paths)]
    remedies = [MEND.replace("WHEEL", str(path)) for path in paths]
    assert [finding["remedy"] for finding in found] == remedies
    lines = call("--format", "github", *arguments).stdout.splitlines()
    assert [remedy in line for remedy, line in zip(remedies, lines, strict=True)] == [True, True]


# Any input.


def test_messages_about_unusable_paths_name_the_expected_files(tmp_path: Path) -> None:
    (tmp_path / "demo-1.0-py3-none-any.whl").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    expected = {
        "missing": "file or folder not found; name an existing file that you can read",
        "missing.whl": "file not found; name an existing file that you can read",
        "demo-1.0-py3-none-any.whl": "expected a file, got a folder; name an existing file that you can read",
        "empty": (
            "expected a wheel, an index file, a variant.json, a pyproject.toml or a package index (simple/),"
            " found none; name the folder that contains the wheels"
        ),
        "notes.txt": (
            "expected a name that ends in .whl, .json or .toml; name a wheel, an index file, a variant.json,"
            " a pyproject.toml, or a folder of them"
        ),
    }
    for name, text in expected.items():
        (finding,) = find_problems([tmp_path / name])
        assert str(finding.problem) == text


def test_unreadable_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "demo-1.0-py3-none-any.whl").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").touch()
    assert codes(tmp_path / "demo-1.0-py3-none-any.whl") == ["unreadable"]
    assert codes(tmp_path / "missing-1.0-py3-none-any.whl") == ["unreadable"]
    assert codes(tmp_path / "missing") == ["unreadable"]
    assert codes(tmp_path / ("x" * 300)) == ["unreadable"]
    assert codes(tmp_path / "nul\0") == ["unreadable"]
    assert codes(tmp_path / "text.txt" / "variants.json") == ["unreadable"]
    assert codes(tmp_path / "empty") == ["nothing-to-check"]
    assert codes(tmp_path / "text.txt") == ["unknown-file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("name", ["demo-1.0-py3-none-any.whl", "variants.json", "pyproject.toml"])
def test_a_pipe_does_not_block(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert codes(tmp_path / name) == ["unreadable"]
    assert codes(tmp_path) == ["unreadable"]


def test_no_project_file_raises(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    for text, code in (
        ("x = [" * 5000, "not-toml"),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", "not-toml"),
        ("[tool.variant-backend]\nbackend-path = ['a\\u0000']".replace("'", '"'), "bad-value"),
        ("[tool.variant-backend]\nnote = 1\n[variant]\nnote = 1", "unknown-key"),
        ("variant = 1\ntool = 1", "wrong-type"),
    ):
        path.write_text(text, encoding="latin-1")
        assert code in codes(path), text[:50]


def test_a_lone_surrogate_is_not_json(broken: Path) -> None:
    builtin = {"providers": {"speed": {"static-properties": None, "builtin": "\ud800"}}}
    broken.write_bytes(encoded(patched(DOCUMENT, builtin)))
    assert codes(broken) == ["not-json"]


def test_other_files_in_a_folder_are_ignored(dist: Path) -> None:
    for name in ("notes.txt", "data.json", "backup.tar.gz", "x.zip", ".hidden", "uv.toml"):
        (dist / name).write_bytes(b"{")
    (dist / "folder").mkdir()
    assert codes(dist) == []


@given(st.binary(max_size=200))
def test_no_document_and_no_project_file_raises(tmp_path_factory: Any, data: bytes) -> None:
    # Not in a parent folder of other tests, where uv would find the project file.
    folder = tmp_path_factory.getbasetemp() / "bytes"
    folder.mkdir(exist_ok=True)
    for name in ("demo-1.0-variants.json", "variant.json", "pyproject.toml", "demo-1.0-py3-none-any-x.whl"):
        (folder / name).write_bytes(data)
        find_problems([folder / name])


@given(mutated())
def test_no_mutated_document_raises_anywhere(tmp_path_factory: Any, document: Any) -> None:
    folder = tmp_path_factory.getbasetemp() / "mutated"
    folder.mkdir(exist_ok=True)
    (folder / "demo-1.0-variants.json").write_bytes(encoded(document))
    write_wheel(folder / "demo-1.0-py3-none-any-fast.whl", only(document, "fast"))
    write_wheel(folder / "demo-1.0-py3-none-any-null.whl", document)
    for finding in find_problems([folder]):
        assert finding.problem.text and finding.problem.remedy and finding.problem.code in RULES


@settings(max_examples=200)
@given(st.data())
def test_no_damaged_wheel_raises(tmp_path_factory: Any, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    path = folder / "demo-1.0-py3-none-any-fast.whl"
    write_wheel(path, only(DOCUMENT, "fast"))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) - 30, len(content)))])
    find_problems([path])


@given(releases())
def test_written_files_have_no_error_except_unlisted_values(
    tmp_path_factory: Any, release: VariantMetadata
) -> None:
    path = tmp_path_factory.getbasetemp() / "demo-1.0-variants.json"
    path.write_bytes(release.to_json())
    written = metadata_from_json(release.to_json(), "file")
    missing = never_supported(written.variants.values(), written.providers)
    errors = {finding.problem.code for finding in find_problems([path]) if finding.severity == "error"}
    assert errors == ({"unlisted-value"} if missing else set())


# Releases.


def test_all_problems_of_a_wheel_are_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any-fast.whl"
    variant = patched(DOCUMENT, {"note": 1, "variants": {"safe": None, "fast": {"speed": {"mode": ["x"]}}}})

    def change(contents: dict[str, bytes]) -> None:
        contents["demo-1.0.dist-info/METADATA"] = (
            b"Metadata-Version: 2.1\nName: x\nVersion: 1\nRequires-Dist: a b\n"
            b"Requires-Dist: six; variant_label == 'x'\nRequires-Dist: six @ https://example.org/x.whl\n"
        )
        contents["other.py"] = b""
        del contents["demo-1.0.dist-info/WHEEL"]

    write_wheel(path, variant, members=change)
    expected = (
        "missing-file wrong-identity variant-marker bad-metadata direct-reference unknown-key one-label"
    )
    assert set(codes(path)) == {
        *expected.split(),
        *("missing-row", "stray-row", "wrong-size", "wrong-hash"),
    }


def test_a_problem_of_all_wheels_is_reported_once_for_the_index_file(tmp_path: Path) -> None:
    plugin = {"providers": {"speed": {"static-properties": None, "requires": ["speed-provider"]}}}
    folder = write_release(tmp_path / "dist", patched(DOCUMENT, plugin))
    (finding,) = find_problems([folder])
    assert (finding.problem.code, Path(finding.file).name) == ("unknown-provider", "demo-1.0-variants.json")
    (folder / "demo-1.0-variants.json").unlink()
    assert sorted(codes(folder)) == ["missing-index", "unknown-provider"]


def test_named_wheels_are_compared_but_not_as_a_whole_release(dist: Path) -> None:
    wheels = sorted(dist.glob("*-*-*-*-*-*.whl"))
    assert len(wheels) == len(LABELS)
    assert codes(*wheels) == []
    wheels[0].unlink()
    write_wheel(wheels[0], only(patched(DOCUMENT, {"default-priorities": {"namespace": ["a"]}}), "fast"))
    assert "undeclared-namespace" in codes(*wheels)


def test_conflicts_name_the_other_file_and_the_place(dist: Path) -> None:
    path = dist / "demo-1.0-py3-none-any-safe.whl"
    path.unlink()
    order = {"providers": {"speed": {"static-properties": {"mode": ["safe", "fast"]}}}}
    write_wheel(path, only(patched(DOCUMENT, order), "safe"))
    found = [(each.problem.code, Path(each.file).name, each.problem.place) for each in find_problems([dist])]
    place = "providers.speed.static-properties.mode"
    assert ("wheels-differ", path.name, place) in found
    assert ("index-differs", "demo-1.0-variants.json", place) in found


def test_wheels_of_one_release_are_compared_across_folders(tmp_path: Path) -> None:
    order = {"providers": {"speed": {"static-properties": {"mode": ["safe", "fast"]}}}}
    one = write_release(tmp_path / "linux", DOCUMENT)
    other = write_release(tmp_path / "windows", patched(DOCUMENT, order))
    assert codes(one) == codes(other) == []
    assert set(codes(one, other)) == {"wheels-differ"}


def test_index_writes_the_right_name_for_any_spelling_of_the_version(
    dist: Path,
) -> None:
    (dist / "demo-1.0-variants.json").unlink()
    for path in dist.glob("*-*-*-*-*-*.whl"):
        path.unlink()
    write_wheel(dist / "demo-1.0.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"))
    for output in plan_index([dist]).outputs:
        (dist / output.name).write_bytes(output.content)
    assert codes(dist) == []


def test_a_folder_is_not_read_again_for_each_wheel(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The optional file beside a wheel is missing, and nobody needs similar names.
    monkeypatch.setattr(
        "variant_backend._internal.wheels.wrong_files._entries", lambda _: pytest.fail("read again")
    )
    assert find_problems([dist]) == []


def test_labels_without_wheels_are_found_beside_a_plain_wheel(dist: Path) -> None:
    for path in dist.glob("*-*-*-*-*-*.whl"):
        path.unlink()
    assert codes(dist) == ["index-label-without-wheel"] * len(LABELS)


def test_releases_in_one_folder_are_checked_separately(dist: Path) -> None:
    write_release(dist, patched(DOCUMENT, {"variants": {"fast": {"speed": {"mode": ["safe"]}}}}), version="2")
    assert codes(dist) == ["equal-properties"]


def test_two_projects_are_compared_only_when_checked_together(tmp_path: Path) -> None:
    first, second = tmp_path / "torch-2.10.0-variants.json", tmp_path / "vision-0.25.0-variants.json"
    first.write_bytes(encoded(DOCUMENT))
    renamed = {"variants": {"fast": None, "quick": {"speed": {"mode": ["fast"]}}}}
    second.write_bytes(encoded(patched(DOCUMENT, renamed)))
    assert codes(first) == codes(second) == []
    assert codes(first, second) == codes(second, first) == ["other-label"]


@pytest.mark.parametrize(
    ("fallbacks", "tags", "expected"),
    [
        (["py3-none-any"], "cp313-cp313-win_amd64", True),
        (["py2.py3-none-any"], "py3-none-any", True),
        (["py2-none-any"], "py3-none-any", False),
        (["cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64"], "cp313-cp313-linux_x86_64", True),
        (["cp313-cp313-manylinux_2_28_x86_64"], "cp313-cp313-manylinux1_x86_64", True),
        (["cp313-cp313-manylinux_2_28_x86_64"], "cp313-cp313-manylinux_2_28_aarch64", False),
        (["cp313-cp313-manylinux_2_28_x86_64"], "cp313-cp313-musllinux_1_2_x86_64", False),
        (["cp313-cp313-manylinux_2_28_x86_64"], "cp312-cp312-manylinux_2_28_x86_64", False),
        (["cp313-cp313-manylinux_2_28_x86_64"], "cp313-cp313t-manylinux_2_28_x86_64", False),
        (["cp39-abi3-manylinux_2_28_x86_64"], "cp312-cp312-manylinux_2_28_x86_64", True),
        (["cp39-abi3-manylinux_2_28_x86_64"], "cp38-cp38-manylinux_2_28_x86_64", False),
        (["cp39-abi3-manylinux_2_28_x86_64"], "cp313-cp313t-manylinux_2_28_x86_64", False),
        (["cp39-abi3-win_amd64"], "cp310-abi3-win_amd64", True),
        (["cp312-none-win_amd64"], "cp312-cp312-win_amd64", True),
        (["cp312-none-win_amd64"], "cp313-cp313-win_amd64", False),
        (["py3-none-macosx_11_0_universal2"], "cp312-cp312-macosx_14_0_arm64", True),
        (["py3-none-macosx_11_0_x86_64"], "cp312-cp312-macosx_11_0_universal2", False),
        (["py3-none-win32"], "cp312-cp312-win_amd64", False),
        (["py3-none-win32", "py3-none-win_amd64"], "cp312-cp312-win32.win_amd64", True),
        (["py310-none-any"], "cp313-cp313-win_amd64", True),
        (["py314-none-any"], "cp313-cp313-win_amd64", False),
        (["py310-none-any"], "py3-none-any", False),
        (["py3-none-any"], "pp311-pypy311_pp73-win_amd64", True),
        (["py3-none-any"], "py2.py3-none-any", True),
        (["cp315-abi3t-win_amd64"], "cp315-cp315t-win_amd64", True),
        (["cp315-abi3t-win_amd64"], "cp315-cp315-win_amd64", False),
        ([], "py3-none-any", False),
    ],
)
def test_a_fallback_covers_every_platform_where_it_installs(
    fallbacks: list[str], tags: str, expected: bool
) -> None:
    assert covers(fallbacks, tags) == expected


def test_a_wheel_that_lacks_the_provider_of_its_release_has_an_error(tmp_path: Path) -> None:
    older = {"$schema": SCHEMA_WITHOUT_PROVIDERS, "providers": None}
    for index, code in ((DOCUMENT, "index-differs"), (patched(DOCUMENT, older), "wheels-differ")):
        folder = tmp_path / code
        write_release(folder, index, lambda label: only(patched(DOCUMENT, older), label))
        if code == "wheels-differ":
            write_wheel(folder / "demo-1.0-py3-none-any-safe.whl", only(DOCUMENT, "safe"))
        assert code in {finding.problem.code for finding in find_problems([folder])}


def test_the_summary_for_ci_services_has_all_wheels_and_problems(dist: Path, broken: Path) -> None:
    text = summary_html(check_files([dist, broken]))
    lines = text.splitlines()
    assert lines[0] == "<h3>variant-backend check: 4 wheels, 2 index files: 1 error</h3>"
    assert sum("<td><code>demo-" in line and ".whl</code>" in line for line in lines) == 4
    assert sum(line.startswith("<tr><td>error</td>") for line in lines) == 1
    assert all(lines)  # Markdown reads what follows an empty line


def test_the_summary_for_ci_services_is_short(dist: Path) -> None:
    report = check_files([dist])
    quotes = "'" * 250  # the longest text as HTML
    findings = [
        Finding(f"{quotes}{file}", Problem("bad-filename", "", f"{quotes * 4}{number}", "rename it"))
        for number in range(300)
        for file in range(3)
    ]
    text = summary_html(report._replace(findings=findings, releases=[*report.releases] * 100))
    assert text.count("<tr>") == 2 * (200 + 1)
    assert len(text.encode()) < 1 << 20
