"""A build backend that hands every hook to the one that a project already has (PEP 517, PEP 660).

The wrapped backend is named by ``[tool.variant-backend] build-backend``. Asked with the config
setting ``variant``, a wheel is built by that label's recipe, and becomes that variant; not asked,
everything passes through unchanged.
Optional hooks are offered exactly when the wrapped backend has them, through `__getattr__`.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import VariantError, did_you_mean
from .metadata import PluginProvider, VariantMetadata, declare
from .properties import NULL_LABEL, Property, Variant
from .pyproject import Project
from .recipe import Recipe

if TYPE_CHECKING:
    from importlib.metadata import Distribution, DistributionFinder

    from .wheel_rewrite import Plan

ConfigSettings = Mapping[str, Any]

_PROJECT_FILE = Path("pyproject.toml")
_OUR_SETTINGS = ("variant", "variant-label", "variant-filename")

_KNOWN_BACKENDS = (
    "setuptools.build_meta",
    "hatchling.build",
    "mesonpy",
    "flit_core.buildapi",
    "scikit_build_core.build",
    "pdm.backend",
    "poetry.core.masonry.api",
    "maturin",
    "uv_build",
)


def _ends_in_one_line(hook: Callable[..., Any]) -> Callable[..., Any]:
    """End the build with clear lines and without a traceback where something given cannot be used."""

    @functools.wraps(hook)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return hook(*args, **kwargs)
        except VariantError as error:
            for line in error.lines():
                _say(f"error: {line}")
            raise SystemExit(1) from None

    return wrapper


def _say(text: str) -> None:
    print(f"variant-backend: {text}", file=sys.stderr, flush=True)  # noqa: T201  # a hook has no other voice


@_ends_in_one_line
def build_wheel(
    wheel_directory: str,
    config_settings: ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build a wheel (PEP 517); if a variant is asked for, its label is in the returned name."""
    request = _Request.read(config_settings)
    if request is None:
        return _build_plain("build_wheel", wheel_directory, config_settings, metadata_directory)
    labelled = _is_name_labelled(config_settings)
    name = _build_variant("build_wheel", wheel_directory, config_settings, request, labelled=labelled)
    if not labelled:
        _say(
            f"warning: {name} is variant {request.variant.label!r} under a plain name, so do not publish it;"
            " make-variant puts the label on"
        )
    return name


@_ends_in_one_line
def get_requires_for_build_wheel(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return what a build needs (PEP 517): the wrapped backend, the recipe, and plugins that are asked."""
    return _requirements("get_requires_for_build_wheel", config_settings)


@_ends_in_one_line
def build_sdist(sdist_directory: str, config_settings: ConfigSettings | None = None) -> str:
    """Build an sdist (PEP 517): the wrapped backend's, whatever variant is asked for."""
    name: str = _wrapped("build_sdist")(sdist_directory, _without_ours(config_settings))
    return name


@_ends_in_one_line
def __getattr__(name: str) -> Any:
    """Return an optional hook, if the wrapped backend has it."""
    if name in _OPTIONAL_HOOKS:
        # A recipe may require something for editable builds even if the wrapped backend never does.
        getattr(_wrapped(), "build_editable" if name == "get_requires_for_build_editable" else name)
        return _OPTIONAL_HOOKS[name]
    if name == "UnsupportedOperation":
        with suppress(VariantError):  # frontends look for it when build_sdist has failed, which has said why
            return _wrapped().UnsupportedOperation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@_ends_in_one_line
def _build_editable(
    wheel_directory: str,
    config_settings: ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build an editable wheel (PEP 660); its name stays plain, as installers reject a labelled one."""
    request = _Request.read(config_settings)
    if request is None:
        return _build_plain("build_editable", wheel_directory, config_settings, metadata_directory)
    return _build_variant("build_editable", wheel_directory, config_settings, request, labelled=False)


def _build_plain(hook: str, *arguments: Any) -> str:
    wheel_directory, config_settings, metadata_directory = arguments
    name: str = _wrapped(hook)(wheel_directory, _without_ours(config_settings), metadata_directory)
    return name


def _build_variant(
    hook: str,
    wheel_directory: str,
    config_settings: ConfigSettings | None,
    request: _Request,
    *,
    labelled: bool,
) -> str:
    """Build a wheel by a recipe, and make it the variant that is asked for."""
    from ._files import workspace  # only a labelled build pays for importing these
    from .wheel_rewrite import make_variant

    target = Path(wheel_directory).resolve()
    with request.environment():
        plan = request.plan()._replace(labelled=labelled)
        for remark in plan.remarks():
            _say(remark)
        # In a folder of its own, the wrapped backend cannot replace a plain wheel of the same name.
        # Some backends refuse a metadata directory that they did not write as it is, so there is none.
        with workspace(target) as folder:
            name = _wrapped(hook)(str(folder), request.settings(config_settings), None)
            if not isinstance(name, str):
                raise VariantError(f"the wrapped backend's {hook} returned {name!r}, not a filename")
            outcome = make_variant(folder / name, plan, target, force=True, owned=True)
    for notice in outcome.notices:
        _say(f"notice: {outcome.path.name}: {notice}")
    return outcome.path.name


def _prepare_metadata(hook: str) -> Callable[..., str]:
    @_ends_in_one_line
    def prepare(metadata_directory: str, config_settings: ConfigSettings | None = None) -> str:
        request = _Request.read(config_settings)
        name: str
        if request is None:
            name = _wrapped(hook)(metadata_directory, _without_ours(config_settings))
            return name
        from .wheel_rewrite import edited_metadata  # only a labelled build pays for importing it

        with request.environment():
            plan = request.plan()
            name = _wrapped(hook)(metadata_directory, request.settings(config_settings))
        folder = Path(metadata_directory, name)
        (folder / "variant.json").write_bytes(plan.metadata.to_json())
        core_metadata = folder / "METADATA"
        core_metadata.write_bytes(edited_metadata(core_metadata.read_bytes(), plan))
        return name

    return prepare


def _requirements(hook: str, config_settings: ConfigSettings | None) -> list[str]:
    """Return what the wrapped backend requires, and what the variant does that is asked for."""
    request = _Request.read(config_settings)  # a misspelt label ends the build before anything is installed
    if request is None:
        own: list[str] = getattr(_wrapped(), hook, _nothing)(_without_ours(config_settings))
        return own
    with request.environment():
        own = getattr(_wrapped(), hook, _nothing)(request.settings(config_settings))
    return [*dict.fromkeys([*own, *request.requirements()])]


def _nothing(_: ConfigSettings | None) -> list[str]:
    """Require nothing, as PEP 517 says of a backend without such a hook."""
    return []


@_ends_in_one_line
def _get_requires_for_build_editable(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return what an editable build needs, as `get_requires_for_build_wheel` does."""
    return _requirements("get_requires_for_build_editable", config_settings)


@_ends_in_one_line
def _get_requires_for_build_sdist(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return what the wrapped backend needs for an sdist, whatever variant is asked for."""
    requires: list[str] = _wrapped("get_requires_for_build_sdist")(_without_ours(config_settings))
    return requires


_OPTIONAL_HOOKS: dict[str, Callable[..., Any]] = {
    "build_editable": _build_editable,
    "prepare_metadata_for_build_wheel": _prepare_metadata("prepare_metadata_for_build_wheel"),
    "prepare_metadata_for_build_editable": _prepare_metadata("prepare_metadata_for_build_editable"),
    "get_requires_for_build_editable": _get_requires_for_build_editable,
    "get_requires_for_build_sdist": _get_requires_for_build_sdist,
}


class _Request(NamedTuple):
    """The variant that is asked for: what its wheel carries, but for answers of plugins, and its recipe."""

    metadata: VariantMetadata
    variant: Variant
    recipe: Recipe
    validates: bool

    @classmethod
    def read(cls, config_settings: ConfigSettings | None) -> _Request | None:
        """Return what the config settings ask for, or None if that is no variant."""
        texts, labels = ([*_texts(config_settings, key)] for key in ("variant", "variant-label"))
        properties = [Property.parse(text) for text in texts if "::" in text]
        labels = list(dict.fromkeys([*labels, *(text for text in texts if "::" not in text)]))
        if not properties and not labels:
            return None
        if len(labels) > 1:
            raise VariantError(
                f"config settings ask for {len(labels)} labels: {', '.join(labels)}", hint="ask for one"
            )
        project = Project.load(_PROJECT_FILE)
        metadata = project.metadata
        if metadata is None:
            if not properties and labels != [NULL_LABEL]:
                raise VariantError(
                    f"{_PROJECT_FILE}: no [variant] table, so no label is known",
                    hint="define the variants there",
                )
            metadata = declare(properties)
        variant = metadata.choose(labels[0] if labels else None, frozenset(properties))
        # What a project is called is the wrapped backend's to say.
        recipe = project.recipe(variant.label)._replace(name=None, strip_local_version=False)
        return cls(metadata.only(variant), variant, recipe, project.validates)

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Give the process the recipe's environment, and take it back whatever happens."""
        changed = self.recipe.environment(os.environ)
        former = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        try:
            yield
        finally:
            for name, text in former.items():
                if text is not None:
                    os.environ[name] = text
                else:
                    os.environ.pop(name, None)

    def settings(self, config_settings: ConfigSettings | None) -> dict[str, Any]:
        """Return the settings for the wrapped backend."""
        return self.recipe.settings(_without_ours(config_settings) or {})

    def requirements(self) -> list[str]:
        """Return what must be installed for the build, besides what the wrapped backend needs."""
        plugins = [plugin for each in self.metadata.build_providers().values() for plugin in each.requires]
        if self.validates:
            used = [self.metadata.providers.get(name) for name in sorted(self.variant.namespaces())]
            plugins += [
                plugin for each in used if isinstance(each, PluginProvider) for plugin in each.requires
            ]
        return [*self.recipe.build_requires, *plugins]

    def plan(self) -> Plan:
        """Return what the wheel becomes, after asking the plugins that are to be asked when it is built."""
        from .wheel_rewrite import Plan, source_date_epoch

        moment = source_date_epoch(os.environ)
        return Plan(self._ask_plugins(), self.recipe, moment=moment)

    def _ask_plugins(self) -> VariantMetadata:
        build_providers = self.metadata.build_providers()
        if not build_providers and not self.validates:
            return self.metadata
        from .providers import ask_for_static, validate  # it loads subprocess, and few projects need it

        if self.validates:
            validate(self.variant, self.metadata.providers)
        used = self.variant.namespaces()
        answers = {}
        for namespace, provider in build_providers.items():
            try:
                answers[namespace] = ask_for_static(namespace, provider)
            except VariantError as error:
                if namespace in used:
                    raise
                for line in error.lines():
                    _say(f"warning: {line}")
                _say(f"warning: {namespace!r} is left out, as variant {self.variant.label!r} does not use it")
        return self.metadata.answered(answers, used)


def _is_name_labelled(config_settings: ConfigSettings | None) -> bool:
    """Tell whether the label goes into the wheel's name now, or later, when it is repaired and tested."""
    wanted = _texts(config_settings, "variant-filename")
    for text in wanted:
        if text != "plain":
            raise VariantError(
                f"config setting 'variant-filename' is {text!r}", hint="write variant-filename=plain"
            )
    return not wanted


def _texts(config_settings: ConfigSettings | None, key: str) -> Sequence[str]:
    """Return the values of a config setting: frontends give one string, or a list when it is repeated."""
    value = (config_settings or {}).get(key, [])
    values = value if isinstance(value, (list, tuple)) else [value]
    for text in values:
        if not isinstance(text, str) or not text:
            raise VariantError(f"config setting {key!r} is {text!r}", hint=f"write {key}=VALUE")
    return values


def _without_ours(config_settings: ConfigSettings | None) -> dict[str, Any] | None:
    """Return the settings for the wrapped backend: a copy, as some backends change what they get."""
    if config_settings is None:
        return None
    return {key: value for key, value in config_settings.items() if key not in _OUR_SETTINGS}


def _wrapped(*hook: str) -> Any:
    """Import the wrapped backend, as PEP 517 says frontends do, and return it, or a hook that it must have.

    Raises VariantError.
    """
    project = Project.load(_PROJECT_FILE, variants=False)  # a plain build does not depend on that table
    reference = project.build_backend
    place = f"{_PROJECT_FILE}: tool.variant-backend.build-backend"
    if not reference:
        raise VariantError(
            f"{place} is missing", hint='name the backend to wrap, such as "setuptools.build_meta"'
        )
    module_name, _, object_path = reference.partition(":")
    if module_name.partition(".")[0] == __name__.partition(".")[0]:
        raise VariantError(
            f"{place}: {reference!r} cannot wrap itself", hint="name the project's own backend"
        )
    _look_first_in(project.backend_path, module_name)
    try:
        backend: Any = _import(module_name)
        for attribute in filter(None, [*object_path.split("."), *hook]):
            backend = getattr(backend, attribute)
    except VariantError as error:
        raise error.within(place) from None
    except AttributeError as error:
        raise VariantError(f"{place}: {reference!r}: {error}{_suggestion(reference)}") from None
    return backend


def _import(module_name: str) -> ModuleType:
    """Import a backend's module; say whether it is missing or broken if that fails."""
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if f"{module_name}.".startswith(f"{error.name}."):
            raise VariantError(
                f"no module named {error.name!r}{_suggestion(module_name)}",
                hint="check its spelling, and that build-system.requires or backend-path has its package",
            ) from None
        fault: BaseException = error
    except (Exception, SystemExit) as error:
        fault = error
    text = f"{type(fault).__name__}: {fault}".splitlines()[0]
    raise VariantError(f"importing {module_name!r} failed: {text}") from fault


def _suggestion(reference: str) -> str:
    return "" if reference in _KNOWN_BACKENDS else did_you_mean(reference, _KNOWN_BACKENDS)


def _look_first_in(backend_path: Sequence[str], module_name: str) -> None:
    """Make the folders of ``backend-path`` the first, and for the backend the only, place to look."""
    if backend_path and not any(isinstance(finder, _BackendPathFinder) for finder in sys.meta_path):
        folders = [str(Path(folder).resolve()) for folder in backend_path]
        sys.meta_path.insert(0, _BackendPathFinder(folders, module_name.partition(".")[0]))


class _BackendPathFinder:
    """Finds top-level modules in ``backend-path``; the backend's own must be there (PEP 517)."""

    def __init__(self, folders: Sequence[str], package: str) -> None:
        self.folders = folders
        self.package = package

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Find a top-level module; modules inside packages are left to the import system."""
        if "." in name:
            return None
        spec = PathFinder.find_spec(name, self.folders)
        if spec is None and name == self.package:
            raise ModuleNotFoundError(f"No module named {name!r} in backend-path", name=name)
        return spec

    def find_distributions(self, context: DistributionFinder.Context) -> Iterable[Distribution]:
        """Find installed distributions in ``backend-path``, as a backend may have plugins there."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        inside = DistributionFinder.Context(name=context.name, path=[*self.folders])
        return MetadataPathFinder.find_distributions(inside)
