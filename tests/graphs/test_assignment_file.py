"""A file names the value of each aligned feature, for `run` and `serve`."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.ecosystem import MACHINES
from helpers.offers import machine
from helpers.programs import run_here
from helpers.serve_process import ask, served_by_command

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import RequestError, VariantError
from variant_backend._internal.formats.toml_edit import from_dict
from variant_backend._internal.graphs.assignment_file import (
    assignment_table,
    read_assignment,
    read_assignment_for,
)
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.variants.alignment import Assignment
from variant_backend._internal.variants.policy import PolicyRule, Rules

OPENBLAS: Assignment = {("blas", "library"): "openblas"}
LOCKED = {"lock-version": "1.0", "tool": {"variant-backend": {"assignment": assignment_table(OPENBLAS)}}}
CUDA = ("nvidia", "cuda_version_lower_bound")


def written(folder: Path, content: dict[str, object], name: str = "a") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(from_dict(content))
    return path


@pytest.mark.parametrize("content", [{"assignment": assignment_table(OPENBLAS)}, LOCKED], ids=["own", "lock"])
def test_a_table_is_read_as_it_is_written(content: dict[str, object], tmp_path: Path) -> None:
    assert read_assignment(written(tmp_path, content)) == OPENBLAS


def test_all_mistakes_of_a_file_are_reported(tmp_path: Path) -> None:
    table = {"blas": "x", "a::b": 3, "a::B": "x", "x::y": "A-b", "x::z": "1", "x :: z": "2"}
    with pytest.raises(VariantError) as raised:
        read_assignment(written(tmp_path, {"other": 1, "assignment": table}))
    parts = (
        "unknown key",
        "expected a feature",
        "expected a string",
        "'B'",
        "'A-b'",
        "two values for x :: z",
    )
    assert len(raised.value.problems) == len(parts)
    for problem, part in zip(raised.value.problems, parts, strict=True):
        assert part in str(problem)


@pytest.mark.parametrize(
    ("content", "remedy"),
    [({}, 'write [assignment] with lines such as "blas'), ({"lock-version": "1.0"}, "lock")],
)
def test_a_file_without_assignment_is_an_error(
    content: dict[str, object], remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(VariantError, match=r"expected a table \[assignment\]") as raised:
        read_assignment(written(tmp_path, content))
    assert remedy in str(raised.value)


@pytest.mark.parametrize(
    ("axis", "value", "message"),
    [
        (CUDA, "13.0", "gpu does not support '13.0'; it supports 12.8, 12.7"),
        (("x86_64", "level"), "v9", "unknown value 'v9'"),
        (("nvidia", "cuda"), "12.8", "unknown feature 'cuda'"),
        (("nvidea", "cuda"), "12.8", "did you mean 'nvidia'?"),
        (("blas", "library"), "mkl", "'blas' is also in --disable"),
    ],
)
def test_unusable_values_are_errors(axis: tuple[str, str], value: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"assignment": assignment_table({axis: value})})
    with pytest.raises(RequestError) as raised:
        read_assignment_for("gpu", machine(MACHINES["gpu12"]), Policy(disabled=("blas",)), path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)


def test_the_policy_limits_the_values(tmp_path: Path) -> None:
    here, axis = machine(MACHINES["gpu12"]), ("x86_64", "level")
    policy = Policy(rules=Rules(exclude=(PolicyRule(("x86_64", "level", "v3"), "a.toml"),)))
    paths = {
        value: written(tmp_path, {"assignment": assignment_table({axis: value})}, value)
        for value in ("v2", "v3")
    }
    assert read_assignment_for("gpu", here, policy, paths["v2"]) == {axis: "v2"}
    with pytest.raises(RequestError, match="gpu does not support 'v3'"):
        read_assignment_for("gpu", here, policy, paths["v3"])


@pytest.mark.slow
def test_workers_of_a_server_obey_the_assignments(ecosystem: Path, tmp_path: Path) -> None:
    path = written(tmp_path, {"assignment": assignment_table(OPENBLAS)})
    machines = ("--machine", "gpu=cuda:12.8", "--machine", "cpu=x86_64:v2")
    options = ("--find-links", ecosystem, *machines, "--assignment", f"gpu={path}", "--workers", "2")
    with served_by_command(tmp_path, *options, machines=2) as serving:
        pages = [ask(f"{url}scinum/").body for url in serving.urls]
    assert [b"0_openblas" in page for page in pages] == [True, False]
    assert [b"0_mkl" in page for page in pages] == [False, True]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["gpo=a.toml"], "--assignment: unknown machine 'gpo' (did you mean 'gpu'?); machines: gpu"),
        (["a.toml", "b.toml"], "two files for all machines; write NAME=FILE for each machine"),
    ],
)
def test_a_server_knows_its_machines(texts: list[str], message: str, tmp_path: Path) -> None:
    options = [part for text in texts for part in ("--assignment", text)]
    done = run_here(
        main, "serve", "-f", tmp_path, "--machine", "gpu=cuda:12.8", *options, cwd=tmp_path, ok=False
    )
    assert done.exit_code == 2
    assert message in done.stderr
