"""The rules of `check`: a table of all codes, and the selection by code and group.

The codes are stable. The readers of documents use the same codes in their problems.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ..errors import VariantError, did_you_mean, one_of
from ..lowlevel.zip_records import MEND, REBUILD
from ..project.python_versions import OLDEST
from ..variants.metadata import SCHEMA_WITH_PROVIDERS
from ..wheels.reading import IDENTIFY
from ..wheels.soundness import REMAKE, REMEDIES

ERROR = "error"
WARNING = "warning"

FORMAT = "format"
PRACTICE = "practice"
UPLOAD = "upload"
INSTALLERS = ("uv", "pip")
# The rules about compiled modules, which are read only on request.
PAYLOAD = ("runtime-mismatch", "unreadable-module")
GROUPS = (FORMAT, "installers", *INSTALLERS, PRACTICE, UPLOAD)

# A path that cannot be checked is always reported, even if a selection leaves out other rules.
_PATHS = {"unreadable", "unknown-file", "nothing-to-check"}


class Rule(NamedTuple):
    """A rule: its groups, the severity of a violation, the violation as a sentence, and the remedy.

    A rule about an installer is in the group `installers` and in the group of that installer.
    """

    groups: tuple[str, ...]
    severity: str
    fact: str
    remedy: str


_UV = ("installers", "uv")
_PIP = ("installers", "pip")
_BOTH = ("installers", *INSTALLERS)

# A finding names the folder of the release instead of DIR.
_REINDEX = "write it with `variant-backend index DIR`"
# `index` replaces no page of another tool, and leaves a folder with another name.
_REPAGE = "remove the project's pages, and write new ones with `variant-backend index --simple DIR`"


def _format(fact: str, remedy: str, *groups: str) -> Rule:
    return Rule((FORMAT, *groups), ERROR, fact, remedy)


def _upload(fact: str, remedy: str) -> Rule:
    return Rule((UPLOAD,), WARNING, fact, remedy)


RULES: Mapping[str, Rule] = {
    # Files.
    "unreadable": _format("The file cannot be read.", "name an existing file that you can read"),
    "unknown-file": _format(
        "No rule applies to a file with this name.",
        "name a wheel, an index file, a variant.json, a pyproject.toml, or a folder of them",
    ),
    "nothing-to-check": _format(
        "The folder contains nothing to check.", "name the folder that contains the wheels"
    ),
    "not-toml": _format("The project file is not valid TOML in UTF-8.", "correct its syntax"),
    # Wheels.
    "bad-filename": _format(
        "The filename is not a valid wheel filename.",
        "name it NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM[-LABEL].whl",
        UPLOAD,
    ),
    "bad-zip": _format("The file is not a zip archive that package indexes accept.", REBUILD, UPLOAD),
    "zip-layout": _format(
        "The archive has gaps between its members, or headers that differ from its directory.",
        MEND,
        UPLOAD,
    ),
    "dist-info": _format(
        "The wheel has no or several .dist-info directories, or a directory name differs from the filename.",
        REBUILD,
        UPLOAD,
    ),
    "missing-file": _format("METADATA, WHEEL or RECORD is missing or damaged.", REBUILD, UPLOAD),
    "symbolic-link": Rule(
        (FORMAT,),
        WARNING,
        "A file is a symbolic link, which installers write as a text file.",
        REMEDIES["symbolic-link"],
    ),
    "zip-comment": Rule((FORMAT,), WARNING, "The archive has a comment, which installers ignore.", MEND),
    "bad-wheel-file": _format(
        "WHEEL cannot be read, or has an unsupported Wheel-Version.", REMEDIES["bad-wheel-file"]
    ),
    "tag-mismatch": Rule(
        (FORMAT,),
        WARNING,
        "The tags in WHEEL are missing, invalid, or not those of the filename, or its build number differs.",
        MEND,
    ),
    "bad-entry-points": _format(
        "entry_points.txt or a script in it cannot be read.", REMEDIES["bad-entry-points"], UPLOAD
    ),
    "data-folder": _format(
        "The .data directory has a folder that installers do not know.", REMEDIES["data-folder"]
    ),
    "wrong-identity": _format(
        "METADATA has another project name or version than the filename.",
        IDENTIFY,
        UPLOAD,
    ),
    "bad-record": _format("RECORD is not a valid list of paths, hashes and sizes.", MEND),
    "duplicate-row": _format("RECORD lists a file twice.", MEND),
    "incomplete-row": _format(
        "A row of RECORD lacks hash or size, or the row of RECORD itself has them.", MEND
    ),
    "bad-hash": _format("A hash in RECORD has an unknown algorithm or an invalid form.", MEND),
    "weak-hash": Rule(
        (FORMAT,), WARNING, "A hash in RECORD uses MD5 or SHA-1, which the format forbids.", MEND
    ),
    "missing-row": _format("RECORD does not list a file of the wheel.", MEND),
    "stray-row": _format("RECORD lists a file that is not in the wheel.", MEND),
    "wrong-size": _format("RECORD has another size than the file.", MEND),
    "wrong-hash": _format(
        "RECORD has another hash than a file in .dist-info.",
        MEND,
    ),
    "signature-listed": _format("RECORD lists a signature of itself.", MEND),
    "missing-variant-json": _format("The filename has a label, but the wheel has no variant.json.", REMAKE),
    "one-label": _format("variant.json does not have exactly one label.", REMAKE),
    "label-mismatch": _format("variant.json has another label than the filename.", REMAKE),
    # Documents.
    "not-json": _format(
        "The document is not valid JSON in UTF-8 without a byte order mark.", "correct its syntax"
    ),
    "duplicate-key": _format("An object has the same key twice.", "remove one of them"),
    "duplicate-entry": Rule(
        (FORMAT,), WARNING, "A table of JSON has two entries with the same name.", "remove one of them"
    ),
    "null-value": _format("An optional key of JSON is null.", "leave the key out"),
    "ignored-null": _format("A key of JSON is null, and uv ignores it.", "leave the key out"),
    "wrong-type": _format("A value has another type than the format requires.", "replace it"),
    "bad-value": _format("A value is invalid.", "correct it"),
    "unknown-key": _format("The format does not define this key.", "correct its spelling, or remove it"),
    "missing-key": _format("A required key is missing.", "add it"),
    "empty-list": _format("A list or a table must not be empty.", "add an entry, or remove the key"),
    "duplicate-value": _format("A list of unique values has the same value twice.", "remove one of them"),
    "unsorted-values": _format("The values of a feature are not sorted.", "sort them"),
    "bad-name": _format("A name has characters that the format does not allow.", "use another name"),
    "unknown-schema": _format(
        "The value of $schema is not a known version of the format.",
        "run `variant-backend upgrade` if the format is old, or update variant-backend if it is newer",
    ),
    "undeclared-namespace": _format(
        "A namespace is not in default-priorities.namespace.", "add it there, or correct its spelling"
    ),
    "missing-provider": _format(
        "A declared namespace has no provider.",
        "add a provider, or remove the namespace from default-priorities",
    ),
    "provider-source": _format(
        "A provider must have exactly one of static-properties, requires, build-requires and builtin, and no"
        " keys that belong to another one.",
        "use either static-properties or requires, and only the keys that belong to it",
    ),
    "reserved-provider": _format(
        "A provider in the project file uses builtin, which is reserved.", "use static-properties or requires"
    ),
    "bad-requirement": _format(
        "A requirement of a provider is invalid, duplicate or missing.",
        "write a requirement such as NAME>=VERSION (PEP 508)",
    ),
    "bad-plugin-api": _format("The plugin-api of a provider is invalid.", "write MODULE or MODULE:OBJECT"),
    "schema-without-providers": _format(
        "$schema names a version of the format without providers, and the document has some.",
        "write the $schema of the version with providers",
    ),
    "no-values": Rule(
        (FORMAT,), WARNING, "A feature of static-properties has no values.", "add a value, or remove it"
    ),
    "feature-order": _format(
        "feature-order must list every feature of static-properties exactly once.",
        "list every feature once in feature-order",
    ),
    "null-variant": _format("The label null has properties.", "remove them, or use another label"),
    "no-properties": Rule(
        (FORMAT,),
        WARNING,
        "A label other than null has no properties, or a namespace of a label has no features.",
        "add properties or use the label 'null'",
    ),
    # Releases.
    "wheels-differ": _format(
        "Two wheels of one release contradict each other.",
        "make all wheels of a release from one [variant] table",
    ),
    "index-differs": _format("The index file contradicts a wheel.", _REINDEX),
    "index-name": _format(
        "The index file has the wrong name for its release.",
        "delete it, and write the right one with `variant-backend index DIR`",
    ),
    # Pages of a package index.
    "bad-page": _format("A page of the index cannot be read.", _REPAGE),
    "page-name": _format(
        "The folder or the name on a page is not the normalized name of the project.", _REPAGE
    ),
    "link-size": _format("A page has another size than the file.", _REPAGE),
    "pages-differ": Rule(_BOTH, ERROR, "The HTML page and the JSON page of a project differ.", _REPAGE),
    "unlisted-wheel": Rule(_BOTH, ERROR, "A page of the project does not list a wheel.", _REPAGE),
    "dead-link": Rule(_BOTH, ERROR, "A page lists a file that does not exist.", _REPAGE),
    "link-hash": Rule(_BOTH, ERROR, "A page has another hash than the file.", _REPAGE),
    "unlisted-index": Rule(
        _UV, ERROR, "A page lists variant wheels but not the index file of their release.", _REPAGE
    ),
    # Installers.
    "missing-index": Rule(_UV, ERROR, "Variant wheels have no index file in the same folder.", _REINDEX),
    "index-lacks-label": Rule(_UV, ERROR, "The index file lacks the label of a wheel.", _REINDEX),
    "unknown-platform": Rule(
        (*_BOTH, UPLOAD),
        ERROR,
        "A platform tag does not exist on any system.",
        REMEDIES["unknown-platform"],
    ),
    "build-system": Rule(
        (PRACTICE,),
        ERROR,
        "The project file does not make variant_backend.hooks wrap another build backend.",
        "name variant_backend.hooks in [build-system], and the backend to wrap in [tool.variant-backend]",
    ),
    "variant-marker": Rule(
        (*_BOTH, UPLOAD),
        ERROR,
        "A dependency has a variant marker, which no released installer can read.",
        'make the wheel with `make-variant` or the build hook, and without `markers = "keep"`',
    ),
    "bad-metadata": Rule(
        (*_BOTH, UPLOAD),
        ERROR,
        "A field of METADATA cannot be read.",
        REMEDIES["bad-metadata"],
    ),
    "old-specifier": Rule(
        (FORMAT,),
        WARNING,
        "Requires-Python has an old form, which package indexes reject.",
        REMEDIES["old-specifier"],
    ),
    "abi-dependency": Rule(
        _UV,
        ERROR,
        "A variant has a property in the reserved namespace abi_dependency.",
        "remove it until installers support it",
    ),
    "side-file": Rule(
        _PIP,
        ERROR,
        "The .metadata file beside a wheel differs from METADATA in the wheel.",
        "copy METADATA from the wheel unchanged",
    ),
    "provider-mismatch": Rule(
        _UV,
        ERROR,
        "uv knows the namespace, but with another provider.",
        "copy the provider from docs/providers.md",
    ),
    "unknown-property": Rule(
        _UV,
        ERROR,
        "uv's provider does not support any value of a feature, on any machine.",
        "correct the spelling of the feature and its values",
    ),
    "no-fallback": Rule(
        _UV,
        ERROR,
        "A platform has only variant wheels.",
        "add a null variant or a plain wheel for the platform",
    ),
    "no-plain-wheel": Rule(
        _PIP,
        ERROR,
        "A platform has only labelled wheels.",
        "add a plain wheel for the platform, or a dispatching sdist (`variant-backend stub`)",
    ),
    "fallback-from-sdist": Rule(
        _UV,
        WARNING,
        "A platform has only variant wheels and an sdist.",
        "add a null variant or a plain wheel for the platform",
    ),
    "plain-from-sdist": Rule(
        _PIP,
        WARNING,
        "A platform has only labelled wheels and an sdist that is not a dispatching one.",
        "add a plain wheel for the platform, or a dispatching sdist (`variant-backend stub`)",
    ),
    "unsupported-property": Rule(
        _UV,
        WARNING,
        "The provider defines this property, but uv does not support it yet.",
        "use a property that uv supports, or --ignore unsupported-property",
    ),
    "unknown-provider": Rule(
        _UV,
        WARNING,
        "uv has no provider for the namespace.",
        "use static-properties if the values are few and known",
    ),
    "no-provider": Rule(
        _UV,
        WARNING,
        "A namespace has no provider.",
        f'add a provider for the namespace; in JSON, also write "$schema": "{SCHEMA_WITH_PROVIDERS}"',
    ),
    "optional-provider": Rule(
        _UV,
        WARNING,
        "A provider is optional, and uv has no way to enable it.",
        "remove optional, unless you need it for later installers",
    ),
    "unusable-provider": Rule(
        _UV, ERROR, "A variant uses a namespace with an invalid provider.", "correct the provider's entry"
    ),
    "builtin-provider": Rule(
        _UV, WARNING, "A provider uses builtin, which is reserved.", "use static-properties or requires"
    ),
    # Common mistakes.
    "unlisted-value": Rule(
        (PRACTICE,),
        ERROR,
        "The static-properties contain none of a variant's values.",
        "add a value to static-properties, or correct its spelling",
    ),
    "undecidable-marker": Rule(
        (PRACTICE,),
        ERROR,
        "A dependency tests for one of several values of a feature.",
        "test variant_label or variant_features instead, or make one label for each value",
    ),
    "unlabelled-variant": Rule(
        (PRACTICE,),
        ERROR,
        "A wheel without a label has a variant.json.",
        "make a labelled copy with `make-variant`, and delete this wheel",
    ),
    "equal-properties": Rule((PRACTICE,), WARNING, "Two labels have equal properties.", "remove one of them"),
    "same-payload": Rule(
        (PRACTICE,),
        WARNING,
        "A recipe changes the build of a label, but not the payload of its wheel.",
        "correct the recipe; remove these keys if only the requirements differ;"
        " remove the label if the code gains nothing",
    ),
    "runtime-mismatch": Rule(
        (PRACTICE,),
        WARNING,
        "A compiled module links another runtime than the label or a requirement says.",
        "correct the property or the requirement, or rebuild the wheel with that runtime",
    ),
    "unreadable-module": Rule(
        (PRACTICE,),
        WARNING,
        "The import table of a compiled module cannot be read.",
        "rebuild the wheel, and check that `ldd`, `otool -L` or `dumpbin /dependents` can read the module",
    ),
    "hash-label": Rule((PRACTICE,), WARNING, "A label is a hash.", "use a readable label"),
    "index-label-without-wheel": Rule(
        (PRACTICE,),
        WARNING,
        "The index file has a label without a wheel in the same folder.",
        "add the wheel, or write the index file with `variant-backend index DIR`",
    ),
    "index-without-wheels": Rule(
        (PRACTICE,),
        WARNING,
        "The folder has an index file but no wheel of its release.",
        "move it to the folder of its wheels",
    ),
    "older-python": Rule(
        (PRACTICE,),
        WARNING,
        "The project supports versions of Python on which its wrapped build backend does not run.",
        f'write requires-python = ">={OLDEST}", or use `make-variant` on finished wheels instead',
    ),
    "other-label": Rule(
        (PRACTICE,),
        WARNING,
        "Two projects have different labels for equal properties.",
        "use the same label in both projects",
    ),
    "other-properties": Rule(
        (PRACTICE,),
        WARNING,
        "Two projects have different properties under one label.",
        "use another label in one of the projects",
    ),
    "other-priorities": Rule(
        (PRACTICE,),
        WARNING,
        "Two projects have a different order of namespaces.",
        "use the same order in default-priorities.namespace of both projects",
    ),
    "dependencies-differ": Rule(
        (PRACTICE,),
        WARNING,
        "Two wheels of one release have the same label, but different dependencies.",
        "give all wheels of a label the same requirements, with environment markers",
    ),
    "modules-differ": Rule(
        (PRACTICE,),
        WARNING,
        "Two labels have different top-level modules.",
        "put the same modules into the wheels of all labels",
    ),
    "impossible-variant": Rule(
        (PRACTICE,),
        WARNING,
        "A variant has properties that exist on no machine with its wheel's platform tags.",
        "build this label only for platforms on which its properties exist",
    ),
    "missing-local-version": Rule(
        (PRACTICE,),
        WARNING,
        "A dependency requires a local version, but no wheel of that checked project has it.",
        "require the version without +LOCAL",
    ),
    "signature": Rule(
        (PRACTICE,),
        WARNING,
        "A variant wheel has a signature of RECORD that may be outdated.",
        "delete the signature; if you have signed the wheel again, use --ignore signature",
    ),
    "direct-reference": Rule(
        (PRACTICE, UPLOAD), WARNING, "A dependency names a URL.", "name a project and its versions instead"
    ),
    # Public indexes.
    "refused-field": _upload(
        "METADATA has a field that public indexes refuse.",
        "correct it in the project file, and rebuild the wheel",
    ),
    "missing-license-file": _upload(
        "METADATA names a license file that is not in the wheel.",
        "add the file to the project, or remove it from license-files, and rebuild the wheel",
    ),
    "script-name": _upload(
        "The name of a script has other characters than letters, digits, `_`, `.` and `-`.",
        REMEDIES["script-name"],
    ),
    "name-spelling": _upload(
        "The filename of a wheel has a project name that is not normalized.",
        "rebuild the wheel with a current build backend, which writes the normalized name",
    ),
    "local-version": _upload(
        "The version of a wheel has a local part.",
        "build the wheel without the part of the version after +, or serve it from your own index",
    ),
    "refused-platform": _upload(
        "Public indexes do not accept a platform tag.",
        "repair the wheel with auditwheel, or build it on another system",
    ),
    "large-upload": _upload(
        "A wheel or a release is larger than the default limits of PyPI.",
        "ask PyPI for a higher limit, or make the files smaller",
    ),
    "labelled-upload": _upload(
        "Public indexes refuse wheels with a label, and index files.",
        "upload only plain wheels and sdists there, and serve the release with"
        " `variant-backend index --simple DIR`",
    ),
}


# Wheels for one's own index break the other rules on purpose, so they are checked only if a selection names
# them or their group.
BY_DEFAULT = frozenset(RULES) - {"labelled-upload", "large-upload", "local-version", "refused-platform"}


def select_codes(select: Iterable[str], ignore: Iterable[str], installers: Collection[str]) -> set[str]:
    """Return the selected codes: those in *select*, or all, minus those in *ignore*.

    Both take codes and groups. Rules about an installer are left out unless it is one of *installers*. Rules
    about given paths are always selected, unless *ignore* has their codes. Some rules of the group ``upload``
    are selected only if *select* has them or their group.
    Raises VariantError with a suggestion if a name is neither a code nor a group, or if no rule is left.
    """
    select, ignore = [*select], [*ignore]
    wanted, unwanted = _codes(select), _codes(ignore)
    about = {*INSTALLERS} - {*installers}
    foreign = {
        code
        for code, rule in RULES.items()
        if (concerned := {*INSTALLERS}.intersection(rule.groups)) and concerned <= about
    }
    left = {*(wanted or BY_DEFAULT)} - unwanted - foreign
    if not left:
        given = [option for option, names in (("--select", select), ("--ignore", ignore)) if names]
        raise VariantError("no rule is left", hint=f"leave out {' and '.join(given)}")
    return left | (_PATHS - {*ignore})


def _codes(names: Iterable[str]) -> set[str]:
    codes = set[str]()
    for name in names:
        named = {code for code, rule in RULES.items() if name == code or name in rule.groups}
        if not named:
            suggestion = did_you_mean(name, [*RULES, *GROUPS])
            raise VariantError(
                f"unknown code or group {name!r}{suggestion}",
                hint=f"known groups: {one_of(GROUPS)}; `variant-backend check --list` prints the codes",
            )
        codes |= named
    return codes
