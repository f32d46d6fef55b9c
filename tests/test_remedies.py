"""Each remedy works: what it says is done to the letter, and the problem is gone.

Each code has a `Scenario`; without one, the suite fails. A remedy with alternatives has one for each of them.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from helpers.documentation import DOCS, shown_file
from helpers.made_wheels import make_wheel, record_row, requiring
from helpers.programs import check_options, run_here
from helpers.remedies import (
    FAST,
    INDEX,
    PLAIN,
    VARIANT,
    Maker,
    Reported,
    Scenario,
    Step,
    add,
    as_printed,
    both,
    command,
    edit_wheel,
    environment,
    example,
    files,
    in_environment,
    in_turn,
    index,
    index_of,
    mended,
    nothing,
    patch,
    ran,
    rebuild,
    rebuild_with,
    release,
    remove,
    rename,
    renamed,
    reported,
    swap,
    uv,
    wheel,
)
from helpers.rules_page import OTHERS
from helpers.sample_projects import WRAPS_SETUPTOOLS
from helpers.sample_release import DOCUMENT, SDIST, made_sdist
from helpers.unsound_wheels import LOCAL_IN_FILENAME, UNSOUND

import variant_backend
from variant_backend import __version__
from variant_backend._internal.checking.codes import GROUPS, RULES
from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.toml_read import parse_toml
from variant_backend._internal.lowlevel.zip_records import MEND, REBUILD
from variant_backend._internal.machine import user_config
from variant_backend._internal.variants.metadata import SCHEMA_WITH_PROVIDERS
from variant_backend._internal.wheels.reading import IDENTIFY

NULL = "demo-1.0-py3-none-any-null.whl"
SAFE = "demo-1.0-py3-none-any-safe.whl"
WINDOWS = "demo-1.0-cp313-cp313-win_amd64"
STRAY = "demo-1.0-py3-none-any-Fast.whl"
BUILD = "demo-1.0-1!-py3-none-any.whl"
LINUX = "demo-1.0-cp313-cp313-manylinux228_x86_64.whl"
OTHER = "other-1.0-variants.json"
UNLABELLED = "demo-1.0-py2-none-any.whl"
INFO = "demo-1.0.dist-info"

VARIANTS = """\
[variant]
default-priorities.namespace = ["speed"]
providers.speed.static-properties.mode = ["fast", "safe"]
variants.fast.speed.mode = ["fast"]
variants.safe.speed.mode = ["safe"]
"""
PROJECT = f"{WRAPS_SETUPTOOLS}{VARIANTS}"
UNWRAPPED = f"""\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "demo"
version = "1.0"
{VARIANTS}"""

NOT_WRAPPED = (
    "run `variant-backend init dist`; if you only use `make-variant` on finished wheels,"
    " use --ignore not-wrapped"
)
NEWER_GPUS = (
    "add 100_virtual, 110_virtual, 120_virtual to a variant that has PTX, or add a variant for these GPUs"
)
OLD_AND_NEW = ["100_virtual", "110_virtual", "120_virtual", "80_real", "90_real", "90_virtual"]
KNOWN_LABEL = "define the label there, or correct its spelling"
SPEED = {"static-properties": {"mode": ["fast", "safe"]}}
COLOR = {"static-properties": {"tone": ["red"]}}
TWO_FEATURES = {
    "static-properties": {"mode": ["fast", "safe"], "size": ["1"]},
    "feature-order": ["mode", "size"],
}
FASTEST = {"speed": {"mode": ["fast"]}}
SAFEST = {"speed": {"mode": ["safe"]}}
EITHER = {"speed": {"mode": ["fast", "safe"]}}

FAST_MEND = MEND.replace("WHEEL", f"dist/{FAST}")
AGAIN = "download or build the wheel again"
REMAKE = "recreate the wheel with `make-variant`, and do not edit files inside it"
MAKE_FAST = command(f"make-variant {VARIANT} --force dist/{PLAIN}")
DOWNLOADED = "name it NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM[-LABEL].whl"
TAGS = "correct its spelling; `python -m pip debug --verbose` lists the tags of a machine"
LOWER = "use only a-z, 0-9, '_' and '.', such as 'fast'"
SCRIPT = "[console_scripts]\ndemo = demo:main\n"
MARKERS = 'make the wheel with `make-variant` or the build hook, and without `markers = "keep"`'
UPGRADE = "run `variant-backend upgrade --in-place FILE`"
NEWER = f"if the format is newer, update variant-backend; otherwise write {SCHEMA_WITH_PROVIDERS}"
CONVERT = f"make-variant {VARIANT}"
LOCAL = "demo-1.0+cu12-py3-none-any.whl"
STRIP = "run `make-variant` with --strip-local-version, which takes the version in the wheel"
NO_PROVIDER = f'add a provider for the namespace; in JSON, also write "$schema": "{SCHEMA_WITH_PROVIDERS}"'
ONE_SOURCE = "use either static-properties or requires, and only the keys that belong to it"
OTHER_SOURCE = "use static-properties or requires"
SCHEMA = "write the $schema of the version with providers"
PROPERTIES = "add properties or use the label 'null'"
LISTED = "add a value to static-properties, or correct its spelling"
DECLARED = "add it there, or correct its spelling"
PROVIDED = "add a provider, or remove the namespace from default-priorities"
ONE_TABLE = "build all wheels of a release from one [variant] table"
WRITE_INDEX = "write it with `variant-backend index dist`"
REPAGE = "remove the project's pages, and write new ones with `variant-backend index --simple dist`"
FALLBACK = "add a null variant or a plain wheel for the platform"
PLAIN_OR_SDIST = "add a plain wheel for the platform, or a dispatching sdist (`variant-backend stub`)"
LOCK = "lock -f dist -o locks"
STUB = command("stub dist --base-url https://example.org -o dist")
BUILD_SDIST = add(files({f"dist/{SDIST}": made_sdist()}))
UNDECIDABLE = "test variant_label or variant_features instead, or define one label for each value"
OLDER = (
    'write requires-python = ">=3.10", or run `variant-backend init dist --undo` and use `make-variant` on'
)
OLDER = f"{OLDER} finished wheels"
NO_EFFECT = (
    "correct it; remove it if only the requirements differ; remove the label if the code gains nothing"
)
ADD_WHEEL = "add the wheel, or write the index file with `variant-backend index dist`"


OPTIMIZED = wheel(
    f"dist/{FAST}",
    "fast",
    members=lambda contents: contents.update({"demo/fast.so": b""}),
    rows=lambda rows: [*rows, record_row("demo/fast.so", b"")],
)


def project(old: str = "", new: str = "", name: str = "dist/pyproject.toml") -> Maker:
    """Return a function that writes a project file, after a change."""
    assert old in PROJECT
    return files({name: PROJECT.replace(old, new)})


def document(code: str, remedy: str, follow: Step, make: Maker | None = None) -> Scenario:
    """Return a scenario with the index file of the bad example alone, because wheels would be rebuilt."""
    return Scenario(code, remedy, follow, make or index_of(code), f"check {INDEX}")


def without_signature(contents: dict[str, bytes]) -> None:
    """Delete a signature and its row in RECORD."""
    del contents[f"{INFO}/RECORD.jws"]
    rows = contents[f"{INFO}/RECORD"].splitlines(keepends=True)
    contents[f"{INFO}/RECORD"] = b"".join(row for row in rows if b"RECORD.jws" not in row)


def copied_provider(item: Reported) -> None:
    """Copy the provider of nvidia from docs/reference/providers.md."""
    page = (DOCS / "reference" / "providers.md").read_text(encoding="utf-8")
    providers = parse_toml(shown_file(page, "pyproject.toml").encode(), Path("providers.md"))["variant"]
    assert isinstance(providers, dict)
    patch({"providers": {"nvidia": providers["providers"]["nvidia"]}})(item)


def member_wheel(label: str) -> Maker:
    """Return a function that writes a wheel of a project that is a label."""
    return lambda: make_wheel(Path("dist"), f"demo_{label}")


def retired_wheel() -> None:
    metadata = requiring("demo")
    make_wheel(Path("dist"), "demo_cuda12", metadata=metadata)


def local_wheel() -> None:
    make_wheel(Path("dist"), version="1.0+local")


def yank() -> None:
    """Withdraw all wheels of an index."""
    page = Path("dist", "simple", "demo", "index.html")
    page.write_text(
        page.read_text(encoding="utf-8").replace("<a ", '<a data-yanked="broken" '), encoding="utf-8"
    )


def make_all(_: Reported) -> None:
    """Make all wheels of the release from one [variant] table."""
    for label in ("fast", "null", "safe"):
        ran(f"make-variant -l {label} --pyproject pyproject.toml --force dist/{PLAIN}")()


FILES = [
    Scenario(
        "unreadable",
        "name an existing file that you can read",
        nothing,
        command=f"check dist/{WINDOWS}.whl",
        again=f"check dist/{PLAIN}",
    ),
    Scenario(
        "unknown-file",
        RULES["unknown-file"].remedy,
        nothing,
        command="check dist/notes.txt",
        again=f"check dist/{PLAIN} dist/{INDEX} dist",
    ),
    Scenario(
        "nothing-to-check",
        "name the folder that contains the wheels",
        nothing,
        release(),
        "check .",
        "check dist",
    ),
    Scenario(
        "not-toml", "correct its syntax", swap("[project", "[project]"), project("[project]", "[project")
    ),
]
WHEELS = [
    Scenario("bad-filename", LOWER, rename(f"dist/{STRAY}", f"dist/{FAST}")),
    Scenario(
        "bad-filename",
        f"rename it to {DOWNLOADED.removeprefix('name it ')}",
        rename("dist/demo.whl", f"dist/{PLAIN}"),
        release(lambda: Path("dist", PLAIN).rename("dist/demo.whl")),
    ),
    Scenario(
        "bad-filename",
        DOWNLOADED,
        rename(f"dist/{BUILD}", f"dist/{BUILD.replace('!', '')}"),
        release(wheel(f"dist/{BUILD}")),
    ),
    Scenario("bad-zip", AGAIN, rebuild, rebuilt=True),
    Scenario("zip-layout", FAST_MEND, mended),
    Scenario("dist-info", REBUILD, rebuild, rebuilt=True),
    Scenario("missing-file", REBUILD, rebuild, rebuilt=True),
    Scenario(
        "bad-wheel-file",
        "rebuild the wheel with a build backend that writes Wheel-Version 1.0",
        rebuild,
        rebuilt=True,
    ),
    Scenario(
        "bad-entry-points",
        "write each script as NAME = MODULE:FUNCTION, and rebuild the wheel",
        rebuild_with(inner={"entry_points.txt": SCRIPT}),
        rebuilt=True,
    ),
    Scenario(
        "data-folder",
        "use only the folders data, headers, platlib, purelib and scripts, and rebuild the wheel",
        rebuild_with(
            members=lambda contents: contents.update({"demo-1.0.data/scripts/demo": b""}),
            rows=lambda rows: [*rows, record_row("demo-1.0.data/scripts/demo", b"")],
        ),
        rebuilt=True,
    ),
    Scenario(
        "wrong-identity",
        REBUILD,
        rebuild,
        release(wheel(f"dist/{PLAIN}", metadata="Version: 1.0")),
        rebuilt=True,
    ),
    Scenario(
        "wrong-identity",
        IDENTIFY.replace("WHEEL", PLAIN),
        mended,
        UNSOUND["METADATA has another name"],
        f"check {PLAIN}",
    ),
    Scenario("bad-record", FAST_MEND, mended),
    Scenario("duplicate-row", FAST_MEND, mended),
    Scenario("incomplete-row", FAST_MEND, mended),
    Scenario("missing-row", FAST_MEND, mended),
    Scenario("stray-row", FAST_MEND, mended),
    Scenario("wrong-size", FAST_MEND, mended),
    Scenario("bad-hash", FAST_MEND, mended),
    Scenario("weak-hash", FAST_MEND, mended),
    Scenario("tag-mismatch", FAST_MEND, mended),
    Scenario("zip-comment", FAST_MEND, mended),
    Scenario("symbolic-link", RULES["symbolic-link"].remedy, rebuild, rebuilt=True),
    Scenario(
        "old-specifier",
        RULES["old-specifier"].remedy,
        rebuild_with(metadata="Requires-Python: >=3.5"),
        release(wheel(f"dist/{PLAIN}", metadata="Requires-Python: >=3.5.*")),
        rebuilt=True,
    ),
    Scenario("wrong-hash", FAST_MEND, mended),
    Scenario(
        "runtime-mismatch",
        RULES["runtime-mismatch"].remedy,
        rebuild_with(metadata="Requires-Dist: nvidia-cuda-runtime-cu13"),
        command="check --payload dist",
        rebuilt=True,
    ),
    Scenario(
        "unreadable-module",
        RULES["unreadable-module"].remedy,
        rebuild,
        command="check --payload dist",
        rebuilt=True,
    ),
    Scenario(
        "missing-local-version",
        "require the version without +LOCAL",
        rebuild_with(metadata="Requires-Dist: other==1.0"),
        release(
            wheel("dist/other-1.0-py3-none-any.whl"),
            wheel(f"dist/{PLAIN}", metadata="Requires-Dist: other==1.0+cu128"),
        ),
        rebuilt=True,
    ),
    Scenario(
        "dist-info",
        STRIP,
        add(ran(f"{CONVERT} --strip-local-version {LOCAL} -o dist")),
        LOCAL_IN_FILENAME,
        f"check {LOCAL}",
        f"check dist/{FAST}",
    ),
    Scenario(
        "dist-info",
        STRIP,
        nothing,
        LOCAL_IN_FILENAME,
        f"{CONVERT} {LOCAL}",
        f"{CONVERT} --strip-local-version {LOCAL}",
    ),
    Scenario("signature-listed", FAST_MEND, mended),
    Scenario(
        "signature",
        "delete the signature; if you have signed the wheel again, use --ignore signature",
        edit_wheel(without_signature),
    ),
    Scenario(
        "signature",
        "delete the signature; if you have signed the wheel again, use --ignore signature",
        nothing,
        again="check dist --ignore signature",
    ),
    Scenario("missing-variant-json", REMAKE, MAKE_FAST),
    Scenario("one-label", REMAKE, MAKE_FAST),
    Scenario("label-mismatch", REMAKE, MAKE_FAST),
    Scenario(
        "direct-reference",
        "name a project and its versions instead",
        rebuild_with(metadata="Requires-Dist: six==1.17.0"),
        release(
            wheel(
                f"dist/{PLAIN}",
                metadata="Requires-Dist: six @ https://example.org/six-1.17.0-py3-none-any.whl",
            )
        ),
        rebuilt=True,
    ),
    Scenario(
        "bad-metadata",
        "correct it in the project file, and rebuild the wheel",
        rebuild,
        release(wheel(f"dist/{PLAIN}", metadata="Requires-Dist: six >> 1")),
        rebuilt=True,
    ),
    Scenario(
        "bad-metadata",
        MEND.replace("WHEEL", PLAIN),
        mended,
        UNSOUND["METADATA has spaces before a colon"],
        f"check {PLAIN}",
    ),
    Scenario(
        "variant-marker",
        MARKERS,
        MAKE_FAST,
        release(wheel(f"dist/{FAST}", "fast", metadata="Requires-Dist: six; 'speed' in variant_namespaces")),
    ),
    Scenario("unknown-platform", TAGS, rename(f"dist/{LINUX}", f"dist/{LINUX.replace('228', '_2_28')}")),
    Scenario(
        "unlabelled-variant",
        "make a labelled copy with `make-variant`, and delete this wheel",
        in_turn(command(f"make-variant --force dist/{UNLABELLED}"), remove(f"dist/{UNLABELLED}")),
        release(wheel(f"dist/{UNLABELLED}", "fast")),
    ),
]
DOCUMENTS = [
    document(
        "not-json",
        "correct its syntax",
        swap(": ,", ": {},"),
        files({INDEX: json.dumps(DOCUMENT).replace(": {}", ": ")}),
    ),
    document(
        "duplicate-entry",
        "remove one of them",
        swap('"null": {}, "null": {}', '"null": {}'),
        files({INDEX: json.dumps(DOCUMENT).replace('"null": {}', '"null": {}, "null": {}')}),
    ),
    document(
        "duplicate-key", "remove one of them", swap('"namespace": ["speed"], "namespace"', '"namespace"')
    ),
    document("null-value", "leave the key out", swap(', "optional": null', "")),
    document("ignored-null", "leave the key out", swap(', "feature-order": null', "")),
    document("schema-without-providers", SCHEMA, patch({"$schema": SCHEMA_WITH_PROVIDERS})),
    document("schema-without-providers", SCHEMA, patch({"providers": None})),
    document("no-values", "add a value, or remove it", patch({"providers": {"speed": TWO_FEATURES}})),
    document(
        "no-values",
        "add a value, or remove it",
        patch({"providers": {"speed": {"static-properties": {"size": None}, "feature-order": None}}}),
    ),
    document(
        "no-properties",
        "add a feature, or remove the namespace",
        patch({"variants": {"fast": {"color": None}}}),
        index(
            {
                "variants": {"fast": {"color": {}}},
                "default-priorities": {"namespace": ["speed", "color"]},
                "providers": {"color": COLOR},
            }
        ),
    ),
    document("no-properties", PROPERTIES, patch({"variants": {"other": EITHER}})),
    document("no-properties", PROPERTIES, patch({"variants": {"other": None, "null": {}}})),
    document(
        "unusable-provider",
        "correct the provider's entry",
        patch({"providers": {"speed": {"requires": None, "static-properties": {"mode": ["fast", "safe"]}}}}),
    ),
    document("wrong-type", "replace it", patch({"default-priorities": {"namespace": ["speed"]}})),
    document(
        "bad-plugin-api",
        "write MODULE or MODULE:OBJECT",
        patch({"providers": {"speed": {"plugin-api": "speed_provider:Plugin"}}}),
    ),
    document("unknown-key", "known keys: namespace", patch({"default-priorities": {"feature": None}})),
    document("missing-key", "add it", patch({"default-priorities": {"namespace": ["speed"]}})),
    document("empty-list", "add an entry, or remove the key", patch({"variants": {"fast": FASTEST}})),
    document(
        "empty-list",
        "add an entry, or remove the key",
        patch({"variants": {"fast": {"speed": {"mode": None}}}}),
        index(
            {
                "variants": {"fast": {"speed": {"mode": [], "size": ["1"]}}},
                "providers": {"speed": TWO_FEATURES},
            }
        ),
    ),
    document("duplicate-value", "remove one of them", patch({"variants": {"fast": FASTEST}})),
    document("unsorted-values", "sort them", patch({"variants": {"fast": EITHER}})),
    document("bad-name", LOWER, patch({"variants": {"fast": FASTEST}})),
    document("unknown-schema", UPGRADE.replace("FILE", INDEX), command(f"upgrade --in-place {INDEX}")),
    document("draft-schema", UPGRADE.replace("FILE", INDEX), command(f"upgrade --in-place {INDEX}")),
    document(
        "unknown-schema",
        NEWER,
        patch({"$schema": SCHEMA_WITH_PROVIDERS}),
        index({"$schema": "https://example.org/v9.json"}),
    ),
    document(
        "undeclared-namespace",
        DECLARED,
        patch({"default-priorities": {"namespace": ["speed", "color"]}}),
        index({"variants": {"red": {"color": {"tone": ["red"]}}}, "providers": {"color": COLOR}}),
    ),
    document("undeclared-namespace", DECLARED, patch({"variants": {"safe": {"sped": None, **SAFEST}}})),
    document(
        "reserved-namespace",
        "remove it there and from providers",
        patch({"default-priorities": {"namespace": ["speed"]}, "providers": {"abi_dependency": None}}),
    ),
    document("missing-provider", PROVIDED, patch({"providers": {"color": COLOR}})),
    document("missing-provider", PROVIDED, patch({"default-priorities": {"namespace": ["speed"]}})),
    document("provider-source", ONE_SOURCE, patch({"providers": {"speed": {"requires": None}}})),
    document("provider-source", ONE_SOURCE, patch({"providers": {"speed": {"static-properties": None}}})),
    document(
        "bad-requirement",
        "write NAME, NAME==VERSION or NAME; MARKER",
        patch({"providers": {"speed": {"requires": ["speed-provider==1"]}}}),
    ),
    document(
        "bad-requirement",
        "remove one of them",
        patch({"providers": {"speed": {"requires": ["speed-provider"]}}}),
        index({"providers": {"speed": {"static-properties": None, "requires": ["speed-provider"] * 2}}}),
    ),
    document(
        "bad-requirement",
        "add a requirement",
        patch({"providers": {"speed": {"requires": ["speed-provider"]}}}),
        index({"providers": {"speed": {"static-properties": None, "requires": []}}}),
    ),
    document(
        "feature-order",
        "list every feature once in feature-order",
        patch({"providers": {"speed": {"feature-order": ["mode", "size"]}}}),
    ),
    document(
        "null-variant",
        "use another label or remove the properties",
        patch({"variants": {"null": None, "other": EITHER}}),
    ),
    document(
        "null-variant",
        "use another label or remove the properties",
        patch({"variants": {"null": {"speed": None}}}),
    ),
    document(
        "abi-dependency",
        "remove it until installers support it",
        patch({"variants": {"fast": {"abi_dependency": None}}}),
    ),
    document("provider-mismatch", "copy the provider from docs/reference/providers.md", copied_provider),
    document(
        "unknown-property",
        "correct the spelling of the feature and its values",
        patch({"variants": {"cuda": {"nvidia": {"cuda_version_lower_bound": ["12.8"]}}}}),
    ),
    document(
        "unsupported-property",
        "use a property that uv supports, or --ignore unsupported-property",
        patch({"variants": {"popcnt": {"x86_64": {"popcnt": None, "level": ["v2"]}}}}),
    ),
    document(
        "unsupported-property", "use a property that uv supports, or --ignore unsupported-property", nothing
    )._replace(again=f"check {INDEX} --ignore unsupported-property"),
    document("newer-gpus", NEWER_GPUS, patch({"variants": {"cuda": {"nvidia": {"sm_arch": OLD_AND_NEW}}}})),
    document("newer-gpus", NEWER_GPUS, patch({"variants": {"new": {"nvidia": {"sm_arch": ["120_real"]}}}})),
    document(
        "unknown-provider",
        "use static-properties if the values are few and known",
        patch({"providers": {"speed": {**SPEED, "requires": None}}}),
    ),
    document(
        "no-provider", NO_PROVIDER, patch({"providers": {"speed": SPEED}, "$schema": SCHEMA_WITH_PROVIDERS})
    ),
    document(
        "optional-provider",
        "remove optional, unless you need it for later installers",
        patch({"providers": {"speed": {"optional": None}}}),
    ),
    document("builtin-provider", OTHER_SOURCE, patch({"providers": {"speed": {**SPEED, "builtin": None}}})),
    document(
        "unlisted-value",
        LISTED,
        patch({"providers": {"speed": {"static-properties": {"mode": ["fast", "safe", "save"]}}}}),
    ),
    document("unlisted-value", LISTED, patch({"variants": {"safe": SAFEST}})),
    document("equal-properties", "remove one of them", patch({"variants": {"safe": None}})),
    document("hash-label", "use a readable label", patch({"variants": {"3f2a9c01": None, "fast": FASTEST}})),
    Scenario(
        "other-label",
        "use the same label in both projects",
        patch({"variants": {"quick": None, "fast": FASTEST}}),
        both(index({}), index({"variants": {"fast": None, "quick": FASTEST}}, OTHER)),
        f"check {INDEX} {OTHER}",
    ),
    Scenario(
        "other-properties",
        "use another label in one of the projects",
        patch({"variants": {"fast": None, "both": EITHER}}),
        both(index({}), index({"variants": {"fast": EITHER}}, OTHER)),
        f"check {INDEX} {OTHER}",
    ),
]
RELEASES = [
    Scenario(
        "wheels-differ",
        f"make{ONE_TABLE.removeprefix('build')}",
        make_all,
        both(example("wheels-differ"), files({"pyproject.toml": VARIANTS})),
    ),
    Scenario("index-differs", WRITE_INDEX, as_printed),
    Scenario("index-name", f"rename it to {INDEX}", renamed),
    Scenario(
        "index-name",
        "delete it",
        remove("dist/demo-1.0.0-variants.json"),
        release(index({}, "dist/demo-1.0.0-variants.json")),
    ),
    Scenario(
        "index-name",
        "delete it, and write the right one with `variant-backend index dist`",
        in_turn(remove("dist/variants.json"), as_printed),
        release(lambda: Path("dist", INDEX).rename("dist/variants.json")),
    ),
    *(
        Scenario(
            code,
            REPAGE,
            in_turn(remove(f"dist/simple/{'Demo' if code == 'page-name' else 'demo'}"), as_printed),
        )
        for code in (
            "bad-page",
            "page-name",
            "link-size",
            "pages-differ",
            "unlisted-wheel",
            "dead-link",
            "link-hash",
            "unlisted-index",
        )
    ),
    Scenario("missing-index", WRITE_INDEX, as_printed),
    Scenario("index-lacks-label", WRITE_INDEX, as_printed),
    Scenario(
        "side-file",
        "copy METADATA from the wheel unchanged",
        lambda item: item.path.write_bytes(ZipFile(f"dist/{FAST}").read(f"{INFO}/METADATA")),
    ),
    Scenario("index-label-without-wheel", ADD_WHEEL, as_printed),
    Scenario("index-label-without-wheel", ADD_WHEEL, add(wheel(f"dist/{SAFE}", "safe"))),
    Scenario(
        "index-without-wheels",
        "move it to the folder of its wheels",
        rename(f"dist/{INDEX}", f"wheels/{INDEX}"),
        release(
            lambda: Path("wheels").mkdir(),
            lambda: [path.rename(Path("wheels", path.name)) for path in Path("dist").glob("*.whl")],
        ),
        "check dist wheels",
        "check wheels",
    ),
    Scenario(
        "python-differs",
        "give all wheels of the release the same Requires-Python",
        in_turn(rebuild, remove("dist/demo-1.0-py3-none-any-fast.whl")),
    ),
    Scenario(
        "hidden-variants", RULES["hidden-variants"].remedy, remove("dist/demo-1.0.post1-py3-none-any.whl")
    ),
    Scenario("bad-sdist", RULES["bad-sdist"].remedy, BUILD_SDIST),
    Scenario("sdist-identity", RULES["sdist-identity"].remedy, BUILD_SDIST),
    Scenario("no-fallback", FALLBACK, add(wheel(f"dist/{WINDOWS}-null.whl", "null"))),
    Scenario("no-fallback", FALLBACK, add(wheel(f"dist/{WINDOWS}.whl"))),
    Scenario("fallback-from-sdist", FALLBACK, add(wheel(f"dist/{NULL}", "null"))),
    Scenario("fallback-from-sdist", FALLBACK, add(wheel(f"dist/{PLAIN}"))),
    Scenario("no-plain-wheel", PLAIN_OR_SDIST, add(wheel(f"dist/{PLAIN}"))),
    Scenario("no-plain-wheel", PLAIN_OR_SDIST, STUB),
    Scenario("plain-from-sdist", PLAIN_OR_SDIST, add(wheel(f"dist/{PLAIN}"))),
    Scenario(
        "plain-from-sdist",
        PLAIN_OR_SDIST,
        command("stub dist --base-url https://example.org -o dist --force"),
    ),
]
PROJECTS = [
    Scenario(
        "reserved-provider",
        OTHER_SOURCE,
        swap('builtin = "speed"', 'static-properties.mode = ["fast", "safe"]'),
    ),
    Scenario(
        "build-system",
        'write build-backend = "variant_backend.hooks"',
        swap('"variant_backend.hook"', '"variant_backend.hooks"'),
    ),
    Scenario(
        "build-system",
        'write build-backend = "variant_backend.hooks"',
        swap('"hatchling.build"', '"variant_backend.hooks"'),
        project("variant_backend.hooks", "hatchling.build"),
    ),
    Scenario("misspelt-table", "rename it to [variant]", swap("[varient]", "[variant]")),
    Scenario(
        "misspelt-table",
        "move its keys to [variant], and remove it",
        swap("[variants]\n", ""),
        project("default-priorities", "[variants]\ndefault-priorities"),
    ),
    Scenario(
        "build-requires",
        'add "variant-backend-core" to the list',
        swap('"setuptools"]', '"setuptools", "variant-backend-core"]'),
        project(', "variant-backend-core"', ""),
    ),
    Scenario("build-requires", "remove the marker", swap("; sys_platform == 'linux'", "")),
    *(
        Scenario(
            "build-requires",
            f"admit {__version__}, or update variant-backend",
            follow,
            project('"variant-backend-core"', '"variant-backend-core>=99"'),
        )
        for follow in (swap(">=99", f">={__version__}"), swap(">=99", ""))
    ),
    Scenario("not-wrapped", NOT_WRAPPED, command("init dist")),
    Scenario("not-wrapped", NOT_WRAPPED, nothing, again="check dist --ignore not-wrapped"),
    Scenario("unknown-recipe", KNOWN_LABEL, swap("fsat", "fast")),
    Scenario(
        "unknown-recipe",
        KNOWN_LABEL,
        swap("variants.fast", 'variants.fsat = { speed = { mode = ["safe"] } }\nvariants.fast'),
    ),
    Scenario(
        "build-system",
        'name the backend to wrap, for example "setuptools.build_meta"',
        swap("variant_backend.build", "setuptools.build_meta"),
        project("setuptools.build_meta", "variant_backend.build"),
    ),
    Scenario(
        "undecidable-marker",
        UNDECIDABLE,
        swap("'speed :: mode :: fast' in variant_properties", "variant_label == 'any'"),
    ),
    Scenario(
        "undecidable-marker",
        UNDECIDABLE,
        swap("'speed :: mode :: fast' in variant_properties", "'speed :: mode' in variant_features"),
    ),
    Scenario(
        "undecidable-marker",
        UNDECIDABLE,
        swap('["fast", "safe"] } }', '["fast"] } }\nvariants.safe = { speed = { mode = ["safe"] } }'),
    ),
    Scenario(
        "variant-marker",
        MARKERS,
        swap('markers = "keep"\n', ""),
        project(
            "[variant]",
            'markers = "keep"\n[tool.variant-backend.variants.fast]\n'
            "dependencies = [\"six; variant_label == 'fast'\"]\n[variant]",
        ),
    ),
    Scenario("older-python", OLDER, swap(">=3.9", ">=3.10")),
    Scenario("older-python", OLDER, command("init dist --undo")),
    Scenario("same-payload", NO_EFFECT, in_turn(swap("CFLAG", "CFLAGS"), add(OPTIMIZED))),
    Scenario("same-payload", NO_EFFECT, swap('env-append = { CFLAG = "-O3" }\n', "")),
    Scenario("same-payload", NO_EFFECT, in_turn(remove("dist/pyproject.toml"), remove(f"dist/{FAST}"))),
]
# Two projects that are labels of one project.
JOINT = """\
[[projects]]
names = ["demo"]
variant.default-priorities.namespace = ["nvidia"]
variant.variants.cuda12.nvidia.cuda_version_lower_bound = ["12.0"]
variant.variants.cuda13.nvidia.cuda_version_lower_bound = ["13.0"]
variants.cuda12.project = "demo-cuda12"
variants.cuda13.project = "demo-cuda13"
"""
LABELS = """\
[[projects]]
names = ["demo"]
variant.default-priorities.namespace = ["nvidia"]
variant.variants.cuda12.nvidia.cuda_version_lower_bound = ["12.0"]
variant.variants.cuda13.nvidia.cuda_version_lower_bound = ["13.0"]
variants.cuda12.match.python = "{cuda12}"
variants.cuda13.match.python = "{cuda13}"
"""
# Reasons against wheels, most of which have no remedy.
SELECTION = [
    Scenario(
        "not-found",
        "use --find-links for a folder of wheels",
        nothing,
        release(),
        "explain demo -i dist",
        "explain demo -f dist",
    ),
    Scenario(
        "policy",
        None,
        nothing,
        release(files({"config.toml": '[policy]\nplain = ["demo"]\n'})),
        "explain demo -f dist",
    ),
    Scenario("resolver", None, nothing, release(), "lock missing -f dist -o locks"),
    Scenario("no-variants", None, nothing, release(), f"inspect dist/{FAST}"),
    Scenario("dropped-release", None, nothing, example("unknown-key"), f"inspect dist/{FAST}"),
    Scenario(
        "wrong-tags", None, nothing, release(wheel("dist/demo-1.0-py2-none-any.whl")), "explain demo -f dist"
    ),
    Scenario(
        "requires-python",
        None,
        nothing,
        release(wheel(f"dist/{PLAIN}", metadata="Requires-Python: >=4")),
        "explain demo -f dist",
    ),
    Scenario(
        "unsupported-feature",
        None,
        nothing,
        both(
            wheel(f"dist/{PLAIN}"), ran(f"make-variant -p x86_64::level::v4 dist/{PLAIN}"), ran("index dist")
        ),
        "explain demo -f dist --supported x86_64::level::v1",
    ),
    Scenario("unknown-label", None, nothing, example("missing-index"), "explain demo -f dist"),
    Scenario(
        "bad-label",
        LOWER,
        rename(f"dist/{STRAY}", f"dist/{FAST}"),
        example("bad-filename"),
        "explain demo -f dist",
    ),
    Scenario("index-file", None, nothing, example("not-json"), "explain demo -f dist"),
    Scenario(
        "yanked",
        None,
        nothing,
        release(ran("index --simple dist"), yank),
        "explain demo -i dist/simple",
    ),
    Scenario(
        "no-label",
        "change the globs so that only one label matches",
        add(files({"o.toml": LABELS.format(cuda12="py2", cuda13="py3")})),
        both(files({"o.toml": LABELS.format(cuda12="*", cuda13="*")}), local_wheel),
        "explain demo -f dist --overlay o.toml --machine cuda:12.8",
    ),
    Scenario(
        "no-label",
        "add a label for it, if machines shall get it",
        add(files({"o.toml": LABELS.format(cuda12="py3", cuda13="py2")})),
        both(files({"o.toml": LABELS.format(cuda12="py4", cuda13="py2")}), local_wheel),
        "explain demo -f dist --overlay o.toml --machine cuda:12.8",
    ),
    Scenario(
        "retired",
        None,
        nothing,
        both(files({"o.toml": JOINT}), retired_wheel),
        "explain demo -f dist --overlay o.toml --machine cuda:12.8",
    ),
    Scenario(
        "error",
        "require only one of them",
        nothing,
        both(files({"o.toml": JOINT}), *map(member_wheel, ("cuda12", "cuda13"))),
        "lock demo-cuda12 demo-cuda13 -f dist --overlay o.toml --machine none -o locks",
        "lock demo-cuda12 -f dist --overlay o.toml --machine none -o locks",
    ),
    Scenario(
        "error",
        "add the requirement demo#cuda12, or require only one of them",
        nothing,
        both(files({"o.toml": JOINT}), *map(member_wheel, ("cuda12", "cuda13"))),
        "lock demo demo-cuda12 -f dist --overlay o.toml --machine gpu=cuda:13.0 -o locks",
        "lock demo demo-cuda12 demo#cuda12 -f dist --overlay o.toml --machine gpu=cuda:13.0 -o locks",
    ),
    Scenario("missing-index", WRITE_INDEX, as_printed, command="explain demo -f dist"),
]
# Errors and warnings without a rule.
COPY = "demo-1.0-py3-none-any (1).whl"
EXTRA = "[tool.variant-backend.variants.fast]\ndependencies = [\"six; extra == 'gpu'\"]\n"
SIX = '[tool.variant-backend.variants.safe]\ndependencies = ["six"]\n'
MATCH = '[tool.variant-backend.variants.fast]\nmatch.name = "*"\n'
NO_VARIANT = "use --property, --null or --label, or add a match to the project file"
NO_LABEL = "use --pyproject FILE to name a project file, or --property to give properties"
IN_FOLDER = f"use {PLAIN} in the same folder, or replace that file with this one"
FORCE = "use --force to replace it"
OUTPUT = "give another --output"
AWAY = "move it away, or use another folder (--output)"
IN_PLACE = "use --in-place, or another folder with --output"
BOTH = wheel(), ran(f"{CONVERT} {PLAIN}")


def error(remedy: str | None, follow: Step, make: Maker, line: str, again: str | None = None) -> Scenario:
    """Return the scenario of an error without a rule."""
    return Scenario("error", remedy, follow, make, line, again)


def hardware_json(item: Reported) -> None:
    """Write a machine file with `hardware --json`."""
    item.path.write_text(run_here(main, "hardware", "--json").stdout, encoding="utf-8")


CONVERSIONS = [
    error(FORCE, nothing, both(*BOTH), f"{CONVERT} {PLAIN}", f"{CONVERT} {PLAIN} --force"),
    error(
        OUTPUT,
        nothing,
        both(*BOTH),
        f"{CONVERT} -p speed::mode::safe {FAST}",
        f"{CONVERT} -p speed::mode::safe {FAST} -o out",
    ),
    error(
        "give the wheels in it: dist/*.whl",
        nothing,
        wheel(f"dist/{PLAIN}"),
        f"{CONVERT} dist",
        f"{CONVERT} dist/{PLAIN}",
    ),
    error(
        f"rename it to {PLAIN}",
        renamed,
        both(wheel(), lambda: Path(PLAIN).rename(COPY)),
        f"{CONVERT} '{COPY}'",
        f"{CONVERT} {PLAIN}",
    ),
    error(
        f"rename it to {PLAIN}",
        renamed,
        both(wheel(), lambda: Path(PLAIN).rename(f"{PLAIN}.1")),
        f"{CONVERT} {PLAIN}.1",
        f"{CONVERT} {PLAIN}",
    ),
    error(
        f"rename it to {LOCAL}",
        renamed,
        both(wheel(LOCAL), lambda: Path(LOCAL).rename(LOCAL.replace("+", "%2B"))),
        f"{CONVERT} {LOCAL.replace('+', '%2B')}",
        f"{CONVERT} {LOCAL}",
    ),
    error(IN_FOLDER, nothing, both(wheel(COPY), wheel()), f"{CONVERT} '{COPY}'", f"{CONVERT} {PLAIN}"),
    error(
        IN_FOLDER,
        rename(COPY, PLAIN),
        both(wheel(COPY), wheel()),
        f"{CONVERT} '{COPY}'",
        f"{CONVERT} {PLAIN}",
    ),
    error(
        NO_LABEL,
        nothing,
        both(wheel(), files({"p.toml": VARIANTS})),
        f"make-variant -l fast {PLAIN}",
        f"make-variant -l fast --pyproject p.toml {PLAIN}",
    ),
    error(
        NO_LABEL,
        nothing,
        wheel(),
        f"make-variant -l fast {PLAIN}",
        f"make-variant -l fast --property x86_64::level::v3 {PLAIN}",
    ),
    error(
        NO_VARIANT,
        nothing,
        wheel(),
        f"make-variant {PLAIN}",
        f"make-variant --property x86_64::level::v3 {PLAIN}",
    ),
    error(NO_VARIANT, nothing, wheel(), f"make-variant {PLAIN}", f"make-variant --null {PLAIN}"),
    error(
        NO_VARIANT,
        nothing,
        both(wheel(), files({"pyproject.toml": VARIANTS})),
        f"make-variant {PLAIN}",
        f"make-variant --label fast {PLAIN}",
    ),
    error(
        NO_VARIANT,
        add(files({"pyproject.toml": MATCH + VARIANTS})),
        both(wheel(), files({"pyproject.toml": VARIANTS})),
        f"make-variant {PLAIN}",
    ),
    error(
        "known labels: fast, null, safe",
        nothing,
        both(wheel(), files({"pyproject.toml": VARIANTS})),
        f"make-variant -l fsat {PLAIN}",
        f"make-variant -l fast {PLAIN}",
    ),
    error(
        "add the extra to project.optional-dependencies; its list may be empty",
        rebuild_with(metadata="Provides-Extra: gpu\n"),
        both(wheel(), files({"pyproject.toml": EXTRA + VARIANTS})),
        f"make-variant -l fast {PLAIN}",
    ),
    error(
        "make 'safe' from the plain wheel",
        nothing,
        both(wheel(), wheel(FAST, "fast"), files({"pyproject.toml": SIX + VARIANTS})),
        f"make-variant -l safe {FAST}",
        f"make-variant -l safe {PLAIN}",
    ),
    error(
        "name a project file with this table",
        nothing,
        both(wheel(), files({"a.toml": "", "b.toml": VARIANTS})),
        f"make-variant -l fast --pyproject a.toml {PLAIN}",
        f"make-variant -l fast --pyproject b.toml {PLAIN}",
    ),
    error(
        "use another folder",
        nothing,
        both(wheel(), files({"out": ""})),
        f"{CONVERT} -o out {PLAIN}",
        f"{CONVERT} -o another {PLAIN}",
    ),
    error(
        "use another label or remove the properties",
        nothing,
        wheel(),
        f"{CONVERT.replace('-l fast', '-l null')} {PLAIN}",
        f"{CONVERT} {PLAIN}",
    ),
    error(
        "use another label or remove the properties",
        nothing,
        wheel(),
        f"{CONVERT.replace('-l fast', '-l null')} {PLAIN}",
        f"make-variant -l null {PLAIN}",
    ),
    error(
        "download its content: git lfs pull",
        rebuild,
        files({PLAIN: "version https://git-lfs.github.com/spec/v1"}),
        f"{CONVERT} {PLAIN}",
    ),
    error(
        "give only the plain wheel",
        nothing,
        both(wheel(), wheel(NULL, "null")),
        f"{CONVERT} {PLAIN} {NULL}",
        f"{CONVERT} {PLAIN}",
    ),
    error(
        "give them one by one, each with another --output",
        add(ran(f"{CONVERT} -o c a/{PLAIN}")),
        both(wheel(f"a/{PLAIN}"), wheel(f"b/{PLAIN}")),
        f"{CONVERT} -o out a/{PLAIN} b/{PLAIN}",
        f"{CONVERT} -o d b/{PLAIN}",
    ),
    error(
        "leave it out",
        nothing,
        release(wheel(f"dist/{UNLABELLED}")),
        f"unmake -o out dist/{UNLABELLED} dist/{FAST}",
        f"unmake -o out dist/{FAST}",
    ),
    error(
        "use --keep-metadata to remove the label",
        nothing,
        wheel(FAST),
        f"unmake {FAST}",
        f"unmake --keep-metadata {FAST}",
    ),
    error(FORCE, nothing, release(), f"unmake dist/{FAST}", f"unmake dist/{FAST} --force"),
    error(OUTPUT, nothing, wheel(PLAIN, "fast"), f"unmake {PLAIN}", f"unmake {PLAIN} -o out"),
    Scenario(
        "warning",
        None,
        nothing,
        wheel(),
        f"make-variant --null {PLAIN}",
        f"make-variant --null --static 'speed :: mode :: fast' {PLAIN} --force",
    ),
]
COMMANDS = [
    error(
        "create them with make-variant or variant-backend build",
        command(f"{CONVERT} dist/{PLAIN}"),
        wheel(f"dist/{PLAIN}"),
        "index dist",
    ),
    Scenario(
        "wheels-differ",
        ONE_TABLE,
        make_all,
        both(example("wheels-differ"), files({"pyproject.toml": VARIANTS})),
        "index dist",
    ),
    error(AWAY, remove("dist/simple"), example("pages-differ"), "index --simple dist"),
    error(AWAY, nothing, example("pages-differ"), "index --simple dist", "index --simple dist -o out"),
    error(
        f"rename it to {INDEX}",
        rename("Demo-1.0-variants.json", INDEX),
        release(index({}, "Demo-1.0-variants.json")),
        "index dist --merge Demo-1.0-variants.json",
        f"index dist --merge {INDEX}",
    ),
    Scenario(
        "unknown-schema",
        UPGRADE,
        command(f"upgrade --in-place dist/{FAST} dist/{NULL} dist/{SAFE}"),
        None,
        "index dist",
    ),
    error(
        IN_PLACE,
        nothing,
        example("unknown-schema"),
        f"upgrade dist/{FAST} -o dist",
        f"upgrade dist/{FAST} --in-place",
    ),
    error(
        IN_PLACE,
        nothing,
        example("unknown-schema"),
        f"upgrade dist/{FAST} -o dist",
        f"upgrade dist/{FAST} -o out",
    ),
    error(
        "name a *.json, *.toml or *.whl file",
        nothing,
        release(files({"notes.txt": ""})),
        "upgrade notes.txt",
        f"upgrade dist/{INDEX}",
    ),
    error(
        "name a project file with this table",
        nothing,
        files({"a.toml": "", "b.toml": VARIANTS}),
        "upgrade a.toml",
        "upgrade b.toml",
    ),
    error(
        WRITE_INDEX, as_printed, example("missing-index"), "stub dist --base-url https://example.org -o out"
    ),
    error(
        "known labels: (plain), fast, null, safe",
        nothing,
        release(),
        "stub dist --base-url https://example.org -o out -l fsat",
        "stub dist --base-url https://example.org -o out -l fast",
    ),
    error("give the folder of a project", nothing, project(), "init", "init dist"),
    Scenario(
        "not-toml",
        "save the file as UTF-8 without a byte order mark",
        swap("\ufeff", ""),
        files({"pyproject.toml": f"\ufeff{PROJECT}"}),
        "init",
    ),
    Scenario(
        "bad-value",
        "remove it",
        swap('build-backend = "setuptools.build_meta"\n[variant]', "[variant]"),
        project("variant_backend.hooks", "hatchling.build", "pyproject.toml"),
        "init",
    ),
    Scenario(
        "missing-key",
        "list the requirements of the build backend",
        swap("build-backend", 'requires = ["setuptools"]\nbuild-backend'),
        files({"pyproject.toml": UNWRAPPED.replace('requires = ["setuptools"]\n', "")}),
        "init",
    ),
    Scenario(
        "missing-key",
        "write the name of the wrapped backend",
        swap("[variant]", 'build-backend = "setuptools.build_meta"\n[variant]'),
        project('build-backend = "setuptools.build_meta"\n', "", "pyproject.toml"),
        "init",
    ),
    error(
        "existing labels: fast, safe, null, (plain)",
        nothing,
        release(),
        "explain demo -f dist -l fsat",
        "explain demo -f dist -l fast",
    ),
    error(
        "use the folder that contains it",
        nothing,
        release(),
        f"explain demo -f dist/{PLAIN}",
        "explain demo -f dist",
    ),
    error(
        "write it with `variant-backend hardware -o FILE` on that machine",
        command("hardware -o gone.toml"),
        release(),
        "explain demo -f dist --machine gone.toml",
    ),
    Scenario(
        "bad-value",
        "recreate the file with this version of `variant-backend hardware --json`",
        hardware_json,
        release(files({"m.json": '{"version": 9, "machine": {}}'})),
        "explain demo -f dist --machine ./m.json",
    ),
    error(
        "known namespaces: aarch64, abi_dependency, amd, ascend, intel, nvidia, speed, tpu and 1 more",
        nothing,
        release(),
        "explain demo -f dist --supported sped::mode::fast",
        "explain demo -f dist --supported nvidia::sm_arch::90_real",
    ),
    error(
        "use --disable speed instead to support none",
        nothing,
        release(),
        "explain demo -f dist --supported speed::mode::safe",
        "explain demo -f dist --disable speed",
    ),
    error(
        FORCE,
        nothing,
        release(files({f"out/{FAST}": ""})),
        "fetch demo -f dist -o out",
        "fetch demo -f dist -o out --force",
    ),
    error(
        "existing labels: (plain), fast, null, safe",
        nothing,
        release(),
        "fetch demo#fsat -f dist -o out",
        "fetch demo#fast -f dist -o out",
    ),
    error(
        "known values: fast, safe",
        nothing,
        release(),
        "fetch demo -f dist -o out --supported speed::mode::fats",
        "fetch demo -f dist -o out",
    ),
    error(
        "write only the name: demo",
        nothing,
        files({f"site/{INFO}/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"}),
        "inspect 'demo>1' --path site",
        "inspect demo --path site",
    ),
    error(AGAIN, rebuild, files({PLAIN: "text"}), f"inspect {PLAIN}"),
    error(
        "give a file name such as machine.json",
        nothing,
        release(),
        "hardware -o dist",
        "hardware -o machine.json",
    ),
]
TO_STUB = "stub dist --base-url https://example.org -o out"
PIN = "write PACKAGE, PACKAGE==VERSION, PACKAGE#LABEL or PACKAGE==VERSION#LABEL"
REQUEST = "write PACKAGE, PACKAGE==VERSION, PACKAGE>=VERSION or PACKAGE#LABEL"
FIRST = wheel(), ran(f"make-variant -l v3 -p x86_64::level::v3 {PLAIN} -o dist"), ran("index dist")
PLAIN_OR_NULL = "add a plain wheel, or a null variant (`make-variant --null --pyproject FILE WHEEL`)"
LEVELS = """\
[variant]
default-priorities.namespace = ["x86_64"]
providers.x86_64.requires = ["x86-64-variant-provider>=0.2,<0.3"]
"""
OLD_MACHINE = files({"m.toml": 'version = 1\n[machine.x86_64.features]\nlevel = ["v1"]\n'})
NUMPY = '[tool.variant-backend.variants.fast]\nabi-dependency = ["numpy"]\n'
TWO_MATCHES = """\
[tool.variant-backend]
variants.fast.match.name = "demo"
variants.safe.match.name = "demo"
"""
ARGUMENTS = [
    error(
        "leave out --select and --ignore",
        nothing,
        release(),
        "check dist --select uv --ignore uv",
        "check dist",
    ),
    error(
        f"known groups: {', '.join(GROUPS)}; `variant-backend check --list` prints the codes",
        nothing,
        release(),
        "check dist --select pipp",
        "check dist --select pip",
    ),
    error(
        "leave one of them out", nothing, release(), "check dist --json --format github", "check dist --json"
    ),
    error(
        "repeat -p for each value: -p 'speed::mode :: fast' -p 'speed::mode :: safe'",
        nothing,
        wheel(),
        f"{CONVERT} -p speed::mode::fast,safe {PLAIN}",
        f"{CONVERT} -p 'speed::mode :: safe' {PLAIN}",
    ),
    error(
        "put it in quotes: -p 'speed :: mode :: safe'",
        nothing,
        wheel(),
        f"{CONVERT} {PLAIN} -p speed :: mode :: safe",
        f"{CONVERT} {PLAIN} -p 'speed :: mode :: safe'",
    ),
    error(
        "write NAMESPACE :: FEATURE :: VALUE",
        nothing,
        wheel(),
        f"{CONVERT} -p speed:mode:safe {PLAIN}",
        f"{CONVERT} -p 'speed :: mode :: safe' {PLAIN}",
    ),
    error(
        "remove one of them",
        nothing,
        wheel(),
        f"{CONVERT} -p speed::mode::fast {PLAIN}",
        f"{CONVERT} {PLAIN}",
    ),
    error(
        "write NS=REQUIREMENT",
        nothing,
        wheel(),
        f"{CONVERT} --provider x {PLAIN}",
        f"{CONVERT} --provider x=x-provider {PLAIN}",
    ),
    error(
        "write 'NS :: FEATURE :: V1, V2'",
        nothing,
        wheel(),
        f"{CONVERT} --static x {PLAIN}",
        f"{CONVERT} --static 'x :: y :: 1, 2' {PLAIN}",
    ),
    error(LOWER, nothing, wheel(), f"{CONVERT.replace('-l fast', '-l FAST')} {PLAIN}", f"{CONVERT} {PLAIN}"),
    error(
        "use --label fast --property 'abi_dependency :: numpy :: 2.10' with the right version",
        nothing,
        both(wheel(), files({"pyproject.toml": NUMPY + VARIANTS})),
        f"make-variant -l fast {PLAIN}",
        f"make-variant --label fast --property 'abi_dependency :: numpy :: 2.10' {PLAIN}",
    ),
    error(
        "change the globs so that only one label matches, or use --label",
        add(files({"pyproject.toml": TWO_MATCHES.replace('"demo"', '"other"', 1) + VARIANTS})),
        both(wheel(), files({"pyproject.toml": TWO_MATCHES + VARIANTS})),
        f"make-variant {PLAIN}",
    ),
    error(
        "change the globs so that only one label matches, or use --label",
        nothing,
        both(wheel(), files({"pyproject.toml": TWO_MATCHES + VARIANTS})),
        f"make-variant {PLAIN}",
        f"make-variant --label fast {PLAIN}",
    ),
    error(
        "move it away, or use another folder with --output",
        remove(f"out/{INDEX}"),
        release(files({f"out/{INDEX}": ""})),
        f"upgrade dist/{INDEX} -o out",
    ),
    error(
        "move it away, or use another folder with --output",
        nothing,
        release(files({f"out/{INDEX}": ""})),
        f"upgrade dist/{INDEX} -o out",
        f"upgrade dist/{INDEX} -o another",
    ),
    error(
        "use --package demo==VERSION",
        nothing,
        release(wheel("dist/demo-2.0-py3-none-any-fast.whl", "fast"), ran("index dist")),
        TO_STUB,
        f"{TO_STUB} --package demo==2.0",
    ),
    error(
        "use --package NAME",
        nothing,
        release(wheel("dist/other-2.0-py3-none-any-fast.whl", "fast"), ran("index dist")),
        TO_STUB,
        f"{TO_STUB} --package demo",
    ),
    error(
        "use https, so that nobody can change the files during the download",
        nothing,
        release(),
        TO_STUB.replace("https", "http"),
        TO_STUB,
    ),
    error("remove both from the URL", nothing, release(), TO_STUB.replace("//", "//user:password@"), TO_STUB),
    error(
        PLAIN_OR_NULL,
        add(ran(f"make-variant --null --pyproject p.toml {PLAIN} -o dist"), ran("index dist")),
        both(*FIRST, OLD_MACHINE, files({"p.toml": LEVELS})),
        f"{TO_STUB} --machine m.toml",
        f"{TO_STUB} --machine m.toml --force",
    ),
    error(
        PLAIN_OR_NULL,
        add(wheel(f"dist/{PLAIN}")),
        both(*FIRST, OLD_MACHINE),
        f"{TO_STUB} --machine m.toml",
        f"{TO_STUB} --machine m.toml --force",
    ),
    error(
        "add --label null",
        nothing,
        release(),
        f"{TO_STUB} -l fast",
        f"{TO_STUB} -l fast --label null --force",
    ),
    error(
        "percent-encode them",
        nothing,
        release(),
        "index --simple dist --base-url 'https://example.org/a b'",
        "index --simple dist --base-url https://example.org/a%20b",
    ),
    error(
        "name it pylock.toml or pylock.NAME.toml",
        nothing,
        release(ran("index --simple dist")),
        "fetch demo -i dist/simple -o out --pylock lock.toml",
        "fetch demo -i dist/simple -o out --pylock pylock.toml",
    ),
    error(
        "write facts such as cuda:12.8, or ./gone if it is a file;"
        " `variant-backend hardware --presets` lists the presets",
        nothing,
        release(),
        "explain demo -f dist --machine gone",
        "explain demo -f dist --machine cuda:12.8",
    ),
    error(
        "write ./Node.A=cuda:12.8 if it is a file, or use a-z, 0-9, _ and - in names: node-a=cuda:12.8",
        nothing,
        release(),
        "explain demo -f dist --machine Node.A=cuda:12.8",
        "explain demo -f dist --machine node-a=cuda:12.8",
    ),
    error(
        "write cuda:12.8,sm:9.0",
        nothing,
        release(),
        "explain demo -f dist --machine cuda=12.8,sm=9.0",
        "explain demo -f dist --machine cuda:12.8,sm:9.0",
    ),
    error(
        "add cuda with the driver's CUDA version, such as 12.8",
        nothing,
        release(),
        "explain demo -f dist --machine sm:9.0",
        "explain demo -f dist --machine sm:9.0,cuda:12.8",
    ),
    error(
        "write ./h100 for the file; to use the preset or the facts, rename the file",
        lambda _: Path("h100").rename("node"),
        both(release(), lambda: Path("h100").touch()),
        "explain demo -f dist --machine h100",
    ),
    Scenario(
        "warning",
        "use --machine x86_64:v3 to support all of them",
        nothing,
        release(),
        "explain demo -f dist --supported 'x86_64 :: level :: v3'",
        "explain demo -f dist --machine x86_64:v3",
    ),
    Scenario(
        "bad-value",
        "remove the facts, or this table",
        lambda item: item.path.write_text('version = 1\n[machine]\nx86_64 = "v3"\n'),
        both(
            release(),
            lambda: Path("m.toml").write_text(
                'version = 1\n[machine]\nx86_64 = "v3"\ncuda = "12.8"\n[machine.nvidia.features]\n'
            ),
        ),
        "explain demo -f dist --machine m.toml",
    ),
    error(REQUEST, nothing, release(), "explain 'demo >> 0' -f dist", "explain demo==1.0 -f dist"),
    error(PIN, nothing, release(), f"{TO_STUB} --package 'demo>0'", f"{TO_STUB} --package demo==1.0"),
    error(
        "remove it, and use --index-url",
        nothing,
        release(files({"wrong.txt": "demo\n-i dist", "right.txt": "demo"})),
        "fetch -r wrong.txt -o out",
        "fetch -r right.txt -f dist -o out",
    ),
    error(
        "write '==': demo==1.0", nothing, release(), "explain demo=1.0 -f dist", "explain demo==1.0 -f dist"
    ),
    error(
        "add --find-links DIR or --index-url URL",
        nothing,
        release(),
        "explain demo",
        "explain demo --find-links dist",
    ),
    error(
        "remove one of the two",
        nothing,
        release(),
        "explain demo -f dist --disable speed --enable speed",
        "explain demo -f dist --disable speed",
    ),
    error("use -f dist", nothing, release(), "explain demo dist", "explain demo -f dist"),
    error("remove it", nothing, release(), "explain demo other -f dist", "explain demo -f dist"),
    error("use --machine m.toml", nothing, OLD_MACHINE, "hardware m.toml", "hardware --machine m.toml"),
    error(
        f"use `variant-backend inspect dist/{FAST}`",
        as_printed,
        release(),
        f"installed dist/{FAST}",
        f"inspect dist/{FAST}",
    ),
    error(
        f"use `variant-backend inspect dist/{FAST}` for a wheel",
        as_printed,
        release(),
        f"installed --path dist/{FAST}",
        f"inspect dist/{FAST}",
    ),
]


RECIPE = "[tool.variant-backend.variants.fast]"


def recipe(code: str, remedy: str, old: str, new: str, table: str = RECIPE) -> Scenario:
    """Return the scenario of a recipe with an *old* text, which the remedy tells to replace."""
    text = f"{PROJECT}{table}\n{old}\n"
    return Scenario(code, remedy, swap(old, new), files({"pyproject.toml": text}), "check pyproject.toml")


RECIPES = [
    Scenario(
        "misspelt-table",
        "rename it to [variant]",
        swap("[varient]", "[variant]"),
        project("[variant]", "[varient]"),
    ),
    recipe(
        "misspelt-table",
        "move its keys to [tool.variant-backend], and remove it",
        '[tool.variant_backend]\nmarkers = "keep"',
        "",
        "",
    ),
    recipe("bad-value", "remove it", 'flags = "auto"', "", "[tool.variant-backend.variants.null]"),
    recipe(
        "bad-value",
        "remove it, and write the flags in env-append",
        'flags = "auto"',
        'env-append = {CFLAGS = "-O3"}',
    ),
    recipe("bad-value", "correct it", 'env = { "" = "1" }', 'env = { SPEED = "1" }'),
    recipe("wrong-type", "replace it", "env = {A = 1}", 'env = {A = "1"}'),
    recipe(
        "bad-value",
        "write NAME, or NAME* for all names that start with NAME",
        'remove-dependencies = ["x>1"]',
        'remove-dependencies = ["x"]',
    ),
    recipe("bad-value", "add the ']', as in '[23]'", 'match.python = "cp31[23"', 'match.python = "cp31[23]"'),
    recipe("bad-value", "write '*' to match anything", 'match.name = ""', 'match.name = "*"'),
    recipe(
        "bad-value",
        "compare with == or !=",
        "dependencies = [\"six; variant_label > 'x'\"]",
        "dependencies = [\"six; variant_label == 'x'\"]",
    ),
    recipe(
        "bad-value",
        "write 'mode' in variant_features",
        "dependencies = [\"six; 'mode' == variant_features\"]",
        "",
    ),
    recipe(
        "bad-value",
        "write 'NAMESPACE :: FEATURE :: VALUE'",
        "dependencies = [\"six; 'a::b' in variant_properties\"]",
        "dependencies = [\"six; 'speed :: mode :: fast' in variant_properties\"]",
    ),
]
CORRECT = "correct it in the project file, and rebuild the wheel"
MODERN = "rebuild the wheel with a current build backend"
MANYLINUX = "demo-1.0-py3-none-manylinux_2_28_x86_64.whl"
TWO_SPEEDS = {
    "default-priorities": {"namespace": ["speed", "size"]},
    "providers": {"size": {"static-properties": {"mode": ["small"]}}},
}
TO_UPLOAD = release(files({"upload/LICENSE.txt": ""}), wheel(f"upload/{PLAIN}"))


def replaced(old: str, new: str) -> Step:
    """Return a function that builds the wheel with another name."""
    return in_turn(remove(f"dist/{old}"), add(wheel(f"dist/{new}")))


UPLOADS = [
    Scenario(
        "other-priorities",
        "use the same order in default-priorities.namespace of both projects",
        patch(TWO_SPEEDS),
        both(
            index(TWO_SPEEDS),
            index({**TWO_SPEEDS, "default-priorities": {"namespace": ["size", "speed"]}}, OTHER),
        ),
        f"check {INDEX} {OTHER}",
    ),
    Scenario(
        "dependencies-differ",
        "give all wheels of a label the same requirements, with environment markers",
        rebuild,
        rebuilt=True,
    ),
    Scenario("modules-differ", "put the same modules into the wheels of all labels", rebuild, rebuilt=True),
    Scenario(
        "impossible-variant",
        "build this label only for platforms on which its properties exist",
        remove("dist/demo-1.0-py3-none-win_arm64-fast.whl"),
    ),
    Scenario(
        "refused-field",
        CORRECT,
        rebuild,
        release(wheel(f"dist/{PLAIN}", metadata="X-Thing: 1")),
        rebuilt=True,
    ),
    Scenario(
        "refused-field",
        MODERN,
        rebuild,
        release(wheel(f"dist/{PLAIN}", metadata="Metadata-Version: 2.0")),
        rebuilt=True,
    ),
    Scenario(
        "missing-license-file",
        "add the file to the project, or remove it from license-files, and rebuild the wheel",
        rebuild_with(metadata="Metadata-Version: 2.4"),
        release(wheel(f"dist/{PLAIN}", metadata="Metadata-Version: 2.4\nLicense-File: LICENSE")),
        rebuilt=True,
    ),
    Scenario(
        "missing-license-file",
        "add the file to the project, or remove it from license-files, and rebuild the wheel",
        rebuild_with(
            metadata="Metadata-Version: 2.4\nLicense-File: LICENSE", inner={"licenses/LICENSE": "MIT"}
        ),
        release(wheel(f"dist/{PLAIN}", metadata="Metadata-Version: 2.4\nLicense-File: LICENSE")),
        rebuilt=True,
    ),
    Scenario(
        "script-name", "rename the script in the project file, and rebuild the wheel", rebuild, rebuilt=True
    ),
    Scenario(
        "name-spelling",
        f"{MODERN}, which writes the normalized name",
        replaced("my.tool-1.0-py3-none-any.whl", "my_tool-1.0-py3-none-any.whl"),
        rebuilt=True,
    ),
    Scenario(
        "local-version",
        "build the wheel without the part of the version after +, or serve it from your own index",
        replaced("demo-0.9+cpu-py3-none-any.whl", "demo-0.9-py3-none-any.whl"),
        command="check dist --select upload",
        rebuilt=True,
    ),
    Scenario(
        "refused-platform",
        "repair the wheel with auditwheel, or build it on another system",
        replaced("demo-1.0-py3-none-linux_x86_64.whl", MANYLINUX),
        command="check dist --select upload",
        rebuilt=True,
    ),
    Scenario(
        "large-upload",
        "ask PyPI for a higher limit, or make the files smaller",
        rebuild,
        command="check dist --select upload",
        rebuilt=True,
    ),
    Scenario(
        "labelled-upload",
        "upload only plain wheels and sdists there, and serve the release with"
        " `variant-backend index --simple dist`",
        as_printed,
        TO_UPLOAD,
        "check dist --select upload",
        "check upload --select upload",
    ),
]
NO_COMMON_VALUE = (
    "leave out --align speed, or leave out demo (safe fits the others),"
    " or leave out other (fast fits the others)"
)
APART = both(wheel(f"dist/{FAST}", "fast"), wheel("dist/other-1.0-py3-none-any-safe.whl", "safe"))
GRAPHS = [
    Scenario("alignment", NO_COMMON_VALUE, nothing, APART, f"{LOCK} demo other --align speed", again)
    for again in (f"{LOCK} demo other", f"{LOCK} demo --align speed")
]
OWNERS = environment(one={"same.py": b"1", "one.py": b""}, two={"same.py": b"2"})
EQUAL_OWNERS = environment(one={"same.py": b""}, two={"same.py": b""})
KEEP_ONE = (
    "keep one of them: run `uv pip uninstall one two`,"
    " then run `uv pip install one==1.0` or run `uv pip install two==1.0`"
)
CHECK = "installed --check"
ENVIRONMENTS = [
    *(Scenario("shared-files", KEEP_ONE, in_environment(0, kept), OWNERS, CHECK) for kept in (1, 2)),
    Scenario(
        "shared-files",
        "if you uninstall one, reinstall the others",
        add(lambda: uv("pip", "uninstall", "one"), lambda: uv("pip", "install", "--reinstall", "two")),
        EQUAL_OWNERS,
        CHECK,
    ),
    Scenario(
        "missing-files",
        "run `uv pip install --reinstall --no-deps one==1.0`",
        in_environment(0),
        both(OWNERS, lambda: uv("pip", "uninstall", "two")),
        CHECK,
    ),
]
SCENARIOS = [
    *FILES,
    *WHEELS,
    *DOCUMENTS,
    *RELEASES,
    *PROJECTS,
    *SELECTION,
    *CONVERSIONS,
    *COMMANDS,
    *ARGUMENTS,
    *RECIPES,
    *UPLOADS,
    *GRAPHS,
    *ENVIRONMENTS,
]


@pytest.fixture(autouse=True)
def _in_a_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(user_config, "config_path", lambda: tmp_path / "config.toml")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_following_a_remedy_removes_its_problem(scenario: Scenario) -> None:
    item = scenario.begin()
    before = errors(reported(scenario.command))
    if scenario.follow is nothing and scenario.again is None:
        assert scenario.remedy is None
        return
    scenario.follow(item)
    after = reported(scenario.again or scenario.command)
    code, text = item.problem.code, item.problem.text
    same = [
        each for each in after if each.problem.code == code and (code in RULES or each.problem.text == text)
    ]
    assert same == []
    assert errors(after) <= before


def errors(items: list[Reported]) -> set[tuple[str, str]]:
    """Return the codes and texts of the errors."""
    return {(item.problem.code, item.problem.text) for item in items if item.is_error}


def test_each_code_has_a_scenario() -> None:
    assert {scenario.code for scenario in SCENARIOS} == {*RULES, *OTHERS}


# What `rebuild` follows.
REBUILT = {
    REBUILD,
    AGAIN,
    "correct it in the project file, and rebuild the wheel",
    "save the project's metadata and README in UTF-8, and rebuild the wheel",
}


@pytest.mark.parametrize("line", [f"{CONVERT} -o out", "check"], ids=["make-variant", "check"])
@pytest.mark.parametrize("kind", UNSOUND)
def test_the_remedy_for_an_unsound_wheel_makes_it_sound(kind: str, line: str) -> None:
    UNSOUND[kind]()
    (path,) = Path().glob("*.whl")
    items = [item._replace(path=path) for item in reported(f"{line} {path}") if item.is_error]
    assert items
    by_remedy = {(item.problem.remedy or "").replace(str(path), "WHEEL"): item for item in items}
    assert {*by_remedy} <= {MEND, IDENTIFY, *REBUILT}
    if REBUILT.intersection(by_remedy):
        rebuild(items[0])
    else:
        path = mended(items[0])
    assert errors(reported(f"{line} {path}")) == set()


def test_the_remedy_for_a_project_that_is_not_wrapped_wraps_it() -> None:
    files({"pyproject.toml": UNWRAPPED})()
    refused = CliRunner().invoke(main, ["build", "--print-matrix", "json"])
    (line,) = re.findall("run `variant-backend (.*)` to set it up", refused.stderr)
    ran(line)()
    run_here(main, "build", "--print-matrix", "json")


COMMAND_LINE = re.compile(r"(?<!`)`((?:variant-backend|make-variant)(?: [^`]*)?)`(?!`)")


def texts_of(source: str) -> Iterator[str]:
    """Yield the strings in a module, with X for each value."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_each_command_in_a_message_exists() -> None:
    sources = [
        path.read_text(encoding="utf-8") for path in Path(variant_backend.__file__).parent.rglob("*.py")
    ]
    named = [source for source in sources if COMMAND_LINE.search(source)]
    lines = {line for source in named for text in texts_of(source) for line in COMMAND_LINE.findall(text)}
    assert len(lines) > 10
    for line in lines:
        check_options(line)
