"""A build backend that hands every hook to the one that a project already has (PEP 517, PEP 660).

The wrapped backend is named by ``[tool.variant-backend] build-backend``. Asked with the config
setting ``variant``, a wheel is built by that label's recipe, and becomes that variant; not asked,
everything passes through unchanged.
Optional hooks are offered exactly when the wrapped backend has them, through `__getattr__`; but what a
build needs can always be asked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .building.hook_shell import ends_in_clear_lines, say
from .building.wrapped_backend import compiled_apart, wrapped_backend
from .errors import VariantError
from .project.config_settings import ConfigSettings, asked_variants, backend_settings, is_labelled
from .project.pyproject import PROJECT_FILE, Project

if TYPE_CHECKING:
    from .building.variant_build import VariantBuild


def _wrapped(*hook: str, project: Project | None = None) -> Any:
    """Return the wrapped backend, or a hook that it must have."""
    # A plain build does not depend on the [variant] table.
    return wrapped_backend(project or Project.load(PROJECT_FILE, variants=False), *hook)


def _variant_build(config_settings: ConfigSettings | None) -> VariantBuild | None:
    """Return the build of the variant that is asked for, or None if none is."""
    labelled = is_labelled(config_settings)
    asked = asked_variants(config_settings)
    if not asked:
        return None
    from .building.variant_build import VariantBuild

    return VariantBuild.of(asked, labelled=labelled)


def _warn(text: str) -> None:
    say(f"warning: {text}")


@ends_in_clear_lines
def build_wheel(
    wheel_directory: str,
    config_settings: ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build a wheel (PEP 517); if a variant is asked for, its label is in the returned name."""
    build = _variant_build(config_settings)
    if build is None:
        return _build_plain("build_wheel", wheel_directory, config_settings, metadata_directory)
    name = _build_variant("build_wheel", wheel_directory, config_settings, build)
    if not build.labelled:
        _warn(
            f"{name} is variant {build.variant.label!r} under a plain name, so do not publish it;"
            " make-variant puts the label on"
        )
    return name


@ends_in_clear_lines
def get_requires_for_build_wheel(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return what a build needs (PEP 517): the wrapped backend, the recipe, and plugins that are asked."""
    return _requirements("get_requires_for_build_wheel", config_settings)


@ends_in_clear_lines
def build_sdist(sdist_directory: str, config_settings: ConfigSettings | None = None) -> str:
    """Build an sdist (PEP 517): the wrapped backend's, whatever variant is asked for."""
    name: str = _wrapped("build_sdist")(sdist_directory, backend_settings(config_settings))
    return name


@ends_in_clear_lines
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


@ends_in_clear_lines
def _build_editable(
    wheel_directory: str,
    config_settings: ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build an editable wheel (PEP 660); its name stays plain, as installers reject a labelled one."""
    build = _variant_build(config_settings)
    if build is None:
        return _build_plain("build_editable", wheel_directory, config_settings, metadata_directory)
    build = build._replace(labelled=False)
    return _build_variant("build_editable", wheel_directory, config_settings, build)


def _build_plain(hook: str, *arguments: Any) -> str:
    wheel_directory, config_settings, metadata_directory = arguments
    name: str = _wrapped(hook)(wheel_directory, backend_settings(config_settings), metadata_directory)
    return name


def _build_variant(
    hook: str, wheel_directory: str, config_settings: ConfigSettings | None, build: VariantBuild
) -> str:
    """Build a wheel by a recipe, and make it the variant that is asked for."""
    from .lowlevel.workspace import workspace
    from .wheel_rewrite import make_variant
    from .wheels.reading import WheelFile

    target = Path(wheel_directory).resolve()
    with build.environment():
        plan = build.plan(_warn)
        for remark in plan.remarks():
            _warn(remark)
        # In a folder of its own, the wrapped backend cannot replace a plain wheel of the same name.
        # Some backends refuse a metadata directory that they did not write as it is, so there is none.
        with workspace(target) as folder, compiled_apart(folder):
            build_wheel = _wrapped(hook, project=build.project)
            name = _returned_name(hook, build_wheel(str(folder), build.settings(config_settings), None))
            outcome = make_variant(WheelFile.of(folder / name), plan, target, force=True, owned=True)
    for notice in outcome.notices:
        _warn(f"{outcome.path.name}: {notice}")
    return outcome.path.name


def _prepare_metadata(hook: str) -> Callable[..., str]:
    @ends_in_clear_lines
    def prepare(metadata_directory: str, config_settings: ConfigSettings | None = None) -> str:
        build = _variant_build(config_settings)
        name: str
        if build is None:
            name = _wrapped(hook)(metadata_directory, backend_settings(config_settings))
            return name
        from .wheel_rewrite import edited_metadata

        with build.environment():
            plan = build.plan(_warn)
            prepare_metadata = _wrapped(hook, project=build.project)
            returned = prepare_metadata(metadata_directory, build.settings(config_settings))
        name = _returned_name(hook, returned)
        folder = Path(metadata_directory, name)
        (folder / "variant.json").write_bytes(plan.metadata.to_json())
        core_metadata = folder / "METADATA"
        try:
            core_metadata.write_bytes(edited_metadata(core_metadata.read_bytes(), plan))
        except VariantError as error:
            raise error.within(f"{name}/METADATA") from None
        return name

    return prepare


def _returned_name(hook: str, returned: object) -> str:
    """Return what a hook of the wrapped backend has returned, which must be a name."""
    if not isinstance(returned, str):
        raise VariantError(f"the wrapped backend's {hook} returned {returned!r}, not a name")
    return returned


def _requirements(hook: str, config_settings: ConfigSettings | None) -> list[str]:
    """Return what the wrapped backend requires, and what the variant does that is asked for."""
    build = _variant_build(config_settings)  # a misspelt label ends the build before anything is installed
    if build is None:
        required: list[str] = getattr(_wrapped(), hook, _nothing)(backend_settings(config_settings))
        return required
    with build.environment():
        backend = _wrapped(project=build.project)
        required = getattr(backend, hook, _nothing)(build.settings(config_settings))
    return [*dict.fromkeys([*required, *build.build_requires()])]


def _nothing(_: ConfigSettings | None) -> list[str]:
    """Require nothing, as PEP 517 says of a backend without such a hook."""
    return []


@ends_in_clear_lines
def _get_requires_for_build_editable(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return what an editable build needs, as `get_requires_for_build_wheel` does."""
    return _requirements("get_requires_for_build_editable", config_settings)


@ends_in_clear_lines
def _get_requires_for_build_sdist(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return what the wrapped backend needs for an sdist, whatever variant is asked for."""
    requires: list[str] = _wrapped("get_requires_for_build_sdist")(backend_settings(config_settings))
    return requires


_OPTIONAL_HOOKS: dict[str, Callable[..., Any]] = {
    "build_editable": _build_editable,
    "prepare_metadata_for_build_wheel": _prepare_metadata("prepare_metadata_for_build_wheel"),
    "prepare_metadata_for_build_editable": _prepare_metadata("prepare_metadata_for_build_editable"),
    "get_requires_for_build_editable": _get_requires_for_build_editable,
    "get_requires_for_build_sdist": _get_requires_for_build_sdist,
}
