"""Read ``[variant]`` and ``[tool.variant-backend]`` of a project file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import MOST_SHOWN, Problem, VariantError, did_you_mean
from ..formats.toml_read import read_toml
from ..lowlevel.shell_words import quoted
from ..variants.metadata import VariantMetadata
from ..variants.validation import Document
from .recipe import Recipe
from .recipe_reading import COMMON_KEYS, read_recipes

PROJECT_FILE = Path("pyproject.toml")

_HOOKS = "variant_backend.hooks"
_NAME = "variant-backend"
_TOOL = f"tool.{_NAME}"
_IGNORE = "use --ignore not-wrapped"
POLICY_TABLE = f"{_TOOL}.policy"
_KEYS = ("build-backend", "backend-path", *COMMON_KEYS, "plugins", "policy")
# A table [tool.variant] with one of these keys is not that of another tool.
_VARIANT_KEYS = {"default-priorities", "providers", "variants"}
# "varient", "variants" and "variant_backend" are near; names of other tools are not.
_NEAR = 0.85
_PLUGINS = ("off", "validate")


class Project(NamedTuple):
    """The variants, the recipes and the wrapped build backend of a project file.

    *metadata* is None if there is no ``[variant]`` table. *build_backend* and *backend_path* have the form of
    the same keys of ``[build-system]`` (PEP 517). *common* is the recipe of labels that are not in *recipes*.
    If *validates* is true, plugins validate a variant's properties.
    """

    metadata: VariantMetadata | None
    build_backend: str | None
    backend_path: tuple[str, ...]
    common: Recipe = Recipe()
    recipes: Mapping[str, Recipe] = {}
    validates: bool = False

    def recipe(self, label: str) -> Recipe:
        """Return the recipe of a label."""
        return self.recipes.get(label, self.common)

    @classmethod
    def load(cls, path: Path, *, variants: bool = True) -> Project:
        """Read a pyproject.toml; without *variants*, only the wrapped backend.

        Raises VariantError with every problem.
        """
        document = Document()
        project = cls.parse(document, read_toml(path), variants=variants)
        document.check(path)
        return project

    @classmethod
    def parse(cls, document: Document, data: Mapping[str, object], *, variants: bool = True) -> Project:
        """Read the parsed content of a pyproject.toml as `load` reads the file.

        Problems are added to the *document*, and the values with problems are left out.
        """
        for problem in misspelt_tables(data, variants=variants):
            document.add(problem)
        metadata = labels = None
        if variants:
            metadata, labels = _read_variants(document, data)
        tools = document.table(data.get("tool", {}), "tool")
        table = document.table(tools.get("variant-backend", {}), _TOOL, _KEYS)
        backend = _read_backend(document, table)
        if not variants:
            return cls(metadata, *backend)
        common, recipes = read_recipes(document, table, _TOOL, labels)
        _check_flags(document, recipes, metadata, backend[0])
        plugins = document.choice(table.get("plugins", "off"), f"{_TOOL}.plugins", _PLUGINS)
        _check_policy(document, table)
        return cls(metadata, *backend, common, recipes, plugins == "validate")


def _check_policy(document: Document, table: Mapping[str, object]) -> None:
    """Note the problems of the project's own policy, which selections read by themselves."""
    if "policy" in table:
        from ..variants.policy import read_policy  # few projects have one

        read_policy(document, table["policy"], POLICY_TABLE, str(PROJECT_FILE), is_project=True)


def misspelt_tables(data: Mapping[str, object], *, variants: bool = True) -> list[Problem]:
    """Return a problem for each table whose name is a misspelt ``[variant]`` or ``[tool.variant-backend]``.

    Without *variants*, only for the latter, and only if the right table is missing.
    """
    problems = _near_tables(data, "variant", "") if variants else []
    tools = data.get("tool")
    tools = tools if isinstance(tools, dict) else {}
    if variants or _NAME not in tools:
        problems += _near_tables(tools, _NAME, "tool.")
        problems += [_misspelt(f"[{key}]", _TOOL, _NAME in tools) for key in data if _dashed(key) == _NAME]
    inner = tools.get("variant")
    if variants and isinstance(inner, dict) and not _VARIANT_KEYS.isdisjoint(inner):
        problems.append(_misspelt("[tool.variant]", "variant", "variant" in data))
    return problems


def _near_tables(tables: Mapping[str, object], name: str, parent: str) -> list[Problem]:
    # Most files have no such key, and difflib takes long to import.
    keys = [key for key in tables if key != name and re.search("var|ian|backend", key, re.IGNORECASE)]
    if not keys:
        return []
    from difflib import SequenceMatcher

    return [
        _misspelt(f"[{parent}{key}]", f"{parent}{name}", name in tables)
        for key in keys
        if SequenceMatcher(None, _dashed(key), name).ratio() > _NEAR
    ]


def _dashed(key: str) -> str:
    return re.sub("[_.]", "-", key.lower())


def _misspelt(place: str, right: str, exists: bool) -> Problem:
    """Return the problem of a table that should be named *right*, which may exist, too."""
    remedy = f"move its keys to [{right}], and remove it" if exists else f"rename it to [{right}]"
    return Problem("misspelt-table", place, f"unknown table (did you mean [{right}]?)", remedy)


def _read_variants(
    document: Document, data: Mapping[str, object]
) -> tuple[VariantMetadata | None, Collection[str] | None]:
    """Return the content of ``[variant]`` and its labels; both are None if it has problems."""
    if "variant" not in data:
        return None, ()
    from ..variants.metadata_reading import read_variant_table

    inner = Document()
    metadata = read_variant_table(inner, data["variant"])
    problems = inner.all_problems()
    for problem in problems:
        document.add(problem.within("[variant]"))
    return (None, None) if problems else (metadata, metadata.variants)


def _check_flags(
    document: Document, recipes: Mapping[str, Recipe], metadata: VariantMetadata | None, backend: str | None
) -> None:
    """Note each label with automatic flags that have no source, or no compiler."""
    labels = [label for label, recipe in recipes.items() if recipe.auto_flags]
    if not labels or metadata is None:
        return
    from ..variants.derived_flags import check_derivable

    for label in labels:
        if variant := metadata.variants.get(label):
            at_flags = f"{_TOOL}.variants.{label}.flags"
            document.passes(at_flags, partial(check_derivable, variant), backend or "")


def _read_backend(document: Document, table: Mapping[str, object]) -> tuple[str | None, tuple[str, ...]]:
    """Return the wrapped build backend, and its path."""
    build_backend: str | None = None
    backend_path: tuple[str, ...] = ()
    if "build-backend" in table:
        build_backend = document.string(table["build-backend"], f"{_TOOL}.build-backend")
    if "backend-path" in table:
        backend_path = document.strings(table["backend-path"], f"{_TOOL}.backend-path", _check_inside)
    return build_backend, backend_path


def may_be_wrapped(data: Mapping[str, object]) -> bool:
    """Return whether ``[build-system]`` in the *data* of a project file may use `variant_backend.hooks`.

    A backend in the project's own tree may call the hooks, so the answer is true for every such backend. It
    is also true for a misspelt name of the hooks.
    """
    system = Document().table(data.get("build-system"), "build-system")
    backend = system.get("build-backend")
    return "backend-path" in system or _is_hooks(backend) or _is_nearly_hooks(backend)


def not_wrapped_problem(data: Mapping[str, object], path: Path, project: Project) -> Problem | None:
    """Return the problem of a project with variants whose builds ignore them, or None.

    *data* is the parsed content of the project file *path*, whose build backend is not wrapped. A file
    without ``[project]`` and ``[build-system]``, or with a recipe that matches existing wheels, is for
    conversions: then only recipes for builds are a problem. Nor is a ``[variant]`` without labels, which
    other tools read, too.
    """
    ignored = sorted(label for label, recipe in project.recipes.items() if recipe.build_keys(label))
    is_built = bool(data.keys() & {"project", "build-system"})
    has_labels = project.metadata is None or bool(project.metadata.variants)
    if ignored:
        place, text = f"{_TOOL}.variants.{ignored[0]}", "builds ignore this recipe"
    elif (
        "variant" in data
        and has_labels
        and is_built
        and not any(recipe.match for recipe in project.recipes.values())
    ):
        place, text = "[variant]", "builds ignore this table"
    else:
        return None
    system = Document().table(data.get("build-system"), "build-system")
    backend = f"the build backend is {str(system.get('build-backend', 'missing'))[:MOST_SHOWN]!r}"
    remedy = f"run `{wrapping_command(path)}`; if you only use `make-variant` on finished wheels, {_IGNORE}"
    return Problem("not-wrapped", place, f"{text}: {backend}", remedy)


def build_system_problems(data: Mapping[str, object], path: Path) -> list[Problem]:
    """Return why builds of a project do not get to `variant_backend.hooks`, or to the wrapped backend.

    *data* is the parsed content of the project file *path*.
    """
    system = Document().table(data.get("build-system", {}), "build-system")
    backend, requires = system.get("build-backend"), system.get("requires")
    is_in_tree = "backend-path" in system
    if not (is_in_tree or _is_hooks(backend)):
        is_near = _is_nearly_hooks(backend)
        is_half_wrapped = "build-backend" in _own_table(data)  # `init` refuses such a file
        remedy = (
            f'write build-backend = "{_HOOKS}"'
            if is_near or is_half_wrapped
            else f"run `{wrapping_command(path)}` to set it up"
        )
        text = f"expected {_HOOKS!r}, got {backend!r}" if backend else f"missing; expected {_HOOKS!r}"
        return [Problem("build-system", "build-system.build-backend", text, remedy)]
    problems = []
    if backend == _HOOKS and not is_in_tree:  # a project's tree may contain a copy
        problems += _requirement_problems(_strings(requires))
    if _is_hooks(backend):
        wrapped = _own_table(data).get("build-backend")
        if (wrapped is None or isinstance(wrapped, str)) and (problem := wrapped_problem(wrapped)):
            problems.append(problem)
    return problems


def _requirement_problems(requires: list[str]) -> list[Problem]:
    """Return why the requirements of a build do not install this package, or not this version of it."""
    from .own_requirement import CORE, own_requirement_problem, own_requirements

    place = "build-system.requires"
    own = [requires[index] for index in own_requirements(requires)]
    if not own:
        return [Problem("build-requires", place, f"missing {CORE!r}", f'add "{CORE}" to the list')]
    return [*filter(None, [own_requirement_problem(own, place)])]


def python_problem(data: Mapping[str, object], path: Path) -> Problem | None:
    """Return the problem of a wrapped project that supports an older Python than `variant_backend.hooks`.

    *data* is the parsed content of the project file *path*. None also if its build backend is not known to be
    wrapped.
    """
    from .python_versions import older_python_problem, supported_pythons

    supported = supported_pythons(data)
    if supported is None or not _is_wrapped(data):
        return None
    return older_python_problem(supported, f"{wrapping_command(path)} --undo")


def _is_wrapped(data: Mapping[str, object]) -> bool:
    """Return whether a project file names `variant_backend.hooks`, or a backend that these hooks wrap."""
    system = Document().table(data.get("build-system"), "build-system")
    return _is_hooks(system.get("build-backend")) or "build-backend" in _own_table(data)


def _own_table(data: Mapping[str, object]) -> Mapping[str, object]:
    """Return ``[tool.variant-backend]``, empty if it is missing or invalid."""
    tools = Document().table(data.get("tool"), "tool")
    return Document().table(tools.get("variant-backend"), _TOOL)


def wrapped_problem(backend: str | None) -> Problem | None:
    """Return why the ``build-backend`` of ``[tool.variant-backend]`` cannot be wrapped, or None."""
    remedy = 'name the backend to wrap, for example "setuptools.build_meta"'
    module = (backend or "").partition(":")[0]
    if module and not _is_hooks(module) and module.partition(".")[0] != _HOOKS.partition(".")[0]:
        return None
    text = f"{backend!r} cannot wrap itself" if backend else "missing"
    return Problem("build-system", f"{_TOOL}.build-backend", text, remedy)


def wrapping_command(path: Path) -> str:
    """Return the command that wraps the build backend of the project file *path*."""
    target = path.parent if path.name == PROJECT_FILE.name else path
    return "variant-backend init" + (f" {quoted(target)}" if target != Path() else "")


def _is_nearly_hooks(backend: object) -> bool:
    """Return whether a build backend is a misspelt name of the hooks; names of other backends are not."""
    if not isinstance(backend, str):
        return False
    is_own = _dashed(backend).startswith(_NAME)
    return is_own or bool(did_you_mean(backend, [_HOOKS], similarity=_NEAR))


def _is_hooks(backend: object) -> bool:
    """Return whether a build backend is this package, or a copy of it inside another one."""
    return f".{backend}".endswith(f".{_HOOKS}")


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _check_inside(text: str) -> None:
    """Check that a folder of ``backend-path`` is relative, and inside the source tree (PEP 517)."""
    root = Path.cwd().resolve()
    try:
        inside = not Path(text).is_absolute() and (root / text).resolve().is_relative_to(root)
    except (OSError, ValueError, RuntimeError):  # too long, a null character, a circle of links
        inside = False
    if not inside:
        raise VariantError(f"{text!r} is not a folder inside the source tree")
