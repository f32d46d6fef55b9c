"""The Python API as Markdown, from the source text of the public names: the same with every Python.

A docstring is plain text with `code`, *parameters* and doctests. The text of a constant is the comment above
it. What a docstring calls (internal) is left out: a method in its first line, a *field* or *parameter* behind
its name. Paragraphs with this word are left out, too.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from variant_backend import api

PACKAGE = Path(api.__file__).parent
WIDTH = 100
INTERNAL = "(internal)"

# The groups of the reference, and the public names in each, in the order of the page.
GROUPS = {
    "Errors": ("VariantError", "RequestError", "UnknownNameError", "Problem"),
    "Filenames": ("WheelFilename", "index_filename", "parse_index_filename"),
    "Properties, variants and labels": (
        *("Property", "Variant", "NULL_LABEL", "NULL_VARIANT", "check_label", "default_label"),
        "unknown_property",
    ),
    "Variant metadata": (
        *("VariantMetadata", "metadata_from_json", "metadata_from_dict", "metadata_from_table"),
        *("usable_from_json", "usable_from_dict", "merge_metadata", "combine_metadata"),
        *("conflicts_with_index", "Conflict", "read_wheel_metadata", "variant_of_wheel"),
    ),
    "Providers and plugins": (
        *("Provider", "PluginProvider", "BuildProvider", "StaticProvider", "BuiltinProvider"),
        *("UnusableProvider", "ask_plugin", "PluginAnswer", "PluginFeature"),
    ),
    "Supported values": (
        *("Supported", "supported_values", "Support", "Origin"),
        *("ABI_DEPENDENCY", "abi_dependencies", "abi_support"),
    ),
    "Ranking": (
        *("rank_wheels", "Verdict", "WheelKey", "FeatureRank", "ordered_labels"),
        *("unsupported_features", "why_better"),
    ),
    "Environment markers": (
        *("resolve_requirement", "resolve_requirements", "resolve_requirement_on_machine"),
    ),
    "Machines": ("detect_hardware", "read_hardware", "Hardware", "Detected"),
    "Making variants": ("make_variant", "Outcome"),
    "Making variants in a build backend": (
        *("wheel_variant", "variant_of_settings", "without_variant_settings", "WheelVariant"),
        *("ask_build_plugins", "validate_variant"),
    ),
}

# The guides and examples that show the names of a group.
GUIDES = {
    "Errors": "[Read metadata](../how-to/library.md#read-metadata), [rules](rules.md) with all codes",
    "Filenames": "[an index script](../../examples/index-script/README.md)",
    "Properties, variants and labels": "[glossary](glossary.md#variant)",
    "Variant metadata": (
        "[Read metadata](../how-to/library.md#read-metadata),"
        " [merge the metadata of wheels](../how-to/library.md#merge-the-metadata-of-wheels)"
    ),
    "Providers and plugins": "[Providers](providers.md), [run provider plugins](../how-to/plugins.md)",
    "Supported values": "[Rank the wheels of a release](../how-to/library.md#rank-the-wheels-of-a-release)",
    "Ranking": (
        "[Rank the wheels of a release](../how-to/library.md#rank-the-wheels-of-a-release),"
        " [a selection loop](../../examples/installer/README.md), [explain a selection](../how-to/explain.md)"
    ),
    "Environment markers": "[Decide environment markers](../how-to/library.md#decide-environment-markers)",
    "Machines": "[See what a machine supports](../how-to/hardware.md)",
    "Making variants": (
        "[Make a variant of a wheel](../how-to/library.md#make-a-variant-of-a-wheel),"
        " [convert existing wheels](../how-to/convert.md)"
    ),
    "Making variants in a build backend": (
        "[Make variants in your own build backend](../how-to/own-backend.md)"
    ),
}


class Module(NamedTuple):
    """The source of a module: its text, lines and definitions by name."""

    text: str
    lines: list[str]
    defined: dict[str, ast.stmt]


def api_parts() -> Iterator[str]:
    """Yield the parts of the page: a table of all names, then a section for each group."""
    rows = (f"| [{group}](#{_anchor(group)}) | {', '.join(map(_link, GROUPS[group]))} |" for group in GROUPS)
    yield "\n".join(["| group | names |", "| --- | --- |", *rows])
    for group, names in GROUPS.items():
        yield f"## {group}"
        yield textwrap.fill(f"See {GUIDES[group]}.", WIDTH, break_long_words=False, break_on_hyphens=False)
        for name in names:
            yield f"### {name}"
            yield from _described(name, *_definition(name))


@cache
def _modules() -> dict[str, str]:
    """Return the file of each public name, as the facade imports it."""
    statements = ast.walk(ast.parse((PACKAGE / "api.py").read_text("utf-8")))
    return {
        alias.name: f"{(statement.module or '').replace('.', '/')}.py"
        for statement in statements
        if isinstance(statement, ast.ImportFrom) and statement.level == 1
        for alias in statement.names
    }


@cache
def _module(path: str) -> Module:
    text = (PACKAGE / path).read_text("utf-8")
    return Module(
        text, text.splitlines(), {name: node for node in ast.parse(text).body for name in _names(node)}
    )


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _definition(name: str) -> tuple[Module, ast.stmt]:
    module = _module(_modules()[name])
    return module, module.defined[name]


def _described(name: str, module: Module, node: ast.stmt) -> Iterator[str]:
    """Yield what the page has below the heading of a public name."""
    if isinstance(node, ast.FunctionDef):
        yield _code(_signature(name, node, module))
        yield from _text(node, name)
    elif isinstance(node, ast.ClassDef):
        yield _code(_class_form(node, module))
        yield from _text(node, name)
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and _is_public(method):
                yield f"#### {name}.{method.name}"
                yield _code(_signature(method.name, method, module))
                yield from _text(method, name)
    else:
        yield _code(_source(node, module).replace(": TypeAlias", ""))
        if comment := _comment(node, module):
            yield _prose(comment, name)


def _is_public(method: ast.FunctionDef) -> bool:
    summary = (ast.get_docstring(method) or "").partition("\n\n")[0]
    return not method.name.startswith("_") and INTERNAL not in summary


def _internal_names(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    return {*re.findall(r"\*(\w+)\* \(internal\)", ast.get_docstring(node) or "")}


def _class_form(node: ast.ClassDef, module: Module) -> str:
    """Return a class with its public fields; an error has its constructor instead."""
    lines, hidden = [], _internal_names(node)
    for member in node.body:
        if isinstance(member, ast.AnnAssign) and not hidden & {*_names(member)}:
            lines.append(_source(member, module))
        elif isinstance(member, ast.FunctionDef) and member.name == "__init__":
            lines.append(_signature(member.name, member, module))
    head = f"class {node.name}({', '.join(map(ast.unparse, node.bases))})"
    return f"{head}:\n{textwrap.indent(chr(10).join(lines), '    ')}" if lines else head


def _signature(name: str, node: ast.FunctionDef, module: Module) -> str:
    """Return the signature of a function, a method or a property, on one line if it fits."""
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    result = _source(node.returns, module) if node.returns else "None"
    if "property" in decorators:
        return f"property {name}: {result}"
    hidden = {"self", "cls", *_internal_names(node)}
    parameters = [part for part in _parameters(node.args, module) if part.partition(":")[0] not in hidden]
    front = f"classmethod {name}" if "classmethod" in decorators else name
    line = f"{front}({', '.join(parameters)}) -> {result}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{front}(", *(f"    {part}," for part in parameters), f") -> {result}"])


def _parameters(arguments: ast.arguments, module: Module) -> Iterator[str]:
    given = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [*arguments.defaults]
    padded = [*[None] * (len(given) - len(defaults)), *defaults]
    for number, (argument, default) in enumerate(zip(given, padded, strict=True), start=1):
        yield _parameter(argument, default, module)
        if number == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg:
        yield f"*{_parameter(arguments.vararg, None, module)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default, module)


def _parameter(argument: ast.arg, default: ast.expr | None, module: Module) -> str:
    annotation = f": {_source(argument.annotation, module)}" if argument.annotation else ""
    if default is None:
        return f"{argument.arg}{annotation}"
    return f"{argument.arg}{annotation} = {_source(default, module)}"


def _source(node: ast.AST, module: Module) -> str:
    return textwrap.dedent(ast.get_source_segment(module.text, node) or "")


def _comment(node: ast.stmt, module: Module) -> str:
    """Return the text of the comment lines directly above a definition."""
    lines: list[str] = []
    for line in reversed(module.lines[: node.lineno - 1]):
        if not line.startswith("# "):
            break
        lines.insert(0, line.removeprefix("# "))
    return "\n".join(lines)


def _text(node: ast.FunctionDef | ast.ClassDef, own: str) -> Iterator[str]:
    """Yield the paragraphs of a docstring; doctests become blocks, without imports of public names."""
    for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
        if paragraph.startswith(">>> "):
            example = re.sub(r"^>>> from variant_backend\.api import .*\n", "", paragraph, flags=re.MULTILINE)
            yield _code(re.sub(r"(\n\.\.\.)? +# doctest: .*", "", example))
        elif paragraph and INTERNAL not in paragraph:
            yield _prose(paragraph, own)


def _prose(text: str, own: str) -> str:
    """Return a paragraph with links to other public names; a list keeps its lines."""
    linked = re.sub(r"(?<!`)`(\w+)([\w.]*)`(?!`)", lambda match: _link(match[1], match[2], own), text)
    linked = re.sub(r"``(.+?)``", r"`\1`", linked, flags=re.DOTALL)
    if linked.startswith("- "):
        return linked
    return textwrap.fill(linked, WIDTH, break_long_words=False, break_on_hyphens=False)


def _link(name: str, attribute: str = "", own: str = "") -> str:
    is_known = name in api.__all__ and name != own
    return f"[`{name}{attribute}`](#{_anchor(name)})" if is_known else f"`{name}{attribute}`"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _code(text: str) -> str:
    return f"```python\n{text}\n```"
