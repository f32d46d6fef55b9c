"""Texts with commands for terminals or CI services, and all inputs of commands that can have them.

Each row of the table `ROWS` has an input, a field of it, the files with a text in that field, and the
commands that read these files. Add a row for each new input and each new field.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from helpers.made_wheels import METADATA, WHEEL, record_row
from helpers.sample_release import DOCUMENT, patched

# Each text by its effect if it is printed unescaped.
TEXTS = {
    "sets the title": "\x1b]0;forged\x07",
    "clears the screen": "\x1b[2J\x1b[H",
    "replaces the line above": "\x1b[1A\x1b[2Kforged",
    "hides the following text": "\x1b[8m",
    "colors the following text": "\x1b[1;41m",
    "links elsewhere": "\x1b]8;;https://forged.example\x1b\\link\x1b]8;;\x1b\\",
    "fills the clipboard": "\x1b]52;c;Zm9yZ2Vk\x07",
    "resets the terminal": "\x1bc",
    "clears the screen by C1": "\x9b2J",
    "sets the title by C1": "\x9d0;forged\x9c",
    "rings": "\x07",
    "goes back": "safe\x08\x08\x08\x08evil",
    "replaces the line": "\rforged",
    "breaks the line as Windows does": "\r\n::error file=x::forged",
    "commands GitHub": "\n::error file=x::forged",
    "commands GitHub after white space": "\n \t::warning::forged",
    "commands Azure": "##[error]forged",
    "sets a variable on Azure": "##vso[task.setvariable variable=x]forged",
    "commands TeamCity": "##teamcity[message text='forged']",
    "is a vertical tab": "\x0b",
    "is a form feed": "\x0c",
    "separates files": "\x1c",
    "is a next line": "\x85",
    "is a line separator": "\u2028",
    "is a paragraph separator": "\u2029",
    "overrides the direction": "\u202egnp.exe",
    "isolates": "\u2066",
    "marks right to left": "\u200f",
    "marks Arabic": "\u061c",
    "has no width": "\u200b",
    "joins": "\u200d",
    "is a byte order mark": "\ufeff",
    "is deleted": "\x7f",
    "ends C strings": "\x00",
    "is a tag": "\U000e0041",
    "is a soft hyphen": "\xad",
    "is private": "\ue000",
    "is a tab": "\t",
}
# Commands cut texts at 2,000 characters or before. Alone, as editing TOML with such a key takes seconds.
LONG = "x" * 3_000
AT_START = "::error file=x::forged"  # a command of GitHub at the start of a line
HALF = "\ud800"  # half a surrogate pair, which JSON can escape
UNDECODABLE = "\udc9b"  # byte 9B in names of files and arguments
LONGEST_NAME = 150  # bytes in a name; file systems accept 255, including a suffix


def texts(
    without: str = "", *, longest: int = 0, more: Sequence[str] = (), at_start: str = AT_START
) -> list[str]:
    """Return all texts in batches of at most *longest* bytes, except texts with some characters.

    Each batch starts with a command of GitHub.
    """
    batches = [at_start]
    for each in (*TEXTS.values(), *more):
        if any(character in each for character in without) or (longest and len(each) > longest):
            continue
        joined = f"{batches[-1]}|{each}"
        if longest and len(joined.encode("utf-8", "surrogatepass")) > longest:
            batches.append(f"{at_start}|{each}")
        else:
            batches[-1] = joined
    return batches


class Kind(NamedTuple):
    """The texts that a field can have: without some characters, *more* texts, and *longest* bytes.

    Each of *without* makes batches of its own, as a character may end a field.
    """

    without: tuple[str, ...] = ("",)
    more: tuple[str, ...] = ()
    longest: int = 0

    def texts(self, longest: int = 0) -> list[str]:
        """Return the texts in batches, of at most *longest* bytes if it is given."""
        longest = longest or self.longest
        batches = (texts(each, longest=longest, more=self.more) for each in self.without)
        return [*dict.fromkeys(batch for its in batches for batch in its)]


STRING = Kind()  # of JSON or TOML, which can escape all characters
LINE = Kind(("\r\n", "\n"))  # of METADATA and the like
NAME = Kind(("/\0",), (UNDECODABLE,), LONGEST_NAME)  # of a file
ARGUMENT = Kind(("\0",), (UNDECODABLE,))  # of a command, or a variable
MEMBER = Kind(("\0",), longest=LONGEST_NAME)  # of a zip file
COMMENT = Kind(("".join(map(chr, [*range(9), *range(10, 32), 127])),))  # of TOML, which may have tabs

Files = Mapping[str, bytes]
NOTHING: Files = MappingProxyType({})


class Row(NamedTuple):
    """A *field* of an *input*: the *files* with it, and the *commands* that read them.

    In a command, ``OUT`` is a missing folder, ``URL`` the URL of a server, and a word with ``*`` all files
    that match. *pages* are complete answers of the server, by path. *variables* are set for the commands.
    """

    input: str
    field: str
    files: Callable[[str], Files]
    commands: Sequence[str]
    kind: Kind = STRING
    pages: Callable[[str], Mapping[str, bytes]] = lambda _: {}
    variables: Callable[[str], Mapping[str, str]] = lambda _: {}

    def __str__(self) -> str:
        return f"{self.input}: {self.field}"


# Wheels.

FAST = "demo-1.0-py3-none-any-fast.whl"
SAFE = "demo-1.0-py3-none-any-safe.whl"
PLAIN = "demo-1.0-py3-none-any.whl"
INDEX = "demo-1.0-variants.json"
SOUND: dict[str, Any] = patched(DOCUMENT, {"variants": {"null": None}})


def dumped(document: Any) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def labelled(document: Any, label: str) -> Any:
    """Return the part of a document that a wheel has: without the other label."""
    if not isinstance(document, dict) or not isinstance(document.get("variants"), dict):
        return document
    other = {"fast": "safe", "safe": "fast"}[label]
    variants = {key: value for key, value in document["variants"].items() if key != other}
    return {**document, "variants": variants}


def dist_info(document: Any = None, metadata: bytes = b"", files: Files = NOTHING) -> dict[str, bytes]:
    """Return the files of a dist-info folder, without RECORD."""
    head, _, body = METADATA.format(name="demo", version="1.0").encode().partition(b"\n\n")
    return {
        "METADATA": head + b"\n" + metadata + b"\n\n" + body if metadata else head + b"\n\n" + body,
        "WHEEL": WHEEL.encode(),
        **({} if document is None else {"variant.json": dumped(document)}),
        **files,
    }


def archived(inner: Files, members: Files = NOTHING, rows: str = "", comment: bytes = b"") -> bytes:
    """Return a wheel with a dist-info folder, and more members and rows of RECORD."""
    contents = {"demo.py": b"", **{f"demo-1.0.dist-info/{name}": each for name, each in inner.items()}}
    contents.update(members)
    record = "".join(record_row(name, each) for name, each in contents.items())
    contents["demo-1.0.dist-info/RECORD"] = f"{record}{rows}demo-1.0.dist-info/RECORD,,\n".encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = comment
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10)), content)
    return file.getvalue()


def laid_out(inner: Mapping[str | None, Files], index: Any = SOUND, **more: Any) -> dict[str, bytes]:
    """Return wheels, their release with its index file, and the installed files of one wheel."""
    names = {"fast": FAST, "safe": SAFE, None: PLAIN}
    wheels = {names[label]: archived(each, **more) for label, each in inner.items()}
    return {
        **{f"wheels/{name}": content for name, content in wheels.items()},
        **{f"release/{name}": content for name, content in wheels.items()},
        f"release/{INDEX}": dumped(index),
        **{f"site/demo-1.0.dist-info/{name}": content for name, content in inner["fast"].items()},
    }


def release(
    document: Any = SOUND, metadata: bytes = b"", files: Files = NOTHING, **more: Any
) -> dict[str, bytes]:
    """Return all files with a variant.json, METADATA and further files of dist-info."""
    inner: dict[str | None, Files] = {None: dist_info(None, metadata, files)}
    for label in ("fast", "safe"):
        inner[label] = dist_info(labelled(document, label), metadata, files)
    return laid_out(inner, **more)


def sound_release(index: Any = SOUND) -> dict[str, bytes]:
    """Return a valid release with an index file."""
    inner: dict[str | None, Files] = {None: dist_info()}
    for label in ("fast", "safe"):
        inner[label] = dist_info(labelled(SOUND, label))
    return laid_out(inner, index)


WHEEL_COMMANDS = (
    "check wheels",
    "check --format github wheels",
    "check --json wheels",
    "check release",
    "inspect wheels/*.whl",
    "inspect --json wheels/*.whl",
    "index wheels -o OUT",
    "index wheels -o OUT --json",
    "index wheels -o OUT --simple",
    "index wheels -o OUT --check",
    "make-variant wheels/*fast.whl -o OUT",
    "make-variant wheels/*fast.whl -o OUT --json",
    "make-variant wheels/*any.whl -o OUT -p speed::mode::safe -l safe --static speed::mode::fast,safe",
    "mend wheels/*.whl -o OUT",
    "unmake wheels/*.whl -o OUT",
    "retire old wheels/*fast.whl -o OUT",
    "unmake wheels/*fast.whl -o OUT --json",
    "unmake wheels/*fast.whl -o OUT --keep-metadata",
    "upgrade wheels/*.whl -o OUT",
    "upgrade wheels/*.whl -o OUT --json",
    "explain demo --find-links release --installer uv",
    "fetch demo#fast --find-links release -o OUT",
    "fetch demo --find-links release -o OUT --plain --json",
    "stub release --base-url https://example.org -o OUT",
    "installed --path site",
    "installed --path site --check --align speed --supported speed::mode::x",
    "installed --path site --json",
    "state --path site",
    "state --path site --json",
    "inspect demo --path site",
    "explain demo --find-links release --path site --align speed",
)
INDEX_COMMANDS = (
    "check release",
    "check --format github release",
    "explain demo --find-links release",
    "explain demo --find-links release --why-not safe --installer uv",
    "explain demo --find-links release --json",
    "fetch demo --find-links release -o OUT",
    "fetch demo#safe --find-links release --pylock pylock.OUT.toml",
    "stub release --base-url https://example.org -o OUT",
    "index release",
    "index release --check",
    f"index wheels --merge release/{INDEX} -o OUT",
    f"upgrade release/{INDEX}",
    f"upgrade release/{INDEX} --dry-run",
    f"upgrade release/{INDEX} -o OUT",
    f"upgrade release/{INDEX} --json",
)

FIELDS_OF_METADATA = (
    "Metadata-Version",
    "Name",
    "Version",
    "Summary",
    "Requires-Dist",
    "Requires-Python",
    "Provides-Extra",
    "Dynamic",
    "License",
    "License-File",
    "Classifier",
    "Project-URL",
    "Keywords",
    "Author-Email",
    "Description-Content-Type",
)
# Requirements that are valid except for a text in them.
REQUIREMENTS = {
    "URL": "other @ https://example.org/{}",
    "version": "other == {}",
    "extra": "other; extra == '{}'",
    "property": "other; 'speed :: mode :: {}' in variant_properties",
    "name": "{}",
}


def metadata_field(name: str) -> Callable[[str], Files]:
    """Return a function that replaces a field of METADATA by a text."""

    def files(text: str) -> Files:
        line = f"{name}: {text}".encode()
        sound = dist_info()["METADATA"]
        if any(each.startswith(f"{name}:".encode()) for each in sound.splitlines()):
            kept = [each for each in sound.split(b"\n") if not each.startswith(f"{name}:".encode())]
            return release(files={"METADATA": b"\n".join([line, *kept])})
        return release(metadata=line)

    return files


def in_metadata(form: str) -> Callable[[str], Files]:
    return lambda text: release(metadata=form.replace("{}", text).encode())


def in_file(name: str, form: str) -> Callable[[str], Files]:
    return lambda text: release(files={name: form.replace("{}", text).encode()})


def folded(files: Callable[[str], Files]) -> Callable[[str], Files]:
    """Return a function that folds a text over several lines of METADATA."""
    return lambda text: files(text.replace("\n", "\n "))


def wheel_rows() -> Iterator[Row]:
    """Yield the rows of the content of wheels, except variant.json."""
    for name in FIELDS_OF_METADATA:
        yield Row("METADATA", name, metadata_field(name), WHEEL_COMMANDS, LINE)
    for name in ("Name", "Requires-Dist", "Requires-Python"):
        yield Row("METADATA", f"{name}, folded", folded(metadata_field(name)), WHEEL_COMMANDS)
    for name, form in REQUIREMENTS.items():
        yield Row(
            "METADATA", f"requirement, {name}", in_metadata(f"Requires-Dist: {form}"), WHEEL_COMMANDS, LINE
        )
    yield Row("METADATA", "name of a field", in_metadata("{}: x"), WHEEL_COMMANDS, LINE)
    yield Row("METADATA", "line without a field", in_metadata("Summary: x\n{}"), WHEEL_COMMANDS)
    yield Row("METADATA", "description", in_metadata("Summary: x\n\n{}"), WHEEL_COMMANDS)
    for name in ("Tag", "Wheel-Version", "Root-Is-Purelib", "Build"):
        yield Row("WHEEL", name, in_file("WHEEL", f"{WHEEL}{name}: {{}}\n"), WHEEL_COMMANDS, LINE)
    yield Row("WHEEL", "line", in_file("WHEEL", f"{WHEEL}{{}}"), WHEEL_COMMANDS)
    for name, form in {"path": '"{}",,\n', "hash": 'x.py,"{}",1\n', "size": 'x.py,,"{}"\n'}.items():
        yield Row(
            "RECORD",
            name,
            lambda text, form=form: release(rows=form.replace("{}", text.replace('"', '""'))),  # type: ignore[misc]
            WHEEL_COMMANDS,
        )
    for name, form in {
        "section": "[{}]\n",
        "name": "[a]\n{} = x\n",
        "value": "[console_scripts]\na = {}\n",
    }.items():
        yield Row("entry_points.txt", name, in_file("entry_points.txt", form), WHEEL_COMMANDS, LINE)
    yield Row("zip file", "comment", lambda text: release(comment=text.encode()), WHEEL_COMMANDS)
    for name, form in {
        "member": "{}",
        "member of a folder": "demo/{}.py",
        "file of dist-info": "demo-1.0.dist-info/{}",
        "another dist-info": "{}-1.0.dist-info/METADATA",
        "folder of data": "demo-1.0.data/{}/x",
        "another folder of data": "{}-1.0.data/x",
    }.items():
        yield Row(
            "zip file",
            name,
            lambda text, form=form: release(members={form.replace("{}", text): b""}),  # type: ignore[misc]
            WHEEL_COMMANDS,
            MEMBER,
        )


# Documents: variant.json, index files, and the same in other files.

FAST_ONLY = SOUND["variants"]["fast"]
DOCUMENT_FIELDS: dict[str, Callable[[str], Any]] = {
    "$schema": lambda text: {"$schema": text},
    "key": lambda text: {text: 1},
    "key of default-priorities": lambda text: {"default-priorities": {text: []}},
    "namespace": lambda text: {"default-priorities": {"namespace": ["speed", text]}},
    "namespace of a provider": lambda text: {"providers": {text: {"static-properties": {"a": ["b"]}}}},
    "key of a provider": lambda text: {"providers": {"speed": {text: 1}}},
    "requires": lambda text: {"providers": {"speed": {"static-properties": None, "requires": [text]}}},
    "plugin-api": lambda text: {
        "providers": {"speed": {"static-properties": None, "requires": ["x"], "plugin-api": text}}
    },
    "builtin": lambda text: {"providers": {"speed": {"static-properties": None, "builtin": text}}},
    "optional": lambda text: {"providers": {"speed": {"optional": text}}},
    "feature of a provider": lambda text: {"providers": {"speed": {"static-properties": {text: ["x"]}}}},
    "value of a provider": lambda text: {
        "providers": {"speed": {"static-properties": {"mode": ["fast", "safe", text]}}}
    },
    "feature-order": lambda text: {"providers": {"speed": {"feature-order": ["mode", text]}}},
    "label": lambda text: {"variants": {text: FAST_ONLY}},
    "namespace of a variant": lambda text: {"variants": {"fast": {text: {"mode": ["fast"]}}}},
    "feature of a variant": lambda text: {"variants": {"fast": {"speed": {text: ["fast"]}}}},
    "value of a variant": lambda text: {"variants": {"fast": {"speed": {"mode": ["fast", text]}}}},
    "type of a list": lambda text: {"variants": {"fast": {"speed": {"mode": text}}}},
}
# Forms of older drafts that `upgrade` knows.
OLD = {"$schema": "https://variants-schema.wheelnext.dev/v0.0.3.json"}
OLD_FIELDS: dict[str, Callable[[str], Any]] = {
    "enable-if": lambda text: {
        **OLD,
        "providers": {"speed": {"static-properties": None, "requires": ["x"], "enable-if": text}},
    },
    "plugin-use": lambda text: {**OLD, "providers": {"speed": {"plugin-use": text}}},
    "requires, not at install time": lambda text: {
        **OLD,
        "providers": {"speed": {"static-properties": None, "requires": [text], "install-time": False}},
        "static-properties": {"speed": {"mode": ["fast", "safe"]}},
    },
    "requires of a known plugin": lambda text: {
        **OLD,
        "default-priorities": {"namespace": ["speed", "nvidia"]},
        "providers": {"nvidia": {"requires": ["nvidia-variant-provider"], "plugin-api": text}},
    },
    "priorities of features": lambda text: {**OLD, "default-priorities": {"feature": {"speed": [text]}}},
    "priorities of properties": lambda text: {
        **OLD,
        "default-priorities": {"property": {"speed": {"mode": [text]}}},
    },
    "namespace of priorities": lambda text: {**OLD, "default-priorities": {"feature": {text: ["mode"]}}},
    "static-properties, namespace": lambda text: {**OLD, "static-properties": {text: {"mode": ["fast"]}}},
    "static-properties, value": lambda text: {**OLD, "static-properties": {"speed": {"mode": [text]}}},
}
# Documents that are not patches of the valid one.
RAW_DOCUMENTS: dict[str, Callable[[str], bytes]] = {
    "duplicate key": lambda text: f"{{{json.dumps(text)}: 1, {json.dumps(text)}: 2}}".encode(),
    "text": lambda text: json.dumps(text).encode(),
    "invalid JSON": lambda text: text.encode("utf-8", "surrogatepass"),
    "half a surrogate pair": lambda text: json.dumps({text: HALF, HALF: text}).encode(),
}


def documents() -> dict[str, Callable[[str], Any]]:
    """Return functions that make a document with a text, by field."""

    def patching(patch: Callable[[str], Any]) -> Callable[[str], Any]:
        return lambda text: patched(SOUND, patch(text))

    fields = {**DOCUMENT_FIELDS, **{f"old form, {name}": each for name, each in OLD_FIELDS.items()}}
    return {**{name: patching(patch) for name, patch in fields.items()}, **RAW_DOCUMENTS}


def document_rows() -> Iterator[Row]:
    """Yield the rows of variant.json and of index files."""
    for name, make in documents().items():
        yield Row("variant.json", name, lambda text, make=make: release(make(text)), WHEEL_COMMANDS)  # type: ignore[misc]
        yield Row("index file", name, lambda text, make=make: sound_release(make(text)), INDEX_COMMANDS)  # type: ignore[misc]


# Names of files in the current folder.

HERE = {name.partition("/")[2]: content for name, content in sound_release().items() if "release/" in name}
NAME_COMMANDS = (
    "check .",
    "check --format github .",
    "check --json .",
    "index .",
    "index . --check",
    "index . --simple -o OUT",
    "index . --json",
    "explain demo --find-links . --all",
    "explain --find-links .",
    "fetch demo --find-links . -o OUT",
    "stub . --base-url https://example.org -o OUT",
)
NAMED_COMMANDS = (
    *NAME_COMMANDS,
    "check *.whl",
    "check --format github *.whl",
    "inspect *.whl",
    "inspect --json *.whl",
    "make-variant *.whl -o OUT",
    "make-variant *.whl -o OUT --json",
    "make-variant *.whl -o OUT --null",
    "mend *.whl -o OUT --identity metadata",
    "unmake *.whl -o OUT",
    "unmake *.whl -o OUT --json",
    "upgrade *.whl -o OUT",
    "upgrade *.whl --in-place",
)
WHEEL_NAMES = {
    "name": "{}-1.0-py3-none-any-fast.whl",
    "version": "demo-{}-py3-none-any-fast.whl",
    "local version": "demo-1.0+{}-py3-none-any-fast.whl",
    "build number": "demo-1.0-1{}-py3-none-any-fast.whl",
    "build number of a plain wheel": "demo-1.0-1{}-py3-none-any.whl",
    "tag": "demo-1.0-py3.{}-none-any-fast.whl",
    "platform": "demo-1.0-py3-none-{}.whl",
    "label": "demo-1.0-py3-none-any-{}.whl",
    "everything": "{}.whl",
}
OTHER_NAMES = {
    "index file, name": "{}-1.0-variants.json",
    "index file, version": "demo-{}-variants.json",
    "index file, both": "{}-variants.json",
    "sdist": "{}-1.0.tar.gz",
    "sdist, version": "demo-{}.tar.gz",
    "side file": "demo-1.0-py3-none-any.whl.{}.metadata",
    "folder with a wheel's name": "{}.whl/x",
}
FOLDER_COMMANDS = (
    "check *.d",
    "check --format github *.d",
    "inspect *.d/*.whl",
    "index *.d",
    "index *.d --check",
    "index *.d --simple",
    "index *.d --json",
    "make-variant *.d/*fast.whl -o *.d --force",
    "make-variant *.d/*any.whl --null",
    "unmake *.d/*fast.whl --force",
    "upgrade *.d/*fast.whl",
    "explain demo --find-links *.d --installer uv",
    "explain nothing --find-links *.d",
    "fetch demo --find-links *.d -o OUT",
    "fetch demo --find-links *.d --pylock *.d/pylock.toml",
    "stub *.d --base-url https://example.org -o *.d",
    "installed --path *.d",
    "state --path *.d",
    "installed --path *.d --check --supported speed::mode::x",
    "inspect demo --path *.d",
    "inspect nothing --path *.d",
    "init *.d",
    "init *.d --undo",
    "build *.d --label nothing",
    "upgrade *.d/pyproject.toml --in-place",
    "hardware --machine *.d/hardware.toml",
    "hardware --machine *.d",
    "hardware -o *.d/x.json",
    "fetch --pylock *.d/pylock.toml -o OUT",
    "providers list --interpreter *.d",
)
IN_FOLDER = {
    **HERE,
    **{name.removeprefix("site/"): each for name, each in release().items() if name.startswith("site/")},
    "hardware.toml": b'[speed.features]\nmode = ["fast"]\n',
}


def name_rows() -> Iterator[Row]:
    """Yield the rows of names of files and folders."""
    for name, form in WHEEL_NAMES.items():
        yield Row(
            "wheel's name",
            name,
            lambda text, form=form: {**HERE, form.replace("{}", text): HERE[FAST]},  # type: ignore[misc]
            NAMED_COMMANDS,
            NAME,
        )
    for name, form in OTHER_NAMES.items():
        yield Row(
            "file's name",
            name,
            lambda text, form=form: {**HERE, form.replace("{}", text): HERE[INDEX]},  # type: ignore[misc]
            NAME_COMMANDS,
            NAME,
        )
    yield Row(
        "file's name",
        "folder",
        lambda text: {
            **{f"{text}.d/{name}": content for name, content in IN_FOLDER.items()},
            f"{text}.d/pyproject.toml": toml(PROJECT),
        },
        FOLDER_COMMANDS,
        NAME,
    )
    yield Row(
        "file's name",
        "installed distribution",
        lambda text: {f"site/{text}-1.0.dist-info/{name}": each for name, each in dist_info(SOUND).items()},
        (
            "installed --path site",
            "installed --path site --check --align speed",
            "inspect demo --path site",
            "state --path site",
        ),
        NAME,
    )


# TOML: project files, lock files, machine files, the user's configuration.


def toml_value(value: Any) -> str:
    """Return a value as TOML; characters outside ASCII and control characters are escaped."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml_value(key)} = {toml_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, str):
        plain = (
            each if " " <= each <= "~" and each not in '"\\' else f"\\U{ord(each):08x}" for each in value
        )
        return f'"{"".join(plain)}"'
    return json.dumps(value)


def toml(table: Mapping[str, Any], *above: str) -> bytes:
    """Return a table as TOML, with headers for its subtables."""
    keys = {key: value for key, value in table.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    head = f"[{'.'.join(map(toml_value, above))}]\n" if above else ""
    lines = "".join(f"{toml_value(key)} = {toml_value(value)}\n" for key, value in keys.items())
    own = f"{head}{lines}\n".encode() if keys or not tables else b""
    return own + b"".join(toml(value, *above, key) for key, value in tables.items())


PROJECT: dict[str, Any] = {
    "build-system": {"requires": ["flit_core"], "build-backend": "flit_core.buildapi"},
    "project": {"name": "demo", "version": "1.0"},
    "variant": {key: value for key, value in SOUND.items() if key != "$schema"},
    "tool": {"variant-backend": {"variants": {"fast": {"match": {"name": "demo"}}}}},
}
WRAPPED = patched(
    PROJECT,
    {
        "build-system": {"build-backend": "variant_backend.hooks"},
        "tool": {"variant-backend": {"build-backend": "flit_core.buildapi"}},
    },
)
PROJECT_COMMANDS = (
    "check pyproject.toml",
    "check --format github pyproject.toml",
    "check --json pyproject.toml",
    "init",
    "init --dry-run --label safe",
    "init --undo --dry-run",
    "init --dry-run --label new -p speed::mode::fast",
    "make-variant *.whl -l fast -o OUT",
    "make-variant *.whl -o OUT",
    "make-variant *.whl -o OUT --json -l fast",
    "upgrade pyproject.toml",
    "upgrade pyproject.toml --dry-run",
    "build --label nothing",
)


def of_tool(patch: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: {"tool": {"variant-backend": patch(text)}}


def of_label(patch: Callable[[str], Any]) -> Callable[[str], Any]:
    return of_tool(lambda text: {"variants": {"fast": patch(text)}})


def of_document(patch: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: {"variant": patch(text)}


PROJECT_FIELDS: dict[str, Callable[[str], Any]] = {
    "key": lambda text: {text: 1},
    "project.name": lambda text: {"project": {"name": text}},
    "build-system, key": lambda text: {"build-system": {text: 1}},
    "build-system.requires": lambda text: {"build-system": {"requires": [text]}},
    "build-system.build-backend": lambda text: {"build-system": {"build-backend": text}},
    "build-system.backend-path": lambda text: {"build-system": {"backend-path": [text]}},
    "[variant] build-requires": lambda text: {
        "variant": {"providers": {"speed": {"static-properties": None, "build-requires": [text]}}}
    },
    **{f"[variant] {name}": of_document(patch) for name, patch in DOCUMENT_FIELDS.items()},
    **{f"[variant] old form, {name}": of_document(patch) for name, patch in OLD_FIELDS.items()},
    "tool, key": of_tool(lambda text: {text: 1}),
    "tool, build-backend": of_tool(lambda text: {"build-backend": text}),
    "tool, backend-path": of_tool(lambda text: {"build-backend": "x", "backend-path": [text]}),
    "tool, dependencies": of_tool(lambda text: {"dependencies": [text]}),
    "tool, dependency on a URL": of_tool(lambda text: {"dependencies": [f"x @ https://example.org/{text}"]}),
    "tool, dependency under an extra": of_tool(lambda text: {"dependencies": [f"x; extra == '{text}'"]}),
    "tool, dependency with a marker": of_tool(
        lambda text: {"markers": "keep", "dependencies": [f"x; '{text}' in variant_properties"]}
    ),
    "tool, remove-dependencies": of_tool(lambda text: {"remove-dependencies": [text]}),
    "tool, name": of_tool(lambda text: {"name": text}),
    "tool, markers": of_tool(lambda text: {"markers": text}),
    "tool, plugins": of_tool(lambda text: {"plugins": text}),
    "tool, strip-local-version": of_tool(lambda text: {"strip-local-version": text}),
    "tool, label": of_tool(lambda text: {"variants": {text: {}}}),
    "tool, label with a match": of_tool(lambda text: {"variants": {text: {"match": {"name": "demo"}}}}),
    "label, key": of_label(lambda text: {text: 1}),
    "label, match, key": of_label(lambda text: {"match": {text: "*"}}),
    "label, match": of_label(lambda text: {"match": {"version": text}}),
    "label, match, bracket": of_label(lambda text: {"match": {"version": f"{text}["}}),
    "label, env, name": of_label(lambda text: {"env": {text: "x"}}),
    "label, env, wrong type": of_label(lambda text: {"env": {text: 1}}),
    "label, env": of_label(lambda text: {"env": {"X": text}}),
    "label, env-append": of_label(lambda text: {"env-append": {text: text}}),
    "label, config-settings": of_label(lambda text: {"config-settings": {text: [text, 1]}}),
    "label, build-requires": of_label(lambda text: {"build-requires": [text]}),
    "label, abi-dependency": of_label(lambda text: {"abi-dependency": [text]}),
    "label, dependencies": of_label(lambda text: {"dependencies": [text]}),
}
RAW_PROJECTS: dict[str, tuple[Callable[[str], bytes], Kind]] = {
    "comment": (lambda text: toml(PROJECT).replace(b"\n", f" # {text}\n".encode()), COMMENT),
    "comment, doubled": (lambda text: toml(PROJECT).replace(b"\n", f" #{text}\n".encode()), COMMENT),
    "line of a text": (
        lambda text: toml(PROJECT).replace(b"]\n", f"]\nx = '''\n{text}\n'''\n".encode()),
        Kind(("".join(map(chr, [*range(9), *range(11, 32), 127])) + "'",)),
    ),
    "invalid TOML": (lambda text: toml(PROJECT) + text.encode("utf-8", "surrogatepass"), STRING),
    "no value": (lambda text: f"x = {text}".encode(), STRING),
    "duplicate key": (
        lambda text: f"{toml_value(text)} = 1\n{toml_value(text)} = 2\n".encode() + toml(PROJECT),
        STRING,
    ),
    "key of two kinds": (
        lambda text: f"[{toml_value(text)}]\n[x]\n[{toml_value(text)}]\n".encode() + toml(PROJECT),
        STRING,
    ),
}


def project_rows() -> Iterator[Row]:
    """Yield the rows of project files."""
    wheel = {PLAIN: HERE[PLAIN]}
    for name, patch in PROJECT_FIELDS.items():
        for state, sound in (("", PROJECT), (", wrapped", WRAPPED)):
            if state and not name.startswith(("build-system", "tool, build", "tool, backend", "tool, dep")):
                continue
            yield Row(
                f"pyproject.toml{state}",
                name,
                lambda text, patch=patch, sound=sound: {  # type: ignore[misc]
                    **wheel,
                    "pyproject.toml": toml(patched(sound, patch(text))),
                },
                PROJECT_COMMANDS,
            )
    for name, (make, kind) in RAW_PROJECTS.items():
        yield Row(
            "pyproject.toml",
            name,
            lambda text, make=make: {**wheel, "pyproject.toml": make(text)},  # type: ignore[misc]
            PROJECT_COMMANDS,
            kind,
        )


HARDWARE: dict[str, Any] = {"speed": {"source": "x", "features": {"mode": ["fast", "safe"]}}}
HARDWARE_FIELDS: dict[str, Callable[[str], Any]] = {
    "namespace": lambda text: {text: {"features": {"a": ["b"]}}},
    "key": lambda text: {"speed": {text: 1}},
    "source": lambda text: {"speed": {"source": text}},
    "source, wrong type": lambda text: {"speed": {"source": [text]}},
    "feature": lambda text: {"speed": {"features": {text: ["x"]}}},
    "value": lambda text: {"speed": {"features": {"mode": [text]}}},
    "feature-order": lambda text: {"speed": {"feature-order": [text]}},
    "table": lambda text: {"speed": text},
}
HARDWARE_COMMANDS = (
    "hardware --machine hardware.*",
    "hardware --machine hardware.* --json",
    "hardware --machine hardware.* --toml",
    "state --path site --machine hardware.*",
    "hardware --machine hardware.* -o OUT.toml",
    "explain demo --find-links release --machine hardware.*",
    "explain demo --find-links release --machine hardware.* --json",
    "fetch demo --find-links release --machine hardware.* -o OUT",
    "stub release --base-url https://example.org --machine hardware.* -o OUT",
    "installed --path site --machine hardware.* --check",
)
# The reader refuses control characters there, so these texts have only other characters.
SHOWN = Kind(("".join(map(chr, [*range(32), *range(127, 160)])),))


def hardware_file(form: str, machine: Any) -> bytes:
    table = {"version": 1, "machine": machine}
    return dumped(table) if form == "json" else toml(table)


def hardware_rows() -> Iterator[Row]:
    """Yield the rows of machine files."""
    for name, patch in HARDWARE_FIELDS.items():
        for form in ("json", "toml"):
            yield Row(
                f"hardware.{form}",
                name,
                lambda text, patch=patch, form=form: {  # type: ignore[misc]
                    **sound_release(),
                    f"hardware.{form}": hardware_file(form, patched(HARDWARE, patch(text))),
                },
                HARDWARE_COMMANDS,
            )
    yield Row(
        "hardware.json",
        "source without control characters",
        lambda text: {
            **sound_release(),
            "hardware.json": hardware_file("json", patched(HARDWARE, {"speed": {"source": text}})),
        },
        HARDWARE_COMMANDS,
        SHOWN,
    )
    for name, table in {
        "version": lambda text: {"version": text, "machine": HARDWARE},
        "namespace at the top level": lambda text: {text: HARDWARE["speed"]},
    }.items():
        yield Row(
            "hardware.json",
            name,
            lambda text, table=table: {**sound_release(), "hardware.json": dumped(table(text))},  # type: ignore[misc]
            HARDWARE_COMMANDS,
        )
    for name, make in RAW_DOCUMENTS.items():
        yield Row(
            "hardware.json",
            name,
            lambda text, make=make: {**sound_release(), "hardware.json": make(text)},  # type: ignore[misc]
            HARDWARE_COMMANDS,
        )


def lock_file(patch: Any = None, package: Any = None, wheel: Any = None) -> bytes:
    """Return a lock file of the release in this folder, with up to three patches."""
    import hashlib

    entry = {"name": FAST, "path": f"release/{FAST}", "size": len(HERE[FAST])}
    entry["hashes"] = {"sha256": hashlib.sha256(HERE[FAST]).hexdigest()}
    listed = {
        "name": "demo",
        "version": "1.0",
        "wheels": [patched(entry, wheel or {})],
        "variants-json": labelled(SOUND, "fast"),
    }
    lock = {"lock-version": "1.0", "created-by": "test", "packages": [patched(listed, package or {})]}
    return toml(patched(lock, patch or {}))


def of_own(patch: Callable[[str], Any]) -> Callable[[str], bytes]:
    return lambda text: lock_file(package={"tool": {"variant-backend": patch(text)}})


LOCK_FIELDS: dict[str, Callable[[str], bytes]] = {
    "key": lambda text: lock_file({text: 1}),
    "lock-version": lambda text: lock_file({"lock-version": text}),
    "created-by": lambda text: lock_file({"created-by": text}),
    "requires-python": lambda text: lock_file({"requires-python": text}),
    "environments": lambda text: lock_file({"environments": [text]}),
    "extras": lambda text: lock_file({"extras": [text]}),
    "package, key": lambda text: lock_file(package={text: 1}),
    "package, name": lambda text: lock_file(package={"name": text}),
    "package, version": lambda text: lock_file(package={"version": text}),
    "package, marker": lambda text: lock_file(package={"marker": text}),
    "package, marker, value": lambda text: lock_file(package={"marker": f"os_name == '{text}'"}),
    "package, requires-python": lambda text: lock_file(package={"requires-python": text}),
    "package, index": lambda text: lock_file(package={"index": text}),
    "package, sdist": lambda text: lock_file(
        package={"wheels": None, "sdist": {"name": text, "url": text, "hashes": {"sha256": "0" * 64}}}
    ),
    "package, nothing to fetch": lambda text: lock_file(
        package={"wheels": None, "name": "demo", "directory": {"path": text}}
    ),
    "wheel, key": lambda text: lock_file(wheel={text: 1}),
    "wheel, name": lambda text: lock_file(wheel={"name": text}),
    "wheel, label": lambda text: lock_file(wheel={"name": f"demo-1.0-py3-none-any-{text}.whl"}),
    "wheel, path": lambda text: lock_file(wheel={"path": text}),
    "wheel, URL": lambda text: lock_file(wheel={"path": None, "url": text}),
    "wheel, host": lambda text: lock_file(wheel={"path": None, "url": f"http://{text}/{FAST}"}),
    "wheel, scheme": lambda text: lock_file(wheel={"path": None, "url": f"ftp://example.org/{text}/{FAST}"}),
    "wheel, algorithm": lambda text: lock_file(wheel={"hashes": {text: "0"}}),
    "wheel, hash": lambda text: lock_file(wheel={"hashes": {"sha256": text}}),
    "tool, key": of_own(lambda text: {text: 1}),
    "tool, hosts": of_own(lambda text: {"hosts": [text]}),
    "tool, requires-python": of_own(lambda text: {"requires-python": {FAST: text, text: text}}),
    "tool, core-metadata": of_own(lambda text: {"core-metadata": {FAST: {"sha256": text, text: 1}}}),
    "invalid TOML": lambda text: text.encode(),
}
CONFIG_FIELDS: dict[str, Callable[[str], bytes]] = {
    "key": lambda text: toml({text: 1}),
    "trust-plugins": lambda text: toml({"trust-plugins": [text]}),
    "plugin-installer": lambda text: toml({"plugin-installer": text}),
    "policy": lambda text: toml({"policy": {"prefer": [text], "limit": [text], text: 1}}),
    "plain": lambda text: toml({"policy": {"plain": [text]}}),
    "machine": lambda text: toml({"machine": text}),
    "sources": lambda text: toml({"find-links": [text], "index-url": [text]}),
    "detect": lambda text: toml({"detect": [text]}),
    "invalid TOML": lambda text: text.encode(),
}
USED_CONFIG = (
    "explain demo --find-links release",
    "fetch demo --find-links release -o OUT",
    "state --path site",
)


OVERLAY: dict[str, Any] = {
    "names": ["demo"],
    "variant": {"default-priorities": {"namespace": ["nvidia"]}, "variants": {}},
    "variants": {"null": {"match": {"python": "py3"}}},
}
OVERLAY_FIELDS: dict[str, Callable[[str], Any]] = {
    "key": lambda text: {text: 1},
    "names": lambda text: {"names": ["demo", text]},
    "versions": lambda text: {"versions": text},
    "index-urls": lambda text: {"index-urls": [text]},
    "namespace": lambda text: {"variant": {"default-priorities": {"namespace": [text]}}},
    "feature": lambda text: {"variant": {"variants": {"fast": {"nvidia": {text: ["1"]}}}}},
    "value": lambda text: {"variant": {"variants": {"fast": {"nvidia": {"sm_arch": [text]}}}}},
    "label": lambda text: {"variants": {text: {"match": {"python": "*"}}}},
    "part of match": lambda text: {"variants": {"null": {"match": {text: "*"}}}},
    "glob": lambda text: {"variants": {"null": {"match": {"python": text, "index": text}}}},
    "project": lambda text: {"variants": {"null": {"match": None, "project": text}}},
}
USED_OVERLAY = (
    "explain demo --find-links wheels --overlay overlay.toml",
    "fetch demo --find-links wheels --overlay overlay.toml -o OUT --json",
    "run --find-links wheels --overlay overlay.toml --dry-run pip install demo",
)


def overlay_rows() -> Iterator[Row]:
    for name, change in OVERLAY_FIELDS.items():
        yield Row(
            "overlay.toml",
            name,
            lambda text, change=change: {  # type: ignore[misc]
                **laid_out({None: dist_info(), "fast": dist_info(labelled(SOUND, "fast"))}),
                "overlay.toml": toml({"projects": [patched(OVERLAY, change(text))]}),
            },
            USED_OVERLAY,
        )


def other_rows() -> Iterator[Row]:
    """Yield the rows of lock files, the user's configuration and variables."""
    used = ("fetch --pylock pylock.toml -o OUT", "fetch --pylock pylock.toml -o OUT --json")
    fields = {
        **LOCK_FIELDS,
        **{
            f"variants, {name}": lambda text, patch=patch: lock_file(package={"variants-json": patch(text)})  # type: ignore[misc]
            for name, patch in DOCUMENT_FIELDS.items()
        },
    }
    for name, make in fields.items():
        yield Row(
            "pylock.toml",
            name,
            lambda text, make=make: {**sound_release(), "pylock.toml": make(text)},  # type: ignore[misc]
            used,
        )
    for name, make in CONFIG_FIELDS.items():
        yield Row(
            "config.toml",
            name,
            lambda text, make=make: {**sound_release(), "config/variant-backend/config.toml": make(text)},  # type: ignore[misc]
            USED_CONFIG,
        )
    build = "make-variant release/*any.whl --null -o OUT"
    stub = "stub release --base-url https://example.org -o OUT"
    for name, commands in {
        "SOURCE_DATE_EPOCH": (build, stub, "upgrade release/*.whl -o OUT"),
        "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": ("hardware", "hardware --json", *USED_CONFIG),
        "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": ("hardware", "hardware --toml", "state --as-env"),
        "TPU_VARIANT_PROVIDER_FORCE_PRESENT": ("hardware", "hardware --toml", "state --as-env"),
        "XDG_CONFIG_HOME": USED_CONFIG,
        "NETRC": ("explain demo --index-url URL", "inspect URL/secret/"),
        "http_proxy": ("explain demo --index-url http://example.invalid/",),
        "COLUMNS": ("inspect release/*.whl", *USED_CONFIG),
        "TMPDIR": (stub, build),
        "PYTHONPATH": ("installed",),
        "CUDA_HOME": ("state --path site", "state --path site --json"),
    }.items():
        yield Row(
            "variable",
            name,
            lambda _: sound_release(),
            commands,
            ARGUMENT,
            pages=lambda _: {"/secret/": answer(b"", status="401 Unauthorized")},
            variables=lambda text, name=name: {name: text},  # type: ignore[misc]
        )


# Answers of servers.

PAGE_COMMANDS = (
    "explain demo --index-url URL",
    "explain demo --index-url URL --all --installer uv",
    "explain demo --index-url URL --json",
    "fetch demo --index-url URL -o OUT",
    "fetch demo#fast --index-url URL --pylock pylock.OUT.toml",
    "stub URL --package demo -o OUT",
    "inspect URL/demo/",
    "index URL/demo/ -o OUT",
)
ROOT_COMMANDS = ("inspect URL", "index URL -o OUT", "inspect --json URL")
SERVER_COMMANDS = (*PAGE_COMMANDS, f"inspect URL/demo/{FAST}", f"index URL/demo/{FAST} -o OUT")
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


def answer(body: bytes, *, kind: str = "text/html", status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer of a server with arbitrary bytes in its head."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def linked(attributes: str = "", href: str = FAST, more: str = "", text: str = "x") -> bytes:
    """Return an HTML page with two valid links, and one more."""
    links = [f'<a href="{name}">{name}</a>' for name in (SAFE, INDEX)]
    own = f'<a href="{href}" {attributes}>{text}</a>'
    return f"<!DOCTYPE html><html><head>{more}</head><body>{own}{''.join(links)}</body></html>".encode()


def escaped(text: str) -> str:
    """Return a text escaped for an attribute of HTML."""
    return "".join(f"&#{ord(each)};" if each in "\"'<>&" else each for each in text)


def quoted(text: str) -> str:
    """Return a text quoted for a part of a path."""
    from urllib.parse import quote

    return quote(text.encode("utf-8", "surrogateescape"), safe="")


def listed(patch: Any = None, file: Any = None) -> bytes:
    """Return a JSON page whose first file is patched."""
    files = [{"filename": name, "url": name, "hashes": {}} for name in (FAST, SAFE, INDEX)]
    files[0] = patched(files[0], file or {})
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "files": files}
    return json.dumps(patched(page, patch or {})).encode()


HTML_FIELDS: dict[str, Callable[[str], bytes]] = {
    "href, name": lambda text: linked(href=f"{quoted(text)}.whl"),
    "href, label": lambda text: linked(href=f"demo-1.0-py3-none-any-{quoted(text)}.whl"),
    "href, build number": lambda text: linked(href=f"demo-1.0-1{quoted(text)}-py3-none-any-fast.whl"),
    "href, tag": lambda text: linked(href=f"demo-1.0-py3-none-{quoted(text)}-fast.whl"),
    "href, version": lambda text: linked(href=f"demo-{quoted(text)}-py3-none-any-fast.whl"),
    "href, index file": lambda text: linked(href=f"demo-{quoted(text)}-variants.json"),
    "href, folder": lambda text: linked(href=f"{quoted(text)}/{FAST}"),
    "href, raw folder": lambda text: linked(href=f"{escaped(text)}/{FAST}"),
    "href, host": lambda text: linked(href=f"http://{escaped(text)}/{FAST}"),
    "href, query": lambda text: linked(href=f"{FAST}?{escaped(text)}"),
    "href, hash": lambda text: linked(href=f"{FAST}#sha256={escaped(text)}"),
    "href, address": lambda text: linked(href=f"http://[{escaped(text)}]/{FAST}"),
    "data-requires-python": lambda text: linked(f'data-requires-python="{escaped(text)}"'),
    "data-yanked": lambda text: linked(f'data-yanked="{escaped(text)}"'),
    "data-core-metadata": lambda text: linked(f'data-core-metadata="sha256={escaped(text)}"'),
    "text of a link": lambda text: linked(text=escaped(text)),
    "base": lambda text: linked(more=f'<base href="{escaped(text)[:1000]}">'),
    "version": lambda text: linked(more=f'<meta name="pypi:repository-version" content="{escaped(text)}">'),
    "declaration": lambda text: f"<!{text}".encode() + linked() + b"<![",
}
JSON_FIELDS: dict[str, Callable[[str], bytes]] = {
    "key": lambda text: listed({text: 1}),
    "name": lambda text: listed({"name": text}),
    "version": lambda text: listed({"meta": {"api-version": text}}),
    "files": lambda text: listed({"files": text}),
    "file, key": lambda text: listed(file={text: 1}),
    "file, filename": lambda text: listed(file={"filename": text}),
    "file, label": lambda text: listed(file={"filename": f"demo-1.0-py3-none-any-{text}.whl"}),
    "file, build number": lambda text: listed(file={"filename": f"demo-1.0-1{text}-py3-none-any-fast.whl"}),
    "file, tag": lambda text: listed(file={"filename": f"demo-1.0-py3-none-{text}-fast.whl"}),
    "file, index file": lambda text: listed(file={"filename": f"demo-{text}-variants.json"}),
    "file, URL": lambda text: listed(file={"url": text}),
    "file, address": lambda text: listed(file={"url": f"http://[{text}]/x"}),
    "file, host": lambda text: listed(file={"url": f"http://{text}/x"}),
    "file, algorithm": lambda text: listed(file={"hashes": {text: 1}}),
    "file, hash": lambda text: listed(file={"hashes": {"sha256": text}}),
    "file, requires-python": lambda text: listed(file={"requires-python": text}),
    "file, yanked": lambda text: listed(file={"yanked": text}),
    "file, core-metadata": lambda text: listed(file={"core-metadata": {"sha256": text, text: 1}}),
    "file, size": lambda text: listed(file={"size": text}),
    **RAW_DOCUMENTS,
}
ROOT_FIELDS: dict[str, Callable[[str], bytes]] = {
    "project, link": lambda text: answer(f'<a href="{quoted(text)}/">x</a>'.encode()),
    "project, JSON": lambda text: answer(
        json.dumps({"meta": {"api-version": "1.0"}, "projects": [{"name": text}]}).encode(), kind=SIMPLE_JSON
    ),
    "project, key": lambda text: answer(
        json.dumps({"meta": {"api-version": "1.0"}, "projects": [{text: 1}]}).encode(), kind=SIMPLE_JSON
    ),
    "wheel": lambda text: answer(f'<a href="{quoted(text)}.whl">x</a>'.encode()),
    "wheel, label": lambda text: answer(f'<a href="demo-1.0-py3-none-any-{quoted(text)}.whl">x</a>'.encode()),
}
HEADER = Kind(("\r\n\0",), (UNDECODABLE,))
ANSWERS: dict[str, Callable[[str], bytes]] = {
    "reason of 500": lambda text: answer(b"", status=f"500 {text}"),
    "reason of 403": lambda text: answer(b"", status=f"403 {text}"),
    "reason of 404": lambda text: answer(b"", status=f"404 {text}"),
    "status": lambda text: answer(b"", status=text),
    "first line": lambda text: f"{text}\r\n\r\n".encode("utf-8", "surrogateescape"),
    "body of 500": lambda text: answer(text.encode("utf-8", "surrogateescape"), status="500 Broken"),
    "media type": lambda text: answer(linked(), kind=text),
    "encoding": lambda text: answer(linked(), Content_Encoding=text),
    "length": lambda text: answer(linked(), Transfer_Encoding=text),
    "range": lambda text: answer(b"x", status="206 Partial", Content_Range=text),
    "redirect, path": lambda text: answer(b"", status="302 Found", Location=f"/{text}"),
    "redirect, raw": lambda text: answer(b"", status="302 Found", Location=text),
    "redirect, host": lambda text: answer(b"", status="302 Found", Location=f"https://{text}/x"),
    "redirect, other host": lambda text: answer(
        b"", status="302 Found", Location=f"https://example.org/{text}"
    ),
    "redirect, scheme": lambda text: answer(b"", status="302 Found", Location=f"ftp://example.org/{text}"),
    "redirect, port": lambda text: answer(b"", status="302 Found", Location=f"https://example.org:{text}/"),
    "header": lambda text: answer(linked(), **{text: "x"}),
}


def served_page(make: Callable[[str], bytes], kind: str) -> Callable[[str], Mapping[str, bytes]]:
    return lambda text: {"/demo/": answer(make(text), kind=kind)}


def page_rows() -> Iterator[Row]:
    """Yield the rows of pages and of other answers of servers."""
    for kind, fields in (("text/html", HTML_FIELDS), (SIMPLE_JSON, JSON_FIELDS)):
        for name, make in fields.items():
            yield Row(
                f"page of {'HTML' if 'html' in kind else 'JSON'}",
                name,
                lambda _: {},
                PAGE_COMMANDS,
                pages=served_page(make, kind),
            )
    for name, make in ROOT_FIELDS.items():
        yield Row(
            "page of projects",
            name,
            lambda _: {},
            ROOT_COMMANDS,
            pages=lambda text, make=make: {"/": make(text)},  # type: ignore[misc]
        )
    for name, make in ANSWERS.items():
        yield Row(
            "server",
            name,
            lambda _: {},
            SERVER_COMMANDS,
            HEADER,
            pages=lambda text, make=make: {"/demo/": make(text), f"/demo/{FAST}": make(text)},  # type: ignore[misc]
        )


ROWS = [
    *wheel_rows(),
    *document_rows(),
    *name_rows(),
    *project_rows(),
    *hardware_rows(),
    *overlay_rows(),
    *other_rows(),
    *page_rows(),
]
