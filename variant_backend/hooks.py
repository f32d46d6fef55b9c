"""A build backend that passes every hook on to the backend that a project already has (PEP 517, PEP 660).

``[tool.variant-backend] build-backend`` names the wrapped backend. With the config setting ``variant``, a
wheel is built with the recipe of that label and becomes that variant. Without it, the wrapped backend's
hooks run unchanged.
`__getattr__` offers an optional hook exactly if the wrapped backend has it, except for
`get_requires_for_build_wheel` and `get_requires_for_build_editable`: a recipe may add requirements.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ._internal.building.hook_shell import ends_in_clear_lines, say
from ._internal.building.wrapped_backend import (
    caused_by,
    compiled_apart,
    has_marks,
    unsound_lines,
    wheel_written_by,
    wrapped_backend,
)
from ._internal.errors import VariantError
from ._internal.formats.toml_read import read_toml, value_at
from ._internal.lowlevel.regular_files import read_regular
from ._internal.project.config_settings import (
    AUTO,
    ConfigSettings,
    asked_variants,
    asks_for_plain_name,
    check_settings,
    without_variant_settings,
)
from ._internal.project.pyproject import PROJECT_FILE, Project
from ._internal.project.user_variables import VARIABLES

if TYPE_CHECKING:
    from ._internal.building.frontend import Filename, Installer
    from ._internal.building.variant_build import VariantBuild
    from ._internal.wheel_rewrite import Outcome

    class _WheelHook(Protocol):
        """Writes a wheel, and returns its name."""

        def __call__(
            self,
            wheel_directory: str,
            config_settings: ConfigSettings | None = None,
            metadata_directory: str | None = None,
        ) -> str: ...

    class _MetadataHook(Protocol):
        """Writes the dist-info folder of a wheel, and returns its name."""

        def __call__(self, metadata_directory: str, config_settings: ConfigSettings | None = None) -> str: ...

    class _RequirementsHook(Protocol):
        """Returns build requirements."""

        def __call__(self, config_settings: ConfigSettings | None = None) -> list[str]: ...

    # The names that `__getattr__` offers.
    build_editable: _WheelHook
    prepare_metadata_for_build_wheel: _MetadataHook
    prepare_metadata_for_build_editable: _MetadataHook
    get_requires_for_build_editable: _RequirementsHook
    get_requires_for_build_sdist: _RequirementsHook
    UnsupportedOperation: type[Exception]


def _wrapped(*hook: str, project: Project | None = None) -> Any:
    """Return the wrapped backend, or one of its hooks; both are foreign objects without types."""
    # A plain build does not depend on the [variant] table.
    return wrapped_backend(project or Project.load(PROJECT_FILE, variants=False), *hook)


def _check_settings(config_settings: ConfigSettings | None) -> None:
    """Check that no setting for the wrapped backend is a misspelt one of this package."""
    if without_variant_settings(config_settings):
        check_settings(config_settings, Project.load(PROJECT_FILE, variants=False).build_backend)


def _variant_build(
    config_settings: ConfigSettings | None, report: Callable[[str], object] = lambda _: None
) -> VariantBuild | None:
    """Return the build of the requested variant, or None if none is requested.

    *report* gets a line about the best label, and about a variable that has no effect.
    """
    _check_settings(config_settings)
    filename: Filename | None = "plain" if asks_for_plain_name(config_settings) else None
    asked = asked_variants(config_settings)
    if asked:
        filename = filename or "labelled"
    elif any(name.startswith(VARIABLES) for name in os.environ):
        from ._internal.building.asked import asked_by_variable

        asked = asked_by_variable(os.environ, lambda text: report(f"warning: {text}"))
    if AUTO in asked:
        from ._internal.building.asked import with_best_label

        asked = with_best_label(asked, os.environ, report)
    if not asked:
        return None
    from ._internal.building.variant_build import VariantBuild

    return VariantBuild.of(asked, filename)


def _installer(wheel_directory: str | None = None) -> Installer | None:
    """Return the frontend that calls this hook, if it is known to install the wheel."""
    from ._internal.building.frontend import Installer

    return Installer.of("".join(sys.argv[:1]), os.environ, Path.cwd(), wheel_directory)


def _check_filename(build: VariantBuild) -> None:
    """Check that the installer accepts the name of the wheel, before anything is compiled."""
    from ._internal.building.frontend import filename_for

    filename_for(_installer(), build.filename)


def _warn(text: str) -> None:
    say(f"warning: {text}")


@ends_in_clear_lines
def build_wheel(
    wheel_directory: str,
    config_settings: ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build a wheel (PEP 517). If a variant is requested, the returned name has its label."""
    build = _variant_build(config_settings, say)
    if build is None:
        return _build_plain("build_wheel", wheel_directory, config_settings, metadata_directory)
    from ._internal.building.frontend import filename_for, name_warning

    installer = _installer(wheel_directory)
    named = build._replace(filename=filename_for(installer, build.filename))
    name = _build_variant("build_wheel", wheel_directory, config_settings, named)
    if named.filename != "labelled":
        _warn(name_warning(installer, name, build.variant.label, by_variable=build.filename is None))
    return name


@ends_in_clear_lines
def get_requires_for_build_wheel(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return the requirements of the wrapped backend and the recipe, and build-time plugins (PEP 517)."""
    return _requirements("get_requires_for_build_wheel", config_settings)


@ends_in_clear_lines
def build_sdist(sdist_directory: str, config_settings: ConfigSettings | None = None) -> str:
    """Build the sdist of the wrapped backend (PEP 517); a requested variant does not change it."""
    _check_settings(config_settings)
    name: str = _wrapped("build_sdist")(sdist_directory, without_variant_settings(config_settings))
    return name


@ends_in_clear_lines
def _optional(name: str) -> object:
    """Return an optional hook if the wrapped backend has it, or the error of its `build_sdist`."""
    if name in _OPTIONAL_HOOKS:
        # A recipe may require something for editable builds even if the wrapped backend never does.
        getattr(_wrapped(), "build_editable" if name == "get_requires_for_build_editable" else name)
        return _OPTIONAL_HOOKS[name]
    if name == "UnsupportedOperation":
        with suppress(VariantError):  # frontends look it up after build_sdist has failed and printed why
            return getattr(_wrapped(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # a checker would accept any name
    __getattr__ = _optional  # PEP 562


@ends_in_clear_lines
def _build_editable(
    wheel_directory: str,
    config_settings: ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build an editable wheel (PEP 660). Its name has no label: installers reject labelled ones."""
    build = _variant_build(config_settings, say)
    if build is None:
        return _build_plain("build_editable", wheel_directory, config_settings, metadata_directory)
    build = build._replace(filename="plain")
    return _build_variant("build_editable", wheel_directory, config_settings, build)


def _build_plain(
    hook: str, wheel_directory: str, config_settings: ConfigSettings | None, metadata_directory: str | None
) -> str:
    arguments = (wheel_directory, without_variant_settings(config_settings), metadata_directory)
    if not has_marks(Path()):
        name: str = _wrapped(hook)(*arguments)
        _warn_if_unsound(wheel_directory, name)
        return name
    from ._internal.building.kept_files import Owner, kept_apart

    name = ""
    try:
        with kept_apart(Path.cwd(), Owner()) as check:
            name = _wrapped(hook)(*arguments)
            check(Path(wheel_directory, name))
    except VariantError:
        if name:
            Path(wheel_directory, name).unlink(missing_ok=True)
        raise
    _warn_if_unsound(wheel_directory, name)
    return name


def _warn_if_unsound(wheel_directory: str, name: object) -> None:
    """Warn about the wheel of a plain build that could not become a variant; ignore other projects."""
    data = read_toml(PROJECT_FILE)
    if "variant" in data and isinstance(name, str):
        backend = value_at(data, "tool", "variant-backend", "build-backend")
        for text in unsound_lines(Path(wheel_directory, name), str(backend)):
            _warn(text)


def _build_variant(
    hook: str, wheel_directory: str, config_settings: ConfigSettings | None, build: VariantBuild
) -> str:
    """Build a wheel with a recipe, and turn it into the requested variant."""
    from ._internal.building.kept_files import check_build_folder, kept_apart
    from ._internal.building.unmatched import unmatched_removals
    from ._internal.lowlevel.workspace import workspace
    from ._internal.wheel_rewrite import write_variant
    from ._internal.wheels.plain import with_tag
    from ._internal.wheels.reading import WheelFile

    target = Path(wheel_directory).resolve()
    with build.environment() as additions:
        for text in additions:
            say(text)
        plan = build.plan(_warn)
        for remark in plan.remarks():
            _warn(remark)
        # In a private folder, the wrapped backend cannot replace a plain wheel of the same name.
        # Some backends reject a metadata directory that was edited, so none is passed.
        with workspace(target) as folder, compiled_apart(folder) as compiled:
            build_wheel = _wrapped(hook, project=build.project)
            if build.owner.digest:
                own = build.draft.recipe.config_settings
                check_build_folder(
                    Path.cwd(), without_variant_settings(config_settings) or {}, own, os.environ
                )
            with kept_apart(Path.cwd(), build.owner, compiled) as check:
                name = _returned_name(hook, build_wheel(str(folder), build.settings(config_settings), None))
                check(folder / name)
            with wheel_written_by(build.project.build_backend):
                wheel = WheelFile.of(folder / name)
                if build.filename == "tagged":
                    wheel = with_tag(wheel, build.variant.label)
                wheels = {build.variant.label: [wheel]}
                for text in unmatched_removals(build.project, PROJECT_FILE, wheels, common=True):
                    _warn(text)
                outcome = write_variant(wheel, plan, target, force=True, owned=True)
    _warn_of(outcome, build.project.build_backend)
    return outcome.path.name


def _warn_of(outcome: Outcome, backend: str | None) -> None:
    for notice in outcome.notices:
        _warn(str(caused_by(backend, notice).within(outcome.path.name)))
    for text in outcome.warnings:
        _warn(f"{outcome.path.name}: {text}")


def _prepare_metadata(hook: str) -> _MetadataHook:
    @ends_in_clear_lines
    def prepare(metadata_directory: str, config_settings: ConfigSettings | None = None) -> str:
        build = _variant_build(config_settings)
        name: str
        if build is None:
            name = _wrapped(hook)(metadata_directory, without_variant_settings(config_settings))
            return name
        from ._internal.wheel_rewrite import edited_metadata
        from ._internal.wheels.examination import check_core_metadata

        if hook.endswith("build_wheel"):
            _check_filename(build)
        with build.environment():
            plan = build.plan(_warn)
            prepare_metadata = _wrapped(hook, project=build.project)
            returned = prepare_metadata(metadata_directory, build.settings(config_settings))
        name = _returned_name(hook, returned)
        folder = Path(metadata_directory, name)
        (folder / "variant.json").write_bytes(plan.metadata.to_json())
        core_metadata = folder / "METADATA"
        try:
            with wheel_written_by(build.project.build_backend):
                check_core_metadata(read_regular(core_metadata))
                core_metadata.write_bytes(edited_metadata(read_regular(core_metadata), plan))
        except VariantError as error:
            raise error.within(name) from None
        return name

    return prepare


def _returned_name(hook: str, returned: object) -> str:
    """Return the result of a hook of the wrapped backend. Raises VariantError if it is not a string."""
    if not isinstance(returned, str):
        raise VariantError(f"{hook} of the wrapped backend: expected a name, got {returned!r}")
    return returned


def _requirements(hook: str, config_settings: ConfigSettings | None) -> list[str]:
    """Return the build requirements of the wrapped backend and of the requested variant."""
    build = _variant_build(config_settings)  # a misspelt label ends the build before any installation
    if build is None:
        required: list[str] = getattr(_wrapped(), hook, _nothing)(without_variant_settings(config_settings))
        return required
    if hook.endswith("build_wheel"):
        _check_filename(build)
    with build.environment():
        backend = _wrapped(project=build.project)
        required = getattr(backend, hook, _nothing)(build.settings(config_settings))
    return [*dict.fromkeys([*required, *build.build_requires()])]


def _nothing(_: ConfigSettings | None) -> list[str]:
    """Return no requirements, the default of PEP 517 for a backend without such a hook."""
    return []


@ends_in_clear_lines
def _get_requires_for_build_editable(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return the build requirements of an editable wheel, see `get_requires_for_build_wheel`."""
    return _requirements("get_requires_for_build_editable", config_settings)


@ends_in_clear_lines
def _get_requires_for_build_sdist(config_settings: ConfigSettings | None = None) -> list[str]:
    """Return the build requirements of the wrapped backend's sdist; a variant does not change them."""
    _check_settings(config_settings)
    requires: list[str] = _wrapped("get_requires_for_build_sdist")(without_variant_settings(config_settings))
    return requires


_OPTIONAL_HOOKS: Mapping[str, _WheelHook | _MetadataHook | _RequirementsHook] = {
    "build_editable": _build_editable,
    "prepare_metadata_for_build_wheel": _prepare_metadata("prepare_metadata_for_build_wheel"),
    "prepare_metadata_for_build_editable": _prepare_metadata("prepare_metadata_for_build_editable"),
    "get_requires_for_build_editable": _get_requires_for_build_editable,
    "get_requires_for_build_sdist": _get_requires_for_build_sdist,
}
