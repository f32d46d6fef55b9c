"""What only some systems have is used behind a question which system this is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import variant_backend

PACKAGE = Path(variant_backend.__file__).parent
TREES = {
    path.relative_to(PACKAGE).as_posix().removeprefix("_internal/"): ast.parse(path.read_text("utf-8"))
    for path in PACKAGE.rglob("*.py")
}

# Names that Windows lacks, or also macOS. mypy knows more: `dev.py lint` runs it for each system.
POSIX = {
    "os": """
        EX_OK O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC O_TMPFILE ST_RDONLY
        WEXITSTATUS WIFEXITED WIFSIGNALED WNOHANG chown chroot copy_file_range ctermid eventfd
        fchmod fchown fdatasync fork forkpty fpathconf fstatvfs getegid geteuid getgid getgroups
        getloadavg getpgid getpgrp getsid getuid killpg lchown link lockf login_tty major makedev
        memfd_create minor mkfifo mknod nice openpty pathconf pipe2 posix_fadvise posix_fallocate
        posix_spawn pread preadv pwrite pwritev register_at_fork sched_getaffinity sendfile
        set_blocking setgid setpgid setpriority setsid setuid splice statvfs symlink sync sysconf
        tcgetpgrp tcsetpgrp uname wait wait3 wait4 waitid waitpid
        """,
    "signal": "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 alarm",
    "socket": "AF_UNIX SO_REUSEPORT",
    "time": "clock_gettime tzset",
    "select": "epoll kqueue poll",
}
NAMES = {module: set(re.findall(r"\w+", names)) for module, names in POSIX.items()}
MODULES = {"crypt", "curses", "fcntl", "grp", "msvcrt", "nis", "pty", "pwd", "readline", "resource", "syslog"}
MODULES |= {"termios", "tty", "winreg", "_winapi", "colorama"}
# Arguments of `subprocess` that only POSIX, or only Windows, accepts.
ARGUMENTS = {"preexec_fn", "pass_fds", "start_new_session", "process_group", "umask", "startupinfo"}
QUESTIONS = ("sys.platform", "hasattr(", "getattr(", "host.system", "facts.platform", "windows")


def parents_of(tree: ast.Module) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def is_guarded(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Return whether a question decides about a node: around it, or before it in its function."""
    line = getattr(node, "lineno", 0)
    while (above := parents.get(node)) is not None:
        if isinstance(above, ast.If | ast.IfExp | ast.BoolOp) and asks(getattr(above, "test", above)):
            return True
        if isinstance(above, ast.FunctionDef) and any(
            isinstance(part, ast.If) and part.lineno < line and asks(part.test) and ends(part)
            for part in above.body
        ):
            return True
        if isinstance(above, ast.Try) and any("ImportError" in ast.unparse(part) for part in above.handlers):
            return True
        if isinstance(above, ast.With) and "ImportError" in ast.unparse(above.items[0]):
            return True
        node = above
    return False


def asks(test: ast.AST) -> bool:
    return any(question in ast.unparse(test) for question in QUESTIONS)


def ends(part: ast.If) -> bool:
    return isinstance(part.body[-1], ast.Return | ast.Raise)


def uses(module: str) -> Iterator[str]:
    """Yield the unguarded uses in a module."""
    tree = TREES[module]
    parents = parents_of(tree)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in NAMES.get(node.value.id, ()):
                names = [f"{node.value.id}.{node.attr}"]
        elif isinstance(node, ast.Import):
            names = [f"import {alias.name}" for alias in node.names if alias.name in MODULES]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"import {node.module}"] if node.module in MODULES else []
            names += [
                f"{node.module}.{alias.name}"
                for alias in node.names
                if alias.name in NAMES.get(node.module or "", ())
            ]
        elif isinstance(node, ast.keyword) and node.arg in ARGUMENTS:
            names = [f"{node.arg}="]
        if names and not is_guarded(node, parents):
            yield from (f"{module}: {name}" for name in names)


def test_calls_of_one_system_are_behind_a_question() -> None:
    assert [use for module in TREES for use in uses(module)] == []


# Text files whose encoding is that of this machine, or whose line ends may be.
ENCODINGS = {
    "machine/installer_settings.py": "pip reads its configuration in the encoding of the machine",
    "running/tool_variables.py": "pip reads its configuration in the encoding of the machine",
}


def test_text_files_have_a_stated_encoding() -> None:
    missing = set()
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            is_encoded = any(keyword.arg == "encoding" for keyword in node.keywords)
            has_text = name == "write_text" or (name == "open" and opens_text(node))
            if has_text and not is_encoded:
                missing.add(module)
    assert missing == set(ENCODINGS)


def opens_text(node: ast.Call) -> bool:
    modes = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    return any(isinstance(mode, str) and set(mode) <= set("rwax+t") and mode for mode in modes)


# Windows replaces no open file: `workspace.move_over` waits for a moment, and says what to do.
RENAMES = {
    "wheels/plain.py": "a downloaded wheel in a private folder gets another name",
    "serving/disk_cache.py": "a folder, and another process may be faster",
    "dispatching/hook_results.py": "a private folder",
}


def test_files_get_their_names_in_one_place() -> None:
    renaming = set()
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_path = len(node.args) == 1 and not node.keywords  # texts have two
                is_module = ast.unparse(node.func.value) in ("os", "shutil")
                if node.func.attr in ("rename", "replace", "move") and (is_path or is_module):
                    renaming.add(module)
    assert renaming == set(RENAMES)


# `shell_words` has the quotes of both kinds of shells.
QUOTES = {
    "lowlevel/shell_words.py": "has `quoted`",
    "graphs/requirement_lines.py": "pip reads options in requirements files so on each system",
    "building/_ask_setuptools.py": "setuptools reads compiler flags so on each system",
    "publishing/install_commands.py": "pages are for people on other machines",
}


def test_commands_are_quoted_in_one_place() -> None:
    assert {module for module, tree in TREES.items() if "shlex" in ast.unparse(tree)} == set(QUOTES)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("os.fork()", True),
        ("import fcntl", True),
        ("from os import pread", True),
        ("subprocess.run([], pass_fds=[1])", True),
        ("if sys.platform != 'win32':\n    os.fork()", False),
        ("def f():\n    if sys.platform == 'win32':\n        return\n    os.fork()", False),
        ("try:\n    import fcntl\nexcept ImportError:\n    pass", False),
        ("os.getgroups() if hasattr(os, 'getgroups') else []", False),
    ],
)
def test_this_test_finds_unguarded_uses(monkeypatch: pytest.MonkeyPatch, text: str, is_found: bool) -> None:
    monkeypatch.setitem(TREES, "x", ast.parse(text))
    assert bool([*uses("x")]) == is_found
