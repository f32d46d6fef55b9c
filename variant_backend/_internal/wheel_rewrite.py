"""Turn a wheel into a variant, and copy its unchanged bytes.

Conversions and builds share this code: a user's wheel is copied and never changed, a wheel that the wrapped
backend has just built is changed in place. Sources: PEP 825 and the binary distribution format.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .errors import Problem, VariantError
from .formats import core_metadata
from .formats.metadata_readers import FIELDS, check_readers
from .lowlevel.ranges import Advance, Source
from .lowlevel.regular_files import open_regular
from .lowlevel.terminal import print_read
from .lowlevel.workspace import move
from .lowlevel.zip_archive import Member, assemble, new_member
from .project.recipe import Recipe
from .variants.filename import WheelFilename, escape
from .variants.metadata import VariantMetadata
from .variants.properties import NO_VARIANT, Variant
from .variants.requirements import LocalPin, local_pins
from .variants.wheel_metadata import remarks_on, variant_of_wheel
from .wheels.examination import SoundWheel, read_sound
from .wheels.plain import without_tag
from .wheels.reading import SIGNATURES, Wheel, WheelFile, name_inside
from .wheels.writing import Rewriting, change_tail, check_is_free, errors_named, write_copy

# Files beside a wheel that attest or sign its bytes: PEP 740, Sigstore, OpenPGP.
_ATTESTATIONS = (".publish.attestation", ".provenance", ".sigstore", ".sigstore.json", ".asc", ".sig")


class Plan(NamedTuple):
    """The variant that a wheel becomes.

    *metadata* has one variant. *recipe* gives the name and the requirements of its wheel. *labelled* says
    whether the filename gets the label. *moment* (seconds since 1970) is the time of written members; if it
    is None, they keep the time of the members that they replace.
    """

    metadata: VariantMetadata
    recipe: Recipe = Recipe()
    labelled: bool = True
    moment: int | None = None

    @property
    def variant(self) -> Variant:
        """The only variant in the metadata."""
        return variant_of_wheel(self.metadata)

    @property
    def document(self) -> bytes:
        """The content of variant.json."""
        return self.metadata.to_json()

    def remarks(self) -> list[str]:
        """Return remarks for the maintainer, to print before a wheel is written."""
        return [*dict.fromkeys([*remarks_on(self.metadata), *self.recipe.remarks()])]


class PlainPlan(NamedTuple):
    """A plain wheel with another name or version, which *recipe* gives; *moment* is as in `Plan`."""

    recipe: Recipe
    moment: int | None = None

    @property
    def labelled(self) -> bool:
        """A plain wheel has no label."""
        return False

    @property
    def variant(self) -> Variant:
        """No label and no properties."""
        return NO_VARIANT

    @property
    def document(self) -> None:
        """A plain wheel has no variant.json."""


AnyPlan: TypeAlias = Plan | PlainPlan


class Outcome(NamedTuple):
    """The result of `make_variant`.

    *path* is the new wheel. *written* is false for a dry run, and if the wheel was this variant already.
    *warnings* are texts for people. *notices* are problems of the old wheel that did not stop the change.

    *pins* (internal) are the requirements on local versions, if the plan removes the wheel's own one.

    >>> from pathlib import Path
    >>> Outcome(Path("demo-1.0-py3-none-any-v3.whl"), written=True, warnings=()).path.name
    'demo-1.0-py3-none-any-v3.whl'
    """

    path: Path
    written: bool
    warnings: tuple[str, ...]
    notices: tuple[Problem, ...] = ()
    pins: tuple[LocalPin, ...] = ()


def renamed(filename: WheelFilename, plan: AnyPlan) -> WheelFilename:
    """Return the name that a wheel gets by *plan*."""
    name, label = plan.recipe.name, plan.variant.label
    if plan.labelled:  # a wheel that was built for an installer has the label there
        filename = without_tag(filename, label)
    if plan.recipe.strip_local_version:
        filename = filename.public()
    return filename._replace(
        distribution=filename.distribution if name is None else escape(name),
        label=label if plan.labelled else None,
    )


def edited_metadata(metadata: bytes, plan: AnyPlan) -> bytes:
    """Return METADATA changed by *plan*.

    Raises VariantError if a requirement's variant marker is invalid or cannot be decided, or if installers
    would read other values than the planned ones.
    """
    edited, meant = metadata, dict[str, list[str]]()
    if plan.recipe.strip_local_version:
        meant["Version"] = [core_metadata.read_field(edited, "Version").partition("+")[0]]
        edited = core_metadata.replace_version(edited, *meant["Version"])
    if plan.recipe.name is not None:
        meant["Name"] = [plan.recipe.name]
        edited = core_metadata.rename_project(edited, plan.recipe.name)
    present = core_metadata.requirements(edited)
    meant["Requires-Dist"] = plan.recipe.requirements(present, plan.variant)
    if meant["Requires-Dist"] != present:
        edited = _with_requirements(edited, present, meant["Requires-Dist"])
    if edited != metadata:
        check_readers(edited, {field: core_metadata.all_values(metadata, field) for field in FIELDS} | meant)
    return edited


def _with_requirements(metadata: bytes, present: Sequence[str], wanted: Sequence[str]) -> bytes:
    """Return METADATA with the *wanted* requirements; raises VariantError if one has an unknown extra."""
    added = [requirement for requirement in wanted if requirement not in present]
    if missing := core_metadata.missing_extras(metadata, added):
        raise VariantError(
            f"the recipe adds a requirement to the unknown extra {missing[0]!r}",
            remedy="add the extra to project.optional-dependencies; its list may be empty",
        )
    return core_metadata.replace_requirements(metadata, wanted)


def write_variant(
    wheel: WheelFile,
    plan: AnyPlan,
    out_dir: Path,
    *,
    force: bool = False,
    dry_run: bool = False,
    owned: bool = False,
    advance: Advance = lambda _: None,
) -> Outcome:
    """Write the planned variant of *wheel* into *out_dir*; it gets its final name once it is complete.

    *force* replaces an existing file. *dry_run* checks everything and writes nothing. An *owned* wheel may be
    changed and moved instead of copied. *advance* receives the number of bytes copied.
    Raises VariantError, with the wheel's name in front, if it is invalid or the variant cannot be written.
    """
    path, filename = wheel.path, wheel.name
    target = out_dir / str(renamed(filename, plan))
    with errors_named(path, out_dir):
        with open_regular(path, buffering=0) as file:
            print_read(path)
            if plan.recipe.strip_local_version:
                filename = name_inside(filename, Source.of(file.fileno()))
            if target.exists() and target.samefile(path):
                return _already(read_sound(filename, Source.of(file.fileno())), plan, target)
            check_is_free(target, force=force)
            in_place = False
            if dry_run or owned:
                rewriting = rewritten(read_sound(filename, Source.of(file.fileno())), plan)
                in_place = not dry_run and change_tail(path, file.fileno(), rewriting)
            if not dry_run and not in_place:
                rewriting = write_copy(
                    file.fileno(),
                    filename,
                    lambda sound: rewritten(sound, plan),
                    target,
                    advance,
                    force=force,
                )
        if in_place:
            move(path, target, force=force)
    warnings = (*rewriting.warnings, *_uncovered(path))
    return Outcome(target, not dry_run, warnings, rewriting.notices, rewriting.pins)


def _uncovered(wheel: Path) -> list[str]:
    """Return warnings about files beside a wheel that attest or sign its old bytes."""
    names = [f"{wheel.name}{suffix}" for suffix in _ATTESTATIONS]
    return [
        f"{name} does not cover the new wheel; attest or sign wheels after adding labels"
        for name in names
        if os.path.lexists(wheel.with_name(name))  # False for a name that is too long
    ]


def _already(sound: SoundWheel, plan: AnyPlan, target: Path) -> Outcome:
    """Return the outcome for a wheel that is this variant already; raises VariantError if it is not."""
    if edits_of(sound, plan, edited_metadata(sound.wheel.core_metadata, plan)):
        raise VariantError("the variant would have the same name", remedy="give another --output")
    kind = "this variant" if plan.document else "plain, and has this name and version"
    return Outcome(target, False, (f"the wheel is {kind} already",), sound.notices)


def rewritten(sound: SoundWheel, plan: AnyPlan) -> Rewriting:
    """Return the new wheel; raises VariantError if the old one contradicts the plan."""
    wheel = sound.wheel
    if plan.document is None and (wheel.is_variant() or wheel.filename.label):
        raise VariantError("the wheel is a variant", remedy="use `variant-backend unmake` on it")
    if plan.recipe.dependencies or plan.recipe.remove_dependencies:
        _check_is_no_other_variant(wheel, plan.variant.label)
    metadata = edited_metadata(wheel.core_metadata, plan)
    edits = edits_of(sound, plan, metadata)
    warnings = [f"{name} was removed, because it signs the old RECORD" for name in wheel.signatures()]
    if (former := wheel.filename.label) not in (None, plan.variant.label):
        warnings.append(f"the wheel is variant {former!r} already; the new one replaces its properties")
    warnings += _other_runtimes(wheel, plan.variant)
    for requirement in core_metadata.direct_references(metadata):
        warnings.append(f"public indexes reject requirements with a URL: {requirement}")
    if isinstance(plan, Plan):
        warnings += _impossible(plan.metadata, wheel.filename.tags)
    present = core_metadata.requirements(metadata) if plan.recipe.strip_local_version else ()
    segments = assemble(wheel.archive, edits)
    return Rewriting(segments, tuple(warnings), sound.notices, tuple(local_pins(present)))


def _impossible(metadata: VariantMetadata, tags: str) -> list[str]:
    """Return warnings about properties that exist on no machine for which the *tags* are."""
    from .variants.consistency import of_tags  # takes long to import

    return [str(problem) for problem in of_tags(metadata, tags)]


def _other_runtimes(wheel: Wheel, variant: Variant) -> list[str]:
    """Return warnings about libraries in the wheel for another GPU runtime; only their names are read."""
    if variant.namespaces().isdisjoint(("nvidia", "amd")):
        return []
    from .variants.runtimes import Runtimes, bundled_libraries, runtime_problems  # few wheels need it

    runtimes = Runtimes(bundled=bundled_libraries(wheel.entries))
    remedy = "correct the property, or use the wheel for that runtime"
    problems = runtime_problems(variant.properties, (), runtimes)
    return [str(problem._replace(remedy=remedy)) for problem in problems]


def _check_is_no_other_variant(wheel: Wheel, label: str) -> None:
    """Refuse another variant with requirements, because the original requirements are unknown."""
    former = label
    if wheel.is_variant():
        former = wheel.filename.label or variant_of_wheel(wheel.variant_metadata()).label
    if former != label:
        raise VariantError(
            f"the wheel is variant {former!r} already, and has the requirements of that label",
            remedy=f"make {label!r} from the plain wheel",
        )


def edits_of(sound: SoundWheel, plan: AnyPlan, metadata: bytes) -> dict[str, Sequence[Member]]:
    """Return the changed members by their old names, for *metadata* as the new METADATA."""
    wheel = sound.wheel
    moved = _moved(wheel, plan)
    old_rows = sound.record.text.encode()
    contents = _contents(sound, plan, metadata, moved, old_rows)
    edits: dict[str, Sequence[Member]] = {}
    for path, new_path in {**{path: path for path in contents if path in wheel.entries}, **moved}.items():
        entry, content = wheel.entries[path], contents.get(new_path)
        if content is None:
            edits[path] = [wheel.archive.renamed(entry, new_path)]
        elif path == wheel.path("RECORD"):
            edits[path] = [wheel.replaced_record(new_path, old_rows, content, plan.moment)]
        elif new_path != path or content != wheel.archive.content(entry):
            edits[path] = [wheel.archive.replaced(entry, new_path, content, moment=plan.moment)]
    for name in wheel.signatures():
        edits[wheel.path(name)] = []
    if plan.document and not wheel.is_variant():
        record = wheel.entry("RECORD")
        path = f"{renamed(wheel.filename, plan).stem}.dist-info/variant.json"
        added = new_member(path, contents[path], record, plan.moment)
        edits[record.name] = [added, *edits[record.name]]
    return edits


def _moved(wheel: Wheel, plan: AnyPlan) -> dict[str, str]:
    """Return new paths by old ones: dist-info and .data are named after the project name and version."""
    old, new = wheel.filename.stem, renamed(wheel.filename, plan).stem
    if old == new:
        return {}
    folders = (f"{old}.dist-info/", f"{old}.data/")
    return {path: new + path.removeprefix(old) for path in wheel.entries if path.startswith(folders)}


def _contents(
    sound: SoundWheel, plan: AnyPlan, metadata: bytes, moved: Mapping[str, str], old_rows: bytes
) -> dict[str, bytes]:
    """Return the new content of files by their new paths; RECORD only if it changes."""
    wheel = sound.wheel
    dist_info = f"{renamed(wheel.filename, plan).stem}.dist-info"
    contents = {f"{dist_info}/variant.json": plan.document} if plan.document else {}
    if metadata != wheel.core_metadata:
        contents[f"{dist_info}/METADATA"] = metadata
    signatures = {wheel.path(name) for name in SIGNATURES}
    rows = sound.record.changed(contents, signatures, moved)
    if rows != old_rows:
        contents[f"{dist_info}/RECORD"] = rows
    return contents
