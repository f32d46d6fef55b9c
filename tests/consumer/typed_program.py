"""A program that uses each part of `variant_backend.api`: make a variant of a wheel, and select it.

    python typed_program.py WHEEL FOLDER

`test_typed_program.py` runs it, and checks its types with mypy and pyright against the installed package.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.tags import Tag
from packaging.version import Version

from variant_backend import api, dispatch, hooks

if sys.version_info >= (3, 11):
    from typing import assert_type
else:

    def assert_type(value: object, _: object) -> None:
        """Accept all types, as older versions of Python have no such function."""


TABLE = {
    "default-priorities": {"namespace": ["speed"]},
    "providers": {"speed": {"static-properties": {"mode": ["fast", "safe"]}}},
    "variants": {"fast": {"speed": {"mode": ["fast"]}}, "safe": {"speed": {"mode": ["safe"]}}},
}
Values = Mapping[str, Mapping[str, Sequence[str]]]


def declared() -> api.VariantMetadata:
    """Read a table, and write it as JSON and back; invalid tables have all their problems at once."""
    metadata = api.metadata_from_table(TABLE, "variant")
    assert_type(metadata.variants, Mapping[str, api.Variant])
    assert_type(metadata.to_json(), bytes)
    again = api.metadata_from_json(metadata.to_json(), "variant.json")
    usable, problems = api.usable_from_dict(again.to_dict(), "variant.json")
    assert_type(problems, tuple[api.Problem, ...])
    try:
        api.metadata_from_table({"providers": []}, "variant")
    except api.VariantError as error:
        assert_type(error.problems, tuple[api.Problem, ...])
        print(*(problem.code for problem in error.problems))
    return usable


def providers(metadata: api.VariantMetadata) -> list[str]:
    """Return the names of the kinds of providers: the union has exactly these."""
    names: list[str] = []
    for provider in metadata.providers.values():
        match provider:
            case api.StaticProvider():
                assert_type(provider.features, tuple[tuple[str, tuple[str, ...]], ...])
                names.append("static")
            case api.PluginProvider() | api.BuildProvider():
                names.extend(provider.requires)
            case api.BuiltinProvider():
                names.append("builtin")
            case api.UnusableProvider():
                names.extend(str(problem) for problem in provider.problems)
    return names


def make(wheel: Path, folder: Path, metadata: api.VariantMetadata) -> list[api.WheelFilename]:
    """Make all variants of a wheel; return the parsed names of all wheels."""
    names = [api.WheelFilename.parse(wheel.name)]
    for label in metadata.variants:
        outcome = api.make_variant(wheel, label, metadata=metadata, output=folder)
        assert_type(outcome.path, Path)
        names.append(api.WheelFilename.parse(outcome.path.name))
    assert_type(names[0].label, str | None)
    assert_type(names[0].release(), tuple[str, Version])
    print(api.index_filename(names[0].release()))
    return names


def merged(metadata: api.VariantMetadata) -> api.VariantMetadata:
    """Merge the metadata of the wheels of a release, as an index does."""
    parts = {label: metadata.only(variant) for label, variant in metadata.variants.items()}
    _, conflicts = api.combine_metadata(parts)
    assert_type(conflicts, list[api.Conflict])
    return api.merge_metadata(parts)


def ranked(wheels: list[api.WheelFilename], metadata: api.VariantMetadata) -> list[api.Verdict]:
    """Rank the wheels for a machine, and print why the first one is best."""
    hardware = api.read_hardware("x86_64:v3")
    assert_type(hardware.supported, Values)
    known = api.supported_values(metadata, {api.Origin("machine", "a file"): hardware.supported})
    verdicts = api.rank_wheels(wheels, metadata, known.supported, [Tag("py3", "none", "any")])
    first, second, *_ = verdicts
    assert_type(first.key, api.WheelKey | None)
    if first.key and second.key:
        print(api.why_better(first.key, second.key))
    print(*api.ordered_labels(metadata, known.supported))
    assert_type(first.reasons, tuple[api.Problem, ...])
    return verdicts


def decided(variant: api.Variant) -> list[str]:
    """Decide requirements by their variant markers."""
    texts = ["one; 'speed :: mode :: fast' in variant_properties", "two; 'gpu' in variant_namespaces"]
    requirements = [api.resolve_requirement(text, variant) for text in texts]
    assert_type(requirements, list[str | None])
    return [text for text in requirements if text]


def own_backend(settings: Mapping[str, object] | None) -> str:
    """Return the filename of the wheel that config settings request, as a build backend makes it."""
    plain = "demo-1.0-py3-none-any.whl"
    wanted = api.variant_of_settings(settings, TABLE)
    assert_type(wanted, api.WheelVariant | None)
    assert_type(api.without_variant_settings(settings), dict[str, object] | None)
    if wanted is None:
        return plain
    answers = api.ask_build_plugins(wanted.metadata.providers)
    assert_type(answers, dict[str, api.StaticProvider])
    assert_type(wanted.variant_json(answers), bytes)
    assert_type(wanted.build_requires() + api.resolve_requirements(["one"], wanted.variant), list[str])
    same = api.wheel_variant(TABLE, wanted.label, wanted.variant.properties)
    print(same.metadata == wanted.metadata, *same.remarks())
    return wanted.filename(plain)


def in_tree_backend(wheel_directory: str, settings: Mapping[str, object] | None) -> list[str]:
    """Pass hooks on, as a backend in the tree of a project does; only its types are checked."""
    assert_type(hooks.build_wheel(wheel_directory, settings, None), str)
    assert_type(hooks.build_editable(wheel_directory, config_settings=settings), str)
    assert_type(hooks.prepare_metadata_for_build_wheel(wheel_directory, settings), str)
    assert_type(dispatch.build_wheel(wheel_directory, settings, metadata_directory=None), str)
    return hooks.get_requires_for_build_editable(settings) + dispatch.get_requires_for_build_wheel()


def main(wheel: str, folder: str) -> None:
    """Make variants of a wheel, and print the one for this machine."""
    metadata = declared()
    print(*providers(metadata))
    wheels = make(Path(wheel), Path(folder), metadata)
    best = ranked(wheels, merged(metadata))[0]
    label = best.filename.label or api.NULL_LABEL
    print(label, *decided(metadata.variant(label)))
    print(own_backend({"variant": "safe"}), own_backend(None))


if __name__ == "__main__":
    main(*sys.argv[1:])
