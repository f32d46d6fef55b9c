"""`check` finds an error in every release that uv drops or installs wrongly, and none in valid releases."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import METADATA, WHEEL
from helpers.programs import empty_cache, run
from helpers.sample_release import (
    DOCUMENT,
    LABELS,
    encoded,
    made_sdist,
    only,
    patched,
    write_release,
    write_wheel,
)

from variant_backend._internal.checking.run import check_files, find_problems
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.uv_behaviour import KNOWN_TO_UV

UV = ("uv", "pip", "install", "--no-config", "--no-index", "--python", sys.executable)
VARIANTS = ("--preview-features", "wheel-variants")


def uv_serves(what: Path, target: Path, **env: Any) -> str | None:
    """Return the label that uv installs from a folder, or from the path of a wheel. None if it fails."""
    options = ("--find-links", what, "demo") if what.is_dir() else (what,)
    if run(*UV, *empty_cache(), *VARIANTS, "--target", target, *options, ok=False, **env).returncode:
        return None
    (path,) = target.glob("demo-*.dist-info")
    if path.name != "demo-1.0.dist-info":
        return "older"
    inner = path / "variant.json"
    return "+".join(json.loads(inner.read_bytes())["variants"]) if inner.exists() else "plain"


def errors(what: Path) -> set[str]:
    return {finding.problem.code for finding in find_problems([what]) if finding.severity == "error"}


def findings(what: Path) -> set[str]:
    return {finding.problem.code for finding in find_problems([what])}


def static(**changes: Any) -> dict[str, Any]:
    """Return a patch that replaces the table of the provider."""
    return {"providers": {"speed": changes}}


def fast(value: Any) -> dict[str, Any]:
    """Return a patch for the properties of the label `fast`."""
    return {"variants": {"fast": value}}


GOOD = encoded(DOCUMENT)
PLUGIN = {"static-properties": None, "requires": ["speed-provider"]}

# Documents: a merge patch for the valid one, or its replacement.
BAD: dict[str, Any] = {
    "reserved namespace": fast({"abi_dependency": {"numpy": ["2"]}}),
    "two equal values": fast({"speed": {"mode": ["fast", "fast"]}}),
    "no value": fast({"speed": {"mode": []}}),
    "a value of another type": fast({"speed": {"mode": [1]}}),
    "a string instead of a list": fast({"speed": {"mode": "fast"}}),
    "values as an object": fast({"speed": {"mode": {"fast": 1}}}),
    "a value outside the grammar": fast({"speed": {"mode": ["fast-er"]}}),
    "an empty value": fast({"speed": {"mode": [""]}}),
    "a feature outside the grammar": fast({"speed": {"Mode": ["fast"], "mode": ["fast"]}}),
    "a namespace outside the grammar": fast({"spe-ed": {"mode": ["fast"]}}),
    "an undeclared namespace": fast({"color": {"tone": ["red"]}}),
    "an unlisted value": fast({"speed": {"mode": ["faster"]}}),
    "an unlisted feature": fast({"speed": {"made": ["fast"]}}),
    "a variant that is a list": fast([]),
    "a label outside the grammar": {"variants": {"Fast": {"speed": {"mode": ["fast"]}}, "fast": None}},
    "null with properties": {"variants": {"null": {"speed": {"mode": ["fast"]}}}},
    "no variants": {"variants": None},
    "variants that are a list": {"variants": []},
    "no schema": {"$schema": None},
    "a number as schema": {"$schema": 2},
    "null as schema": GOOD.replace(encoded(DOCUMENT["$schema"]), b"null"),
    "no priorities": {"default-priorities": None},
    "no namespace": {"default-priorities": {"namespace": []}},
    "a duplicate namespace": {"default-priorities": {"namespace": ["speed", "speed"]}},
    "a namespace without provider": {"default-priorities": {"namespace": ["speed", "color"]}},
    "priorities that are a list": {"default-priorities": ["speed"]},
    "priorities of features": {"default-priorities": {"feature": {}}},
    "priorities of properties": {"default-priorities": {"property": {}}},
    "an unknown key": {"static-properties": {}},
    "no providers": {"providers": None},
    "a draft with a namespace without provider": {
        "$schema": "https://variants-schema.wheelnext.dev/v0.2.0.json",
        "default-priorities": {"namespace": ["speed", "color"]},
    },
    "a provider without namespace": {"providers": {"color": {"static-properties": {"tone": ["red"]}}}},
    "a provider's unknown key": static(note="x"),
    "a provider's old key": static(**{"enable-if": "True"}),
    "two sources of support": static(requires=["speed-provider"]),
    "no source of support": static(**{"static-properties": None}),
    "plugin-api of a static provider": static(**{"plugin-api": "speed"}),
    "optional as a string": static(optional="no"),
    "no feature in static-properties": static(**{"static-properties": {"mode": None}}),
    "no value in static-properties": static(**{"static-properties": {"mode": []}}),
    "a duplicate value in static-properties": static(**{"static-properties": {"mode": ["fast", "fast"]}}),
    "a bad value in static-properties": static(**{"static-properties": {"mode": ["fast", "Safe"]}}),
    "two features without order": static(**{"static-properties": {"size": ["1"]}}),
    "too short an order": static(**{"static-properties": {"size": ["1"]}, "feature-order": ["size"]}),
    "too long an order": static(**{"feature-order": ["mode", "size"]}),
    "an order with a duplicate feature": static(**{"feature-order": ["mode", "mode"]}),
    "an empty order": static(**{"feature-order": []}),
    "no requirement": static(**{**PLUGIN, "requires": []}),
    "a requirement as a string": static(**{**PLUGIN, "requires": "speed-provider"}),
    "a bad requirement": static(**{**PLUGIN, "requires": ["speed provider"]}),
    "a bad plugin-api": static(**PLUGIN, **{"plugin-api": "speed provider"}),
    "feature-order of a plugin": static(**PLUGIN, **{"feature-order": ["mode"]}),
    "invalid JSON": b"{",
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "bytes after the end": GOOD + b"}",
    "a single quote": GOOD.replace(b'"', b"'"),
    "a list": b"[]",
    "nothing": b"",
    "a lone surrogate": encoded(
        patched(DOCUMENT, static(**{"static-properties": None, "builtin": "\ud800"}))
    ),
    "NaN": GOOD.replace(b'["fast", "safe"]', b"NaN"),
    "deep": b"[" * 100_000,
}
# uv installs the right wheel from these only by luck: readers may differ.
ACCEPTED: dict[str, Any] = {
    "unsorted values": fast({"speed": {"mode": ["safe", "fast"]}}),
    "an unknown schema": {"$schema": "https://example.org/schema.json"},
    "a later major schema": {"$schema": "https://variants-schema.wheelnext.dev/peps/850/v1.0.0.json"},
    "providers in version 0.1.1": {"$schema": "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"},
    "a namespace without a feature": fast({"speed": {"mode": ["fast"]}})
    | {"default-priorities": {"namespace": ["speed", "color"]}}
    | {
        "providers": {"color": {"static-properties": {"tone": ["red"]}}},
        "variants": {"fast": {"color": {}}},
    },
    "a duplicate key": GOOD.replace(b'"fast": {"speed"', b'"fast": {"speed": {"mode": ["safe"]}, "speed"'),
}
# Valid documents, and the label that uv installs.
SOUND: dict[str, tuple[Any, str]] = {
    "as it is": ({}, "fast"),
    "several values": (
        {"providers": {"speed": {"static-properties": {"mode": ["fast", "faster", "safe"]}}}}
        | fast({"speed": {"mode": ["fast", "faster"]}}),
        "fast",
    ),
    "two namespaces": (
        {
            "default-priorities": {"namespace": ["color", "speed"]},
            "providers": {"color": {"static-properties": {"tone": ["red"]}}},
            "variants": {"safe": {"color": {"tone": ["red"]}}},
        },
        "safe",
    ),
    "features in order": (
        static(**{"static-properties": {"size": ["1"]}, "feature-order": ["size", "mode"]})
        | {"variants": {"safe": {"speed": {"size": ["1"]}}}},
        "safe",
    ),
    "equal properties": ({"variants": {"safe": {"speed": {"mode": ["fast"]}}}}, "fast"),
    "an unknown plugin": (static(**PLUGIN), "null"),
    "an optional provider": (static(optional=True), "null"),
    "a builtin provider": (static(**{"static-properties": None, "builtin": "speed"}), "null"),
    "no provider": (
        {"$schema": "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json", "providers": None},
        "null",
    ),
    "the schema of variantlib 0.2.2": (
        {"$schema": "https://variants-schema.wheelnext.dev/v0.2.0.json"},
        "fast",
    ),
    "the schema of variantlib 0.2.1": (
        {"$schema": "https://variants-schema.wheelnext.dev/v0.0.3.json"},
        "fast",
    ),
    "a draft without providers": (
        {"$schema": "https://variants-schema.wheelnext.dev/v0.0.3.json", "providers": None},
        "null",
    ),
}


def changed(change: Any) -> Any:
    return change if isinstance(change, bytes) else patched(DOCUMENT, change)


def placed(folder: Path, place: str, document: Any) -> Path:
    """Write a release with the document in index file, wheels or both; return the argument for uv."""

    def good(label: str) -> Any:
        return only(DOCUMENT, label)

    def bad(label: str) -> Any:
        return document if isinstance(document, bytes) else only(document, label)

    index = DOCUMENT if place == "wheels" else document
    write_release(folder, index, good if place == "index" else bad)
    return folder / "demo-1.0-py3-none-any-fast.whl" if place == "path" else folder


# A problem in both kinds of files is the same as one in the index file, which uv reads first.
PLACES = ("index", "wheels", "path")


@pytest.mark.agreement
@pytest.mark.slow  # uv for each
@pytest.mark.parametrize("name", BAD)
def test_a_document_that_uv_misreads_has_an_error(name: str, tmp_path: Path) -> None:
    for place in PLACES:
        what = placed(tmp_path / place, place, changed(BAD[name]))
        served = uv_serves(what, tmp_path / f"t-{place}")
        if place == "index":
            assert served != "fast", place
        if served != "fast":
            assert errors(what), place


@pytest.mark.agreement
@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_document_that_uv_accepts_has_a_finding(name: str, tmp_path: Path) -> None:
    document = ACCEPTED[name]
    if isinstance(document, bytes):
        what = write_release(tmp_path / "both", document, lambda label: only(DOCUMENT, label))
    else:
        what = placed(tmp_path / "both", "both", changed(document))
    assert uv_serves(what, tmp_path / "t") == "fast"
    assert findings(what)


@pytest.mark.agreement
@pytest.mark.parametrize("name", SOUND)
def test_a_valid_document_has_no_error_and_uv_installs_from_it(name: str, tmp_path: Path) -> None:
    change, expected = SOUND[name]
    folder = write_release(tmp_path / "both", patched(DOCUMENT, change))
    assert uv_serves(folder, tmp_path / "t") == expected
    assert errors(folder) == set()


API = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
TPU_API = "tpu_variant_provider.plugin:TpuVariantPlugin"
TABLES: list[tuple[str, tuple[str, ...], str | None]] = [
    *((name, known.table.requires, known.table.plugin_api) for name, known in KNOWN_PROVIDERS.items()),
    *(
        ("nvidia", requires, API)
        for requires in (
            ("nvidia-variant-provider",),
            ("NVIDIA.Variant_Provider == 0.0.*",),
            ("nvidia-variant-provider===0.0.1",),
            ("nvidia-variant-provider>=0.0.1rc1",),
            ("nvidia-variant-provider>0.0.1",),
            ("nvidia-variant-provider!=0.0.1",),
            ("nvidia-variant-provider[x]>=0.0.1",),
            ("nvidia-variant-provider; python_version > '3'",),
            ("nvidia-variant-provider @ https://example.org/x-1-py3-none-any.whl",),
            ("nvidia-variant-provider", "six"),
            ("nvidia-provider",),
        )
    ),
    *(
        ("nvidia", ("nvidia-variant-provider",), api)
        for api in (None, "nvidia_variant_provider", API[:-1], "nvidia_variant_provider.plugin")
    ),
    *(
        ("x86_64", (f"x86-64-variant-provider{specifier}",), None)
        for specifier in ("", "==0.2.1", "==0.2.0", ">=0.2.2", "<0.2", "; python_version > '3'", "[x]")
    ),
    ("x86_64", ("x86_64_variant_provider",), "x86_64_variant_provider"),
    ("x86_64", ("x86_64_variant_provider",), "x86_64_variant_provider.plugin:X8664Plugin"),
    *(("aarch64", (f"aarch64-variant-provider{text}",), None) for text in ("==0.2.0", "==0.1.0", ">=0.2.1")),
    ("aarch64", ("aarch64-variant-provider",), "aarch64_variant_provider"),
    ("aarch64", ("aarch64-variant-provider",), "aarch64_variant_provider.plugin:AArch64Plugin"),
    *(("tpu", (f"tpu-variant-provider{text}",), TPU_API) for text in ("==0.1.0", "==0.0.1", ">=0.2")),
    ("tpu", ("tpu-variant-provider",), None),
    ("tpu", ("tpu-variant-provider",), "tpu_variant_provider"),
    ("gpu", ("nvidia-variant-provider",), API),
]


@pytest.mark.agreement
@pytest.mark.slow  # uv for each
@pytest.mark.parametrize(("namespace", "requires", "plugin_api"), TABLES, ids=str)
def test_a_provider_that_uv_does_not_know_is_found(
    namespace: str, requires: tuple[str, ...], plugin_api: str | None, tmp_path: Path
) -> None:
    feature, value = {
        "x86_64": ("level", "v1"),
        "aarch64": ("version", "8a"),
        "tpu": ("present", "true"),
    }.get(namespace, ("cuda_version_lower_bound", "12.8"))
    table = {"requires": [*requires], **({"plugin-api": plugin_api} if plugin_api else {})}
    document = {
        **DOCUMENT,
        "default-priorities": {"namespace": [namespace]},
        "providers": {namespace: table},
        "variants": {"fast": {namespace: {feature: [value]}}, "null": {}},
    }
    folder = write_release(tmp_path / "dist", document, labels=("fast", "null"))
    output = run(
        *UV, *empty_cache(), *VARIANTS, "-v", "--target", tmp_path / "t", "--find-links", folder, "demo"
    ).stderr
    skipped = "Skipping unsupported wheel variant provider" in output
    found = {finding.problem.code for finding in find_problems([folder])}
    assert found == (
        {"provider-mismatch" if namespace in KNOWN_TO_UV else "unknown-provider"} if skipped else set()
    )


def hardware(driver: str, capability: str, tpu: str) -> dict[str, Any]:
    return {
        "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": driver,
        "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": capability,
        "TPU_VARIANT_PROVIDER_FORCE_PRESENT": tpu,
    }


# uv supports the values without a code on the first machine, and the others on none.
MACHINES = [hardware("13.0", "9.0", "1"), hardware("10.2", "8.6", "0"), hardware("16.0", "4.5", "no")]
VALUES = [
    ("nvidia", "cuda_version_lower_bound", "12.8", None),
    ("nvidia", "cuda_version_lower_bound", "12", None),
    *(
        ("nvidia", "cuda_version_lower_bound", value, "unknown-property")
        for value in ("12.8.1", "cu12", "12.08", "10.2", "10", "12.21")
    ),
    ("nvidia", "cuda_version_upper_bound", "14.0", None),
    ("nvidia", "cuda_version_upper_bound", "16.0", "unknown-property"),
    ("nvidia", "sm_arch", "90_real", None),
    ("nvidia", "sm_arch", "90_virtual", None),
    *(
        ("nvidia", "sm_arch", value, "unknown-property")
        for value in ("90", "sm_90", "90a_real", "86_virtual", "45_real", "40_virtual", "086_real")
    ),
    ("nvidia", "cuda_version", "12.8", "unknown-property"),
    ("tpu", "present", "true", None),
    ("tpu", "present", "yes", "unknown-property"),
    ("tpu", "version", "4", "unknown-property"),
    ("x86_64", "level", "v1", None),
    ("x86_64", "level", "3", "unknown-property"),
    ("x86_64", "level", "v5", "unknown-property"),
    ("x86_64", "popcnt", "on", "unsupported-property"),
    ("aarch64", "version", "9.0a", "unsupported-property"),
    ("aarch64", "version", "7a", "unknown-property"),
    ("aarch64", "version", "v8", "unknown-property"),
    ("aarch64", "sve", "on", "unsupported-property"),
]


@pytest.mark.agreement
def test_a_property_that_uv_never_supports_is_found(tmp_path: Path) -> None:
    dist, projects = tmp_path / "dist", [f"demo{number}" for number in range(len(VALUES))]
    dist.mkdir()
    for project, (namespace, feature, value, _) in zip(projects, VALUES, strict=True):
        document = {
            **DOCUMENT,
            "default-priorities": {"namespace": [namespace]},
            "providers": {namespace: KNOWN_PROVIDERS[namespace].table.to_dict()},
            "variants": {"fast": {namespace: {feature: [value]}}},
        }
        write_wheel(dist / f"{project}-1.0-py3-none-any.whl")
        write_wheel(dist / f"{project}-1.0-py3-none-any-fast.whl", document)
        (dist / f"{project}-1.0-variants.json").write_bytes(encoded(document))
    rules = ("unknown-property", "unsupported-property")
    findings = check_files([dist], rules).findings
    found = {Path(item.file).name: item.problem.code for item in findings}
    codes = [code for *_, code in VALUES]
    assert [found.get(f"{project}-1.0-variants.json") for project in projects] == codes
    options = (*empty_cache(), *VARIANTS, "-v", "--dry-run", "--target", tmp_path / "t", "--find-links", dist)
    selected = []
    for machine in MACHINES:
        output = run(*UV, *options, *projects, **machine).stderr
        selected.append({*re.findall(r"Selecting: (\w+)==1.0 .*-fast\.whl", output)})
    assert selected[0] == {project for project, code in zip(projects, codes, strict=True) if code is None}
    assert set.union(*selected) <= selected[0]


@pytest.mark.agreement
@pytest.mark.parametrize(
    ("namespace", "feature", "value", "platform", "served"),
    [
        ("x86_64", "level", "v1", "macosx_11_0_arm64", "null"),
        ("aarch64", "version", "8a", "macosx_11_0_arm64", "fast"),
        ("nvidia", "cuda_version_lower_bound", "12.8", "macosx_11_0_arm64", "fast"),  # forced on any system
    ],
)
def test_uv_agrees_where_a_variant_is_impossible(
    namespace: str, feature: str, value: str, platform: str, served: str, tmp_path: Path
) -> None:
    document = {
        **DOCUMENT,
        "default-priorities": {"namespace": [namespace]},
        "providers": {namespace: KNOWN_PROVIDERS[namespace].table.to_dict()},
        "variants": {"fast": {namespace: {feature: [value]}}, "null": {}},
    }
    folder = write_release(tmp_path / "dist", document, labels=("null",))
    write_wheel(folder / f"demo-1.0-py3-none-{platform}-fast.whl", only(document, "fast"))
    target = ("--python-platform", "aarch64-apple-darwin", "--target", tmp_path / "t")
    run(*UV, *empty_cache(), *VARIANTS, *target, "--find-links", folder, "demo", **MACHINES[0])
    inner = json.loads((tmp_path / "t" / "demo-1.0.dist-info" / "variant.json").read_bytes())
    assert [*inner["variants"]] == [served]
    found = [finding.problem.code for finding in find_problems([folder])]
    assert found == ([] if namespace == "aarch64" else ["impossible-variant"])


def rename(folder: Path, old: str, new: str) -> None:
    (folder / new).parent.mkdir(exist_ok=True)
    (folder / old).rename(folder / new)


FAST = "demo-1.0-py3-none-any-fast.whl"
INDEX = "demo-1.0-variants.json"
NOT_LISTED = static(**PLUGIN)
FASTEST = {"speed": {"mode": ["fast"]}}


def replaced(folder: Path, name: str, *arguments: Any, **more: Any) -> None:
    (folder / name).unlink()
    write_wheel(folder / name, *arguments, **more)


def drop_variant_json(contents: dict[str, bytes]) -> None:
    del contents["demo-1.0.dist-info/variant.json"]


HEADERS = METADATA.format(name="demo", version="1.0").partition("\n\n")[0].encode() + b"\n"


def with_inner(name: str, content: bytes) -> Any:
    """Return a function that replaces a file of dist-info in the wheel `fast`."""
    return lambda folder: replaced(
        folder,
        FAST,
        only(DOCUMENT, "fast"),
        members=lambda contents: contents.update({f"demo-1.0.dist-info/{name}": content}),
    )


# Problems of the files around a valid document, each with its code.
RELEASES: dict[str, tuple[Any, str]] = {
    "no index file": (lambda folder: (folder / INDEX).unlink(), "missing-index"),
    "an index file without a release in its name": (
        lambda folder: rename(folder, INDEX, "variants.json"),
        "missing-index",
    ),
    "an index file of another version": (
        lambda folder: rename(folder, INDEX, "demo-2.0-variants.json"),
        "missing-index",
    ),
    "an index file in another folder": (
        lambda folder: rename(folder, INDEX, f"a/{INDEX}"),
        "missing-index",
    ),
    "a label missing in the index": (
        lambda folder: (folder / INDEX).write_bytes(encoded(patched(DOCUMENT, {"variants": {"fast": None}}))),
        "index-lacks-label",
    ),
    "other properties in the index": (
        lambda folder: (folder / INDEX).write_bytes(
            encoded(patched(DOCUMENT, {"variants": {"fast": {"speed": {"mode": ["safe"]}}, "safe": FASTEST}}))
        ),
        "index-differs",
    ),
    "another order of values in the index": (
        lambda folder: (folder / INDEX).write_bytes(
            encoded(patched(DOCUMENT, static(**{"static-properties": {"mode": ["safe", "fast"]}})))
        ),
        "index-differs",
    ),
    "a wheel that supports less than the index says": (
        lambda folder: replaced(folder, FAST, only(patched(DOCUMENT, static(**PLUGIN)), "fast")),
        "index-differs",
    ),
    "a label outside the grammar": (
        lambda folder: rename(folder, FAST, "demo-1.0-py3-none-any-FAST.whl"),
        "bad-filename",
    ),
    "another label in the filename": (
        lambda folder: replaced(folder, FAST, only(DOCUMENT, "safe")),
        "label-mismatch",
    ),
    "several labels in a wheel": (lambda folder: replaced(folder, FAST, DOCUMENT), "one-label"),
    "no variant.json": (
        lambda folder: replaced(folder, FAST, DOCUMENT, members=drop_variant_json),
        "missing-variant-json",
    ),
    "a variant marker": (
        lambda folder: replaced(
            folder, FAST, only(DOCUMENT, "fast"), "Requires-Dist: six; variant_label == 'x'"
        ),
        "variant-marker",
    ),
    "a requirement that cannot be read": (
        lambda folder: replaced(folder, FAST, only(DOCUMENT, "fast"), "Requires-Dist: six six"),
        "bad-metadata",
    ),
    "a Requires-Python that cannot be read": (
        lambda folder: replaced(folder, FAST, only(DOCUMENT, "fast"), "Requires-Python: three"),
        "bad-metadata",
    ),
    "another project in METADATA": (
        lambda folder: replaced(
            folder,
            FAST,
            only(DOCUMENT, "fast"),
            members=lambda contents: contents.update(
                {"demo-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: demon\nVersion: 1.0\n"}
            ),
        ),
        "wrong-identity",
    ),
    "a WHEEL of another major version": (
        with_inner("WHEEL", b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        "bad-wheel-file",
    ),
    "a WHEEL that says no version": (with_inner("WHEEL", b"Tag: py3-none-any\n"), "bad-wheel-file"),
    "a WHEEL that starts with an empty line": (
        with_inner("WHEEL", b"\n" + WHEEL.encode()),
        "bad-wheel-file",
    ),
    "a WHEEL with a control character": (
        with_inner("WHEEL", WHEEL.replace(" 1.0", "\x1c 1.0").encode()),
        "bad-wheel-file",
    ),
    "a WHEEL that is not UTF-8": (with_inner("WHEEL", WHEEL.encode() + b"Note: \xe9\n"), "bad-wheel-file"),
    "METADATA with a byte order mark": (with_inner("METADATA", b"\xef\xbb\xbf" + HEADERS), "bad-metadata"),
    "METADATA that starts with an empty line": (with_inner("METADATA", b"\n" + HEADERS), "bad-metadata"),
    "METADATA with a field after a malformed line": (
        with_inner("METADATA", HEADERS.replace(b"Version: 1.0", b"A line of the license.\nVersion: 1.0")),
        "bad-metadata",
    ),
    "METADATA with a space in front of a colon": (
        with_inner("METADATA", HEADERS.replace(b"Name:", b"Name :")),
        "bad-metadata",
    ),
    "METADATA with a space after the name": (
        with_inner("METADATA", HEADERS.replace(b"demo", b"demo ")),
        "bad-metadata",
    ),
    "METADATA with a control character": (
        with_inner("METADATA", HEADERS.replace(b"Version: 1.0", b"Version: 1.0\x0b")),
        "bad-metadata",
    ),
    "METADATA with a space outside ASCII": (
        with_inner("METADATA", HEADERS.replace(b"Version: 1.0", b"Version: \xc2\xa01.0")),
        "bad-metadata",
    ),
    "a marker with an operator for versions": (
        with_inner("METADATA", HEADERS + b"Requires-Dist: six; extra === 'x'\n"),
        "bad-metadata",
    ),
    "a requirement on a path": (
        with_inner("METADATA", HEADERS + b"Requires-Dist: six @ ./six\n"),
        "bad-metadata",
    ),
    "a requirement on an invalid version": (
        with_inner("METADATA", HEADERS + b"Requires-Dist: six===six\n"),
        "bad-metadata",
    ),
    **{
        f"entry points that cannot be read: {content!r}": (
            with_inner("entry_points.txt", content),
            "bad-entry-points",
        )
        for content in (
            b"[console_scripts]\nx = a b\n",
            b"[console_scripts]\n../x = demo:main\n",
            b"[console_scripts]\nx = demo:main\nx = demo:main\n",
            b"x = demo:main\n",
            b"[console_scripts]\nx = demo:m\xe9\n",
        )
    },
    "an unknown folder of .data": (
        lambda folder: replaced(
            folder,
            FAST,
            only(DOCUMENT, "fast"),
            members=lambda contents: contents.update({"demo-1.0.data/bin/x": b""}),
        ),
        "data-folder",
    ),
    "an invalid build number": (
        lambda folder: rename(folder, FAST, "demo-1.0-1+a-py3-none-any-fast.whl"),
        "bad-filename",
    ),
    "a tag in upper case": (
        lambda folder: rename(folder, FAST, "demo-1.0-py3-none-ANY-fast.whl"),
        "bad-filename",
    ),
    "an unknown platform": (
        lambda folder: rename(folder, FAST, "demo-1.0-py3-none-manylinux228_x86_64-fast.whl"),
        "unknown-platform",
    ),
    "a processor with its name on Windows": (
        lambda folder: rename(folder, FAST, "demo-1.0-py3-none-linux_amd64-fast.whl"),
        "unknown-platform",
    ),
    "no zip file": (lambda folder: (folder / FAST).write_bytes(b"PK"), "bad-zip"),
}


@pytest.mark.agreement
@pytest.mark.slow  # uv for each
@pytest.mark.parametrize("name", RELEASES)
def test_a_release_that_uv_does_not_install_has_an_error(name: str, tmp_path: Path) -> None:
    change, code = RELEASES[name]
    folder = write_release(tmp_path / "dist", DOCUMENT)
    write_release(folder, DOCUMENT, version="0.9")  # uv may silently install it instead
    assert errors(folder) == set()
    change(folder)
    assert uv_serves(folder, tmp_path / "t") != "fast"
    assert code in errors(folder)


@pytest.mark.agreement
@pytest.mark.slow  # pip and uv for each
def test_a_platform_without_fallback_is_found_if_uv_or_pip_fails(tmp_path: Path) -> None:
    document = patched(DOCUMENT, NOT_LISTED)
    alone = write_release(
        tmp_path / "alone", patched(document, {"variants": {"null": None}}), None, ("fast",), False
    )
    assert uv_serves(alone, tmp_path / "t") is None
    assert {"no-fallback", "no-plain-wheel"} <= errors(alone)
    null = write_release(tmp_path / "null", document, plain=False)
    assert uv_serves(null, tmp_path / "t-null") == "null"
    pip = ("pip", "install", "--no-index", "--target", tmp_path / "p", "--find-links")
    assert run(*pip, null, "demo", ok=False).returncode
    assert errors(null) == {"no-plain-wheel"}
    both = write_release(tmp_path / "both", document)
    run(*pip, both, "demo")
    assert errors(both) == set()


WINDOWS, MAC = "x86_64-pc-windows-msvc", "aarch64-apple-darwin"
LINUX, MUSL = "x86_64-manylinux_2_28", "x86_64-unknown-linux-musl"


@pytest.mark.agreement
@pytest.mark.parametrize(
    ("fallback", "tags", "platform"),
    [
        ("py3-none-any", "cp313-cp313-win_amd64", WINDOWS),
        ("py310-none-any", "cp313-cp313-win_amd64", WINDOWS),
        ("py314-none-any", "cp313-cp313-win_amd64", WINDOWS),
        ("cp39-abi3-win_amd64", "cp313-cp313-win_amd64", WINDOWS),
        ("cp314-abi3-win_amd64", "cp313-cp313-win_amd64", WINDOWS),
        ("cp312-cp312-win_amd64", "cp313-cp313-win_amd64", WINDOWS),
        ("cp313-none-win_amd64", "cp313-cp313-win_amd64", WINDOWS),
        ("cp312-none-win_amd64", "cp313-cp313-win_amd64", WINDOWS),
        ("cp37-none-any", "cp313-cp313-win_amd64", WINDOWS),
        ("cp313-cp313-win32", "cp313-cp313-win_amd64", WINDOWS),
        ("py3-none-macosx_11_0_universal2", "cp313-cp313-macosx_12_0_arm64", MAC),
        ("py3-none-macosx_11_0_x86_64", "cp313-cp313-macosx_12_0_arm64", MAC),
        ("cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp313-cp313-linux_x86_64", LINUX),
        ("cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_28_x86_64", LINUX),
        ("cp313-cp313-manylinux_2_28_aarch64", "cp313-cp313-manylinux_2_28_x86_64", LINUX),
        ("cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-musllinux_1_1_x86_64", MUSL),
        ("cp313-cp313-musllinux_1_1_x86_64", "cp313-cp313-musllinux_1_1_x86_64", MUSL),
    ],
)
def test_a_missing_fallback_is_found_exactly_where_uv_fails(
    fallback: str, tags: str, platform: str, tmp_path: Path
) -> None:
    document = patched(DOCUMENT, NOT_LISTED)
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / INDEX).write_bytes(encoded(only(document, "fast")))
    write_wheel(folder / f"demo-1.0-{tags}-fast.whl", only(document, "fast"))
    write_wheel(folder / f"demo-1.0-{fallback}.whl")
    there = ("--dry-run", "--python-platform", platform, "--python-version", "3.13")
    options = (*there, "--target", tmp_path / "t", "--find-links", folder)
    code = run(*UV, *empty_cache(), *VARIANTS, *options, "demo", ok=False).returncode
    assert errors(folder) == ({"no-fallback", "no-plain-wheel"} if code else set())


@pytest.mark.agreement
def test_a_variant_with_a_plain_name_is_found_and_uv_installs_it(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    write_wheel(folder / "demo-1.0-py3-none-any.whl", only(patched(DOCUMENT, NOT_LISTED), "fast"))
    assert uv_serves(folder, tmp_path / "t") == "fast"
    assert errors(folder) == {"unlabelled-variant"}


def test_the_document_has_the_labels_of_this_module() -> None:
    assert sorted(DOCUMENT["variants"]) == sorted(LABELS)


def test_newer_gpus_get_no_variant_of_uv_exactly_where_a_warning_says_so(tmp_path: Path) -> None:
    lists = {
        "old": ["80_real", "90_real"],
        "ptx": ["80_real", "90_real", "90_virtual"],
        "same": ["120_real"],
        "newptx": ["90_real", "120_virtual"],
        "any": [],
    }
    dist = tmp_path / "dist"
    dist.mkdir()
    for project, values in lists.items():
        features = {"cuda_version_lower_bound": ["12.8"], **({"sm_arch": values} if values else {})}
        document = {
            **DOCUMENT,
            "default-priorities": {"namespace": ["nvidia"]},
            "providers": {"nvidia": KNOWN_PROVIDERS["nvidia"].table.to_dict()},
            "variants": {"fast": {"nvidia": features}},
        }
        write_wheel(dist / f"{project}-1.0-py3-none-any.whl")
        write_wheel(dist / f"{project}-1.0-py3-none-any-fast.whl", document)
        (dist / f"{project}-1.0-variants.json").write_bytes(encoded(document))
    findings = check_files([dist], {"newer-gpus"}).findings
    warned = {Path(finding.file).name.partition("-")[0] for finding in findings}
    options = (*empty_cache(), *VARIANTS, "-v", "--dry-run", "--target", tmp_path / "t", "--find-links", dist)
    output = run(*UV, *options, *lists, **hardware("13.0", "12.1", "0")).stderr
    selected = {*re.findall(r"Selecting: (\w+)==1.0 .*-fast\.whl", output)}
    assert warned == {*lists} - selected == {"old", "ptx"}


NEWER = {
    "demo-1.0.post1-py3-none-any.whl": True,
    "demo-1.0+cu128-py3-none-any.whl": True,
    "demo-1.1.tar.gz": True,
    "demo-1.1rc1-py3-none-any.whl": False,
    "demo-1.1-py3-none-win32.macosx_11_0_arm64.whl": False,
    "demo-0.9-py3-none-any.whl": False,
    "demo-1.0.tar.gz": False,
}


@pytest.mark.agreement
@pytest.mark.slow  # uv for each
@pytest.mark.parametrize(("name", "hides"), NEWER.items())
def test_a_newer_version_without_variants_is_found(name: str, hides: bool, tmp_path: Path) -> None:
    folder = write_release(tmp_path / "dist", DOCUMENT)
    if name.endswith(".whl"):
        write_wheel(folder / name)
    else:
        version = name.removeprefix("demo-").removesuffix(".tar.gz")
        (folder / name).write_bytes(made_sdist(f"Metadata-Version: 2.4\nName: demo\nVersion: {version}\n"))
    assert (uv_serves(folder, tmp_path / "t") != "fast") == hides
    assert findings(folder) == ({"hidden-variants"} if hides else set())
