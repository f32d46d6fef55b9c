"""The command that `run` starts: which tool it is, and which of its subcommands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath, PureWindowsPath
from typing import NamedTuple

# The tool that a program starts, and the subcommands that its name stands for.
_PROGRAMS: dict[str, tuple[str, ...]] = {
    "pip-compile": ("pip-tools", "compile"),
    "pip-sync": ("pip-tools", "sync"),
    "pyproject-build": ("build",),
    "uvx": ("uv", "tool", "run"),
    **{
        name: (name,)
        for name in ("pip", "uv", "pdm", "pipenv", "poetry", "tox", "nox", "hatch", "virtualenv")
    },
}
# The tool that `python -m MODULE` starts, if it has another name.
_MODULES = {"piptools": "pip-tools", "build": "build", "venv": "venv"}

# Options of Python itself that have a value.
_OF_PYTHON = {"-X", "-W", "--check-hash-based-pycs"}
# The options that have a value, by tool.
_WITH_VALUE = {
    "pip": """--abi --algorithm --build-constraint --cache-dir --cert --client-cert --config-settings
        --constraint --default-timeout --dest --destination-dir --destination-directory --editable --editor
        --exclude --exists-action --extra-index-url --find-links --format --group --implementation --index
        --index-url --keyring-provider --local-log --log --log-file --no-binary --only-binary --output --path
        --platform --prefix --progress-bar --proxy --pypi-url --python --python-version --refresh-package
        --report --requirement --requirements-from-script --resume-retries --retries --root
        --root-user-action --source --source-dir --source-directory --src --target --timeout --trusted-host
        --upgrade-strategy --uploaded-prior-to --use-deprecated --use-feature --wheel-dir
        -C -a -c -d -e -f -i -o -r -t -w""",
    "uv": """--allow-insecure-host --annotation-style --bounds --branch --build-constraints --cache-dir --cert
        --color --config-file --config-setting --config-settings-package --constraints --default-index
        --custom-compile-command --depth --directory --editable --env-file --exclude --exclude-newer
        --exclude-newer-package --excludes --extra --extra-index-url --find-links --fork-strategy --format
        --from --group --index --index-strategy --index-url --keyring-provider --link-mode --marker
        --no-binary --no-binary-package --no-build-isolation-package --no-build-package
        --no-editable-package --no-emit-package --no-extra --no-group --no-install-package
        --no-sources-package --only-binary --only-group --optional --out-dir --output-file --output-format
        --overrides --package --prefix --prerelease --prerelease-package --project --prompt --prune --python
        --python-platform --python-version --refresh-package --reinstall-package --requirements --resolution
        --rev --script --tag --target --torch-backend --upgrade-group --upgrade-package --with
        --with-editable --with-executables-from --with-requirements --constraint --override --requirement
        --build-constraint -C -P -b -c -d -e -f -i -m -o -p -r -t -w""",
    "pdm": """--config --config-setting --project --override --lockfile --skip --group --with --editable
        --log-file --venv -c -C -p -L -k -G -e""",
    "pipenv": """--pypi-mirror --python --extra-pip-args --resolver --categories --extras --index
        --requirements --editable --config-settings -i -r -e""",
    "poetry": "--project --directory --group --with --without --only --extras --source -P -C -G -E",
    "pip-tools": """--extra --find-links --index-url --extra-index-url --cert --client-cert --trusted-host
        --uploaded-prior-to --upgrade-package --output-file --max-rounds --cache-dir --pip-args
        --unsafe-package --config --constraint --python-executable --resolver -f -i -P -o -c""",
    "tox": """--conf --workdir --root --override --hashseed --discover --installpkg --result-json --skip-env
        --colored --result-retry -c -x -e -m -f""",
    "nox": """--envdir --report --script-venv-backend --usage --noxfile --keywords --session --sessions
        --tags --pythons --python --default-venv-backend --force-python -f -k -s -e -t -p -db -fp""",
    "hatch": "--env --project --data-dir --cache-dir --config -e -p",
    "build": """--outdir --sdist-extract-dir --report --config-setting --config-json --env-dir --installer
        --dependency-constraints-txt -o -C""",
    "virtualenv": """--app-data --python --extra-search-dir --pip --setuptools --wheel --prompt --creator
        --discovery --seeder --activators --try-first-with -p""",
    "venv": "--prompt",
}


class ToolCommand(NamedTuple):
    """A command as it is started: its *arguments*, the program first.

    *tool* is the name of a known tool, empty for another program. *options* are the arguments of the tool.
    *words* are those that are neither options nor their values: subcommands come first. *given* are the
    options in their order, each with its value, empty for a flag; they end at ``--``.
    """

    arguments: tuple[str, ...]
    tool: str = ""
    options: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    given: tuple[tuple[str, str], ...] = ()

    def values(self, *names: str) -> list[str]:
        """Return the values of options with one of these names, in the order given."""
        return [value for name, value in self.given if name in names]

    def subcommand(self, by_tool: Mapping[str, Iterable[tuple[str, ...]]]) -> tuple[str, ...] | None:
        """Return which of its tool's subcommands a command is, None if it is another one."""
        listed = by_tool.get(self.tool, ())
        return next((words for words in listed if self.words[: len(words)] == words), None)


def read_command(arguments: Sequence[str]) -> ToolCommand:
    """Return the tool that a command starts.

    >>> read_command(["python3.12", "-m", "pip", "--proxy", "p:1", "install", "-q", "torch"]).words
    ('install', 'torch')
    >>> read_command(["uvx", "--from=build", "pyproject-build"]).words
    ('tool', 'run', 'pyproject-build')
    """
    program = program_name(arguments[0])
    options = tuple(arguments[1:])
    if re.fullmatch(r"(python|pypy)[0-9.]*[tw]?|pyw?", program):
        module, options = _module(options)
        tool, *subcommands = _PROGRAMS.get(module, (_MODULES.get(module, ""),))
    else:
        tool, *subcommands = _PROGRAMS.get(re.sub(r"^pip[0-9.]+$", "pip", program), ("",))
    parts = [*_parts(options, {*_WITH_VALUE.get(tool, "").split()})]
    words = (*subcommands, *(value for name, value in parts if not name))
    given = tuple(part for part in parts if part[0])
    return ToolCommand(tuple(arguments), tool, options if tool else (), words if tool else (), given)


def program_name(argument: str) -> str:
    """Return the name of a program without its folder and, as on Windows, its suffix."""
    name = PurePath(argument).name
    return re.sub(r"\.(exe|cmd|bat)$", "", PureWindowsPath(name).name, flags=re.IGNORECASE)


def _module(options: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the module that Python runs, empty if it runs something else, and the module's arguments."""
    index = 0
    while index < len(options) and options[index].startswith("-"):
        option = options[index]
        if match := re.fullmatch(r"-[a-zA-Z]*?m(.*)", option):
            rest = options[index + 1 :]
            return (match[1], rest) if match[1] else (rest[0], rest[1:]) if rest else ("", ())
        if option.startswith("-c"):
            break
        index += 2 if option in _OF_PYTHON else 1
    return "", ()


def _parts(options: Sequence[str], with_value: set[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with its value, and each other argument with an empty name."""
    rest = iter(options)
    for option in rest:
        if option == "--":
            yield from (("", word) for word in rest)
        elif option.startswith("--"):
            name, equals, value = option.partition("=")
            yield name, next(rest, "") if not equals and name in with_value else value
        elif option.startswith("-") and option != "-":
            yield from _short(option, rest, with_value)
        else:
            yield "", option


def _short(option: str, rest: Iterator[str], with_value: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the options in an argument with one dash: ``-qr FILE``, ``-rFILE``."""
    if option in with_value:  # nox has options such as -db
        yield option, next(rest, "")
        return
    for index, letter in enumerate(option[1:], 2):
        name = f"-{letter}"
        if name in with_value:
            yield name, option[index:].removeprefix("=") or next(rest, "")
            return
        yield name, ""
