"""A path that names no wheel is explained, and following the remedy cures the error."""

from __future__ import annotations

import errno
import io
import shlex
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers.conversion import convert
from helpers.made_wheels import make_wheel
from helpers.programs import run

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.cli.options import expanded
from variant_backend._internal.wheels.wrong_files import missing_problem

NAME = "demo-1.0-py3-none-any.whl"
VARIANT = "demo-1.0-py3-none-any-v3.whl"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="paths of Windows are right there")

# A build backend in the sdist itself, so that building it needs no index.
BACKEND = """
import base64, hashlib, zipfile

METADATA = "Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        rows = "demo-1.0.dist-info/RECORD,,\\n"
        for path, text in {"METADATA": METADATA, "WHEEL": WHEEL}.items():
            path = f"demo-1.0.dist-info/{path}"
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().strip("=")
            rows += f"{path},sha256={digest},{len(text)}\\n"
        archive.writestr("demo-1.0.dist-info/RECORD", rows)
    return name
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: object) -> str:
    """Run a command that takes wheels, and return its error message, or nothing if it succeeds."""
    command, *rest = map(str, arguments)
    if command == "make-variant":
        result = CliRunner().invoke(
            make_variant_command, [*rest, "--property", "x86_64::level::v3", "--force"]
        )
    else:
        result = CliRunner().invoke(main, [command, *rest, *(["--force"] if command == "unmake" else [])])
    assert bool(result.exit_code) == ("error" in result.output)
    return result.output if result.exit_code else ""


def converted(path: object) -> str:
    return invoke("make-variant", path)


def remedy_of(error: str, prefix: str) -> str:
    """Return the words after the first words of a remedy, as the shell splits them."""
    (text,) = (line.partition(f"; {prefix}")[2] for line in error.splitlines() if f"; {prefix}" in line)
    return shlex.split(text)[0]


COMMANDS = {"make-variant": NAME, "unmake": VARIANT, "inspect": NAME, "upgrade": NAME, "check": NAME}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_file_gets_the_nearest_name(folder: Path, command: str) -> None:
    make_wheel(folder / "dist")
    convert(folder / "dist" / NAME, folder / "dist")
    name = COMMANDS[command]
    error = invoke(command, Path("dist", name.replace("demo", "dmo")))
    assert f"file not found (did you mean {name!r}?)" in error
    assert invoke(command, Path("dist", name)) == ""


def test_a_missing_folder_gets_the_nearest_name(folder: Path) -> None:
    make_wheel(folder / "dist")
    assert converted(f"dits/{NAME}").endswith("folder 'dits' not found (did you mean 'dist'?)\n")
    assert converted("dist/*.tar").endswith("no file matches this pattern; give the path of a wheel\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_quoted_pattern_is_expanded(folder: Path, command: str) -> None:
    wheel = convert(make_wheel(folder / "dist"), folder / "dist")
    if command == "make-variant":
        wheel.unlink()
    else:
        (folder / "dist" / NAME).unlink()
    assert invoke(command, "dist/*.whl") == ""
    assert "no file matches this pattern" in invoke(command, "dist/*.zip")


def test_files_of_a_pattern_are_sorted_and_an_existing_name_stays(folder: Path) -> None:
    for name in ("b1.whl", "a1.whl", "[ab]1.whl"):
        (folder / name).touch()
    context, parameter = click.Context(make_variant_command), make_variant_command.params[0]
    texts = expanded(context, parameter, ["?1.whl", "[ab]1.whl", "c*.whl"])
    assert texts == ("a1.whl", "b1.whl", "[ab]1.whl", "c*.whl")


def test_a_file_is_suggested_among_many(folder: Path) -> None:
    for number in range(300):
        (folder / f"other{number}-1.0-py3-none-any.whl").touch()
    make_wheel(folder)
    assert f"(did you mean {NAME!r}?)" in converted(NAME.replace("1.0", "10"))


@pytest.mark.parametrize("command", ["make-variant", "unmake", "inspect", "upgrade"])
def test_an_sdist_is_built_by_the_command_in_the_message(folder: Path, command: str) -> None:
    sdist = folder / "my files" / "demo-1.0.tar.gz"
    sdist.parent.mkdir()
    metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
    with tarfile.open(sdist, "w:gz") as archive:
        for name, text in {"pyproject.toml": PROJECT, "backend.py": BACKEND, "PKG-INFO": metadata}.items():
            info = tarfile.TarInfo(f"demo-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    error = invoke(command, sdist)
    assert "demo-1.0.tar.gz: is an sdist, expected" in error
    if command == "make-variant":
        arguments = shlex.split(error.partition("build a wheel from it: ")[2])
        run(*arguments, "--no-index", cwd=folder)
        assert converted(NAME) == ""


@pytest.mark.parametrize("command", ["make-variant", "unmake", "inspect", "upgrade"])
def test_a_folder_for_a_wheel_gets_the_wheels_in_it(folder: Path, command: str) -> None:
    convert(make_wheel(folder / "my dist"), folder / "variants")
    for name in ("my dist", "variants"):
        error = invoke(command, f"{name}/")
        assert f"error: {name}: is a folder, expected " in error
        pattern = remedy_of(error, "give the wheels in it: ")
        (wheel,) = folder.glob(pattern)
    assert invoke(command, wheel) == ""
    assert "error: .: is a folder, expected " in invoke(command, ".")


def test_a_folder_named_as_a_wheel_is_a_folder(folder: Path) -> None:
    (folder / NAME).mkdir()
    assert f"error: {NAME}: is a folder, expected a wheel; give the path of a wheel\n" in converted(NAME)
    (folder / "source").mkdir()
    (folder / "source" / "pyproject.toml").write_text(PROJECT)
    (folder / "source" / "backend.py").write_text(BACKEND)
    arguments = shlex.split(converted("source").partition("build a wheel from it: ")[2])
    (folder / NAME).rmdir()
    run(*arguments, "--no-index", cwd=folder)
    assert converted(NAME) == ""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "an empty file"),
        (b"hello\nworld\n", "text: 'hello'"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "the bytes 7f 45 4c 46 02 01 01 00"),
        (b"\n<!DOCTYPE html><title>404</title>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_not_a_zip_archive_is_described(
    folder: Path, command: str, content: bytes, text: str
) -> None:
    (folder / COMMANDS[command]).write_bytes(content)
    assert f"expected a zip archive, got {text}; download " in invoke(command, COMMANDS[command])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mark", ["{} (1)", "{}(2)", "{} - Copy", "{} copy", "Copy of {}"])
def test_a_copy_is_renamed_as_the_message_says(folder: Path, command: str, mark: str) -> None:
    convert(make_wheel(folder), folder)
    name = COMMANDS[command]
    copy = (folder / name).rename(f"{mark.format(name.removesuffix('.whl'))}.whl")
    error = invoke(command, copy.name)
    assert (
        f"the name contains {mark.replace('{}', '')!r}, as names of copies do; rename it to {name}" in error
    )
    copy.rename(remedy_of(error, "rename it to "))
    assert invoke(command, name) == ""


@pytest.mark.parametrize("command", ["make-variant", "unmake"])
def test_no_other_kind_of_file_is_to_be_renamed(folder: Path, command: str) -> None:
    (folder / "pyproject.toml").touch()
    assert invoke(command, "pyproject.toml") == (
        "error: pyproject.toml: is not a wheel, expected a .whl file; give the path of a .whl file\n"
    )
    make_wheel(folder).rename(Path(NAME).with_suffix(".zip"))
    assert "invalid wheel filename; rename it to NAME-VERSION" in invoke(
        command, Path(NAME).with_suffix(".zip")
    )


def test_a_copy_beside_its_original_is_not_renamed(folder: Path) -> None:
    make_wheel(folder)
    copy = folder / NAME.replace(".whl", " (1).whl")
    copy.write_bytes((folder / NAME).read_bytes())
    assert f"; use {NAME} in the same folder, or replace that file with this one" in converted(copy)
    copy = copy.rename(f"{NAME}.1")
    assert "the name contains '.1', as names of copies do" in converted(copy)
    copy.replace(NAME)
    assert converted(NAME) == ""


@pytest.mark.parametrize("command", ["make-variant", "inspect", "upgrade", "check"])
def test_a_name_escaped_for_urls_is_renamed_as_the_message_says(folder: Path, command: str) -> None:
    wheel = make_wheel(folder, version="1.0+cpu")
    escaped = wheel.rename(wheel.name.replace("+", "%2B"))
    error = invoke(command, escaped.name)
    assert "the name contains '%2B', which means '+' in a URL; " in error
    escaped.rename(remedy_of(error, "rename it to "))
    assert invoke(command, wheel.name) == ""


@posix_only
@pytest.mark.parametrize("command", COMMANDS)
def test_a_home_folder_is_written_out(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    convert(make_wheel(folder), folder)
    error = invoke(command, f"~/{COMMANDS[command]}")
    assert "the shell did not expand '~'; write " in error
    assert invoke(command, remedy_of(error, "write ")) == ""
    assert "/missing.whl: file not found" in invoke("make-variant", "~/missing.whl")


@posix_only
@pytest.mark.parametrize("command", COMMANDS)
def test_a_windows_path_is_written_with_slashes(folder: Path, command: str) -> None:
    convert(make_wheel(folder / "dist"), folder / "dist")
    error = invoke(command, f"dist\\{COMMANDS[command]}")
    assert "is a Windows path, and this system is not Windows; write " in error
    assert invoke(command, remedy_of(error, "write ")) == ""
    assert "copy the file to this machine, and write its path with '/'" in invoke(command, f"C:\\{NAME}")


@pytest.mark.parametrize("command", COMMANDS)
def test_stdin_is_not_read(command: str) -> None:
    assert "reading from stdin is not supported; save the " in invoke(command, "-")


@pytest.mark.parametrize("command", ["make-variant", "unmake", "upgrade", "check"])
def test_a_url_for_a_path_names_the_commands_that_take_urls(folder: Path, command: str) -> None:
    scheme = "s3" if command == "check" else "https"  # it takes URLs of HTTP
    error = invoke(command, f"{scheme}://me:secret@example.org/files/{NAME}")
    assert "is a URL, expected the path of " in error
    assert (
        "; download the file, and give its path (inspect and index take URLs; check only those of HTTP)"
        in error
    )
    assert "secret" not in error
    convert(make_wheel(folder), folder)
    error = invoke(command, (folder / COMMANDS[command]).as_uri())
    assert invoke(command, remedy_of(error, "write the path: ")) == ""


def test_a_folder_without_access_is_not_reported_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> object:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)  # root may open every folder
    assert missing_problem(Path("closed") / NAME) is None


@posix_only
def test_paths_that_no_system_takes_are_reported(folder: Path) -> None:
    assert "File name too long" in converted(NAME.replace("demo", "d" * 300))
    (folder / NAME).symlink_to(NAME)
    assert "symbolic links" in converted(NAME)


INDEX: list[tuple[str, Callable[[Path], object], str]] = [
    ("{name}", lambda _: None, "is a file, expected a folder with wheels; give the folder that holds it: ."),
    ("dits", lambda folder: (folder / "dist").mkdir(), "folder not found (did you mean 'dist'?)"),
    ("-", lambda _: None, "reading from stdin is not supported"),
    ("no\\dist", lambda _: None, "is a Windows path"),
]


@posix_only
@pytest.mark.parametrize(("argument", "prepare", "text"), INDEX)
def test_index_explains_a_path_that_is_not_a_folder(
    folder: Path, argument: str, prepare: Callable[[Path], object], text: str
) -> None:
    convert(make_wheel(folder / "plain"), folder)
    prepare(folder)
    assert text in invoke("index", argument.format(name=VARIANT))
    assert invoke("index", ".") == ""
