"""Findings about wheels of one release: dependencies of one label, and modules of several labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.sample_release import DOCUMENT, patched, write_release, write_wheel

from variant_backend._internal.checking.dependency_rules import top_level_modules
from variant_backend._internal.checking.run import find_problems

HEAD = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
LINUX, WINDOWS, MAC = "py3-none-manylinux_2_28_x86_64", "py3-none-win_amd64", "py3-none-macosx_11_0_arm64"
ONLY_WINDOWS = "Requires-Dist: colorama; sys_platform == 'win32'\n"


def found(folder: Path, wheels: dict[str, str], code: str = "dependencies-differ") -> list[str]:
    """Return the findings for plain wheels, given by tags with their fields."""
    for tag, fields in wheels.items():
        make_wheel(folder, tag=tag, metadata=HEAD + fields)
    problems = [finding.problem for finding in find_problems(sorted(folder.iterdir()))]
    return [f"{problem.place}: {problem.text}" for problem in problems if problem.code == code]


def same(*tags: str, fields: str) -> dict[str, str]:
    return dict.fromkeys(tags, fields)


@pytest.mark.parametrize(
    "wheels",
    [
        same(LINUX, WINDOWS, fields=ONLY_WINDOWS),
        {LINUX: "", WINDOWS: ONLY_WINDOWS},
        {LINUX: "Requires-Dist: triton; sys_platform == 'linux'\n", WINDOWS: ONLY_WINDOWS},
        {LINUX: "", WINDOWS: "Requires-Dist: a; sys_platform == 'win32' and platform_release == '10'\n"},
        {LINUX: "Requires-Dist: Foo_Bar>=1.0\n", WINDOWS: "Requires-Dist: foo-bar (>=1)\n"},
        {LINUX: "Requires-Dist: a\nRequires-Dist: b\n", WINDOWS: "Requires-Dist: b\nRequires-Dist: a\n"},
        {LINUX: "Provides-Extra: Fast_IO\n", WINDOWS: "Provides-Extra: fast-io\n"},
        {LINUX: "Requires-Python: >=3.9, <4\n", WINDOWS: "Requires-Python: <4,>=3.9\n"},
        {
            "cp310-cp310-win_amd64": "Requires-Dist: tomli; python_version < '3.11'\n",
            "cp311-cp311-win_amd64": "",
        },
    ],
)
def test_markers_explain_differences(tmp_path: Path, wheels: dict[str, str]) -> None:
    assert found(tmp_path, wheels) == []


@pytest.mark.parametrize(
    ("wheels", "place"),
    [
        ({LINUX: "", WINDOWS: "Requires-Dist: colorama\n"}, "Requires-Dist"),
        ({LINUX: ONLY_WINDOWS, WINDOWS: ""}, "Requires-Dist"),
        ({LINUX: "", WINDOWS: "Requires-Dist: a; sys_platform == 'linux'\n"}, "Requires-Dist"),
        ({LINUX: "", WINDOWS: "Requires-Dist: a; extra == 'x'\n"}, "Requires-Dist"),
        ({LINUX: "", WINDOWS: "Requires-Dist: a; platform_release == '10'\n"}, "Requires-Dist"),
        ({LINUX: "Requires-Dist: a>=1\n", WINDOWS: "Requires-Dist: a>=2\n"}, "Requires-Dist"),
        ({"cp310-cp310-win_amd64": "Requires-Dist: tomli\n", "cp311-cp311-win_amd64": ""}, "Requires-Dist"),
        ({LINUX: "Provides-Extra: x\n", WINDOWS: ""}, "Provides-Extra"),
        ({LINUX: "Requires-Python: >=3.9\n", WINDOWS: "Requires-Python: >=3.10\n"}, "Requires-Python"),
    ],
)
def test_other_differences_are_found(tmp_path: Path, wheels: dict[str, str], place: str) -> None:
    (text,) = found(tmp_path, wheels)
    assert text.startswith(f"METADATA: {place}: ") or text.startswith(f"{place}: ")


def test_each_wheel_is_reported_once_and_names_another(tmp_path: Path) -> None:
    texts = found(tmp_path, {MAC: "", LINUX: "", WINDOWS: "Requires-Dist: colorama\n"})
    assert len(texts) == 1
    assert "colorama" in texts[0] and f"demo-1.0-{MAC}.whl" in texts[0]


def test_labels_may_have_different_dependencies(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "dist", DOCUMENT)
    path = folder / "demo-1.0-py3-none-any.whl"
    path.unlink()
    write_wheel(path, metadata="Requires-Dist: six\n")
    assert find_problems([folder]) == []


def test_a_wheel_with_an_invalid_requirement_is_not_compared(tmp_path: Path) -> None:
    assert found(tmp_path, {LINUX: "", WINDOWS: "Requires-Dist: !\n"}) == []


def test_modules_of_labels_are_compared_for_the_same_machine_only(tmp_path: Path) -> None:
    def write(name: str, files: list[str]) -> None:
        def add(contents: dict[str, bytes]) -> None:
            contents.update(dict.fromkeys(files, b""))

        label = name.removesuffix(".whl").split("-")[5:]
        variant = patched(DOCUMENT, {"variants": {"null": None, "safe": None}}) if label else None
        added = [f"{file},sha256=a,0\n" for file in files]
        write_wheel(tmp_path / name, variant, members=add, rows=lambda rows: [*rows, *added])

    write("demo-1.0-py3-none-win_amd64.whl", [])
    write("demo-1.0-py3-none-manylinux_2_17_x86_64.whl", ["extra.py"])
    write("demo-1.0-py3-none-manylinux_2_28_x86_64-fast.whl", ["extra.py", "_speedups.so", "demo.libs/a.so"])
    paths = sorted(tmp_path.iterdir())
    assert "modules-differ" not in {finding.problem.code for finding in find_problems(paths)}
    write("demo-1.0-py3-none-manylinux_2_28_x86_64-fast.whl", ["more/__init__.py"])
    texts = [each.problem.text for each in find_problems(paths) if each.problem.code == "modules-differ"]
    assert [text.rpartition(": ")[2] for text in texts] == ["only one of them has extra, more"]


def test_top_level_modules_are_public_and_importable() -> None:
    paths = [
        "demo/__init__.py",
        "fast.cpython-313-x86_64-linux-gnu.so",
        "plain.py",
        "_private.py",
        "3e1__mypyc.cpython-313-darwin.so",
        "ab1__mypyc.cpython-313-darwin.so",
        "demo.libs/libx.so",
        "demo-1.0.dist-info/METADATA",
        "demo-1.0.data/purelib/moved/__init__.py",
        "demo-1.0.data/scripts/tool.py",
        "demo-1.0.data/data/share/config.py",
        "LICENSE.txt",
        "share/doc/index.html",
        "demo.pth",
    ]
    assert top_level_modules(paths, "demo-1.0") == {"demo", "fast", "plain", "moved"}
