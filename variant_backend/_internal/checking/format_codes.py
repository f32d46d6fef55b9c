"""The rules about files, wheels, documents, releases, and pages of a package index."""

from __future__ import annotations

from collections.abc import Mapping

from ..lowlevel.zip_records import MEND, REBUILD
from ..wheels.reading import IDENTIFY
from ..wheels.soundness import REMAKE, REMEDIES
from .rule import FORMAT, REINDEX, REPAGE, UPLOAD, WARNING, Rule, format_rule

FORMAT_RULES: Mapping[str, Rule] = {
    "unreadable": format_rule("The file cannot be read.", "name an existing file that you can read"),
    "unknown-file": format_rule(
        "No rule applies to a file with this name.",
        "name a wheel, an index file, a variant.json, a pyproject.toml, or a folder of them",
    ),
    "nothing-to-check": format_rule(
        "The folder contains nothing to check.", "name the folder that contains the wheels"
    ),
    "bad-filename": format_rule(
        "The filename is not a valid wheel filename.",
        "name it NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM[-LABEL].whl",
        UPLOAD,
    ),
    "bad-zip": format_rule("The file is not a zip archive that package indexes accept.", REBUILD, UPLOAD),
    "zip-layout": format_rule(
        "The archive has gaps between its members, or headers that differ from its directory.",
        MEND,
        UPLOAD,
    ),
    "dist-info": format_rule(
        "The wheel has no or several .dist-info directories, or a directory name differs from the filename.",
        REBUILD,
        UPLOAD,
    ),
    "missing-file": format_rule("METADATA, WHEEL or RECORD is missing or damaged.", REBUILD, UPLOAD),
    "symbolic-link": Rule(
        (FORMAT,),
        WARNING,
        "A file is a symbolic link, which installers write as a text file.",
        REMEDIES["symbolic-link"],
    ),
    "zip-comment": Rule((FORMAT,), WARNING, "The archive has a comment, which installers ignore.", MEND),
    "bad-wheel-file": format_rule(
        "WHEEL cannot be read, or has an unsupported Wheel-Version.", REMEDIES["bad-wheel-file"]
    ),
    "tag-mismatch": Rule(
        (FORMAT,),
        WARNING,
        "The tags in WHEEL are missing, invalid, or not those of the filename, or its build number differs.",
        MEND,
    ),
    "bad-entry-points": format_rule(
        "entry_points.txt or a script in it cannot be read.", REMEDIES["bad-entry-points"], UPLOAD
    ),
    "data-folder": format_rule(
        "The .data directory has a folder that installers do not know.", REMEDIES["data-folder"]
    ),
    "wrong-identity": format_rule(
        "METADATA has another project name or version than the filename.",
        IDENTIFY,
        UPLOAD,
    ),
    "old-specifier": Rule(
        (FORMAT,),
        WARNING,
        "Requires-Python has an old form, which package indexes reject.",
        REMEDIES["old-specifier"],
    ),
    "bad-record": format_rule("RECORD is not a valid list of paths, hashes and sizes.", MEND),
    "duplicate-row": format_rule("RECORD lists a file twice.", MEND),
    "incomplete-row": format_rule(
        "A row of RECORD lacks hash or size, or the row of RECORD itself has them.", MEND
    ),
    "bad-hash": format_rule("A hash in RECORD has an unknown algorithm or an invalid form.", MEND),
    "weak-hash": Rule(
        (FORMAT,), WARNING, "A hash in RECORD uses MD5 or SHA-1, which the format forbids.", MEND
    ),
    "missing-row": format_rule("RECORD does not list a file of the wheel.", MEND),
    "stray-row": format_rule("RECORD lists a file that is not in the wheel.", MEND),
    "wrong-size": format_rule("RECORD has another size than the file.", MEND),
    "wrong-hash": format_rule(
        "RECORD has another hash than a file in .dist-info.",
        MEND,
    ),
    "signature-listed": format_rule("RECORD lists a signature of itself.", MEND),
    "missing-variant-json": format_rule(
        "The filename has a label, but the wheel has no variant.json.", REMAKE
    ),
    "one-label": format_rule("variant.json does not have exactly one label.", REMAKE),
    "label-mismatch": format_rule("variant.json has another label than the filename.", REMAKE),
    "bad-sdist": format_rule(
        "The sdist is damaged or truncated, or has no valid PKG-INFO.",
        "build or download the sdist again",
        UPLOAD,
    ),
    "sdist-identity": format_rule(
        "PKG-INFO in the sdist has another project name or version than the filename.",
        "build the sdist again, and do not rename it",
        UPLOAD,
    ),
    "not-json": format_rule(
        "The document is not valid JSON in UTF-8 without a byte order mark.", "correct its syntax"
    ),
    "duplicate-key": format_rule("An object has the same key twice.", "remove one of them"),
    "duplicate-entry": Rule(
        (FORMAT,), WARNING, "A table of JSON has two entries with the same name.", "remove one of them"
    ),
    "null-value": format_rule("An optional key of JSON is null.", "leave the key out"),
    "ignored-null": format_rule("A key of JSON is null, and uv ignores it.", "leave the key out"),
    "wrong-type": format_rule("A value has another type than the format requires.", "replace it"),
    "bad-value": format_rule("A value is invalid.", "correct it"),
    "unknown-key": format_rule("The format does not define this key.", "correct its spelling, or remove it"),
    "missing-key": format_rule("A required key is missing.", "add it"),
    "empty-list": format_rule("A list or a table must not be empty.", "add an entry, or remove the key"),
    "duplicate-value": format_rule("A list of unique values has the same value twice.", "remove one of them"),
    "unsorted-values": format_rule("The values of a feature are not sorted.", "sort them"),
    "bad-name": format_rule("A name has characters that the format does not allow.", "use another name"),
    "unknown-schema": format_rule(
        "The value of $schema is not a known version of the format.",
        "run `variant-backend upgrade` if the format is old, or update variant-backend if it is newer",
    ),
    "draft-schema": Rule(
        (FORMAT,),
        WARNING,
        "The value of $schema is the URL of a draft, and the rest is valid in the current format.",
        "run `variant-backend upgrade --in-place FILE`",
    ),
    "reserved-namespace": Rule(
        (FORMAT,),
        WARNING,
        "The reserved namespace abi_dependency is in default-priorities.namespace.",
        "remove it there and from providers",
    ),
    "undeclared-namespace": format_rule(
        "A namespace is not in default-priorities.namespace.", "add it there, or correct its spelling"
    ),
    "missing-provider": format_rule(
        "A declared namespace has no provider.",
        "add a provider, or remove the namespace from default-priorities",
    ),
    "provider-source": format_rule(
        "A provider must have exactly one of static-properties, requires, build-requires and builtin, and no"
        " keys that belong to another one.",
        "use either static-properties or requires, and only the keys that belong to it",
    ),
    "bad-requirement": format_rule(
        "A requirement of a provider is invalid, duplicate or missing.",
        "write a requirement such as NAME>=VERSION (PEP 508)",
    ),
    "bad-plugin-api": format_rule(
        "The plugin-api of a provider is invalid.", "write MODULE or MODULE:OBJECT"
    ),
    "schema-without-providers": format_rule(
        "$schema names a version of the format without providers, and the document has some.",
        "write the $schema of the version with providers",
    ),
    "no-values": Rule(
        (FORMAT,), WARNING, "A feature of static-properties has no values.", "add a value, or remove it"
    ),
    "feature-order": format_rule(
        "feature-order must list every feature of static-properties exactly once.",
        "list every feature once in feature-order",
    ),
    "null-variant": format_rule("The label null has properties.", "remove them, or use another label"),
    "no-properties": Rule(
        (FORMAT,),
        WARNING,
        "A label other than null has no properties, or a namespace of a label has no features.",
        "add properties or use the label 'null'",
    ),
    "wheels-differ": format_rule(
        "Two wheels of one release contradict each other.",
        "make all wheels of a release from one [variant] table",
    ),
    "index-differs": format_rule("The index file contradicts a wheel.", REINDEX),
    "index-name": format_rule(
        "The index file has the wrong name for its release.",
        "delete it, and write the right one with `variant-backend index DIR`",
    ),
    "bad-page": format_rule("A page of the index cannot be read.", REPAGE),
    "page-name": format_rule(
        "The folder or the name on a page is not the normalized name of the project.", REPAGE
    ),
    "link-size": format_rule("A page has another size than the file.", REPAGE),
}
