"""What `check` can find: a table of all codes, and what is selected of them.

The codes are stable. Those that the readers of documents give to problems are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ..errors import VariantError, did_you_mean, one_of

ERROR = "error"
WARNING = "warning"

FORMAT = "format"
PRACTICE = "practice"
INSTALLERS = ("uv", "pip")
GROUPS = (FORMAT, "installers", *INSTALLERS, PRACTICE)


class Rule(NamedTuple):
    """A rule: the groups that it belongs to, how bad it is to break it, what is wrong then, and the remedy.

    `installers` has all rules about an installer, and each of these also belongs to those that it is about.
    """

    groups: tuple[str, ...]
    severity: str
    fact: str
    remedy: str


_UV = ("installers", "uv")
_PIP = ("installers", "pip")
_BOTH = ("installers", *INSTALLERS)

_REBUILD = "rebuild the wheel, or repack it with `wheel unpack` and `wheel pack`"
_REMAKE = "make the wheel anew with make-variant, and do not edit what is inside"
_REINDEX = "write it with `variant-backend index`"
_REPAGE = "write the pages with `variant-backend index --simple`"


def _format(fact: str, remedy: str) -> Rule:
    return Rule((FORMAT,), ERROR, fact, remedy)


RULES: Mapping[str, Rule] = {
    # Files.
    "unreadable": _format("The file cannot be read.", "name a file that is there, and that can be read"),
    "unknown-file": _format(
        "By its name, the file is nothing that can be checked.",
        "name a wheel, an index file, a variant.json, a pyproject.toml, or a folder of them",
    ),
    "nothing-to-check": _format(
        "The folder holds nothing that can be checked.", "name the folder that holds the wheels"
    ),
    "not-toml": _format("The project file is not TOML in UTF-8.", "mend its syntax"),
    # Wheels.
    "bad-filename": _format(
        "The filename is not a wheel's, or its label, build number or a tag is outside the grammar.",
        "name it NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM[-LABEL].whl",
    ),
    "bad-zip": _format("The file is not a zip archive that package indexes accept.", _REBUILD),
    "zip-layout": _format(
        "The members of the archive have gaps between them, or headers that differ from the directory.",
        _REBUILD,
    ),
    "dist-info": _format(
        "There is not one .dist-info directory, or it or .data is not called as the filename says.", _REBUILD
    ),
    "missing-file": _format("METADATA, WHEEL or RECORD is missing or damaged.", _REBUILD),
    "bad-wheel-file": _format(
        "WHEEL cannot be read, or is of a version of the wheel format that installers do not know.", _REBUILD
    ),
    "bad-entry-points": _format(
        "entry_points.txt, or a script in it, cannot be read.", "mend it, and rebuild"
    ),
    "data-folder": _format("The .data directory has what no installer knows where to put.", _REBUILD),
    "wrong-identity": _format("METADATA names another project or version than the filename.", _REBUILD),
    "bad-record": _format("RECORD is not a list of paths, hashes and sizes.", _REBUILD),
    "duplicate-row": _format("RECORD lists a file twice.", _REBUILD),
    "incomplete-row": _format(
        "A row of RECORD lacks hash or size, or that of RECORD itself has them.", _REBUILD
    ),
    "missing-row": _format("RECORD does not list a file of the wheel.", _REBUILD),
    "stray-row": _format("RECORD lists a file that is not in the wheel.", _REBUILD),
    "wrong-size": _format("RECORD gives another size than the file has.", _REBUILD),
    "wrong-hash": _format(
        "RECORD gives another hash than a file of .dist-info has.",
        "let a tool change it, that changes RECORD too",
    ),
    "signature-listed": _format("RECORD lists a signature of itself.", "delete the signature and its row"),
    "missing-variant-json": _format("The filename has a label, but the wheel has no variant.json.", _REMAKE),
    "one-label": _format("variant.json does not have exactly one label.", _REMAKE),
    "label-mismatch": _format("variant.json has another label than the filename.", _REMAKE),
    # Documents.
    "not-json": _format("The document is not JSON in UTF-8 without a byte order mark.", "mend its syntax"),
    "duplicate-key": _format(
        "A key stands twice in one object: readers take one of them.", "leave one of them"
    ),
    "wrong-type": _format(
        "A value is of another type than the format asks for.", "write what the format says"
    ),
    "bad-value": _format("A value is not one that the format knows.", "write one that is known"),
    "unknown-key": _format(
        "A key is not known: uv drops the whole version.",
        "leave it out; it may be from an older version of the format",
    ),
    "missing-key": _format("A key that the format asks for is missing.", "add it"),
    "empty-list": _format(
        "A list or a table is empty that must not be.", "fill it, or leave out what holds it"
    ),
    "duplicate-value": _format("A value stands twice in a list of unique values.", "leave one of them"),
    "unsorted-values": _format("The values of a feature are not sorted.", "sort them"),
    "bad-name": _format("A name is outside the grammar of the format.", "choose another name"),
    "unknown-schema": _format(
        "$schema is no version of the format that is known.",
        "write the current one: `make-variant` and `index` do",
    ),
    "undeclared-namespace": _format(
        "A namespace is not in default-priorities.namespace.", "add it there, or correct its spelling"
    ),
    "missing-provider": _format(
        "A declared namespace has no provider.", "add one, or do not declare the namespace"
    ),
    "provider-source": _format(
        "A provider has no source of support, or several, or keys of another one.",
        "give it one of static-properties and requires, and its own keys",
    ),
    "reserved-provider": _format(
        "A provider in the project file is builtin, which is reserved.", "use static-properties or requires"
    ),
    "bad-requirement": _format("The requirement of a provider cannot be read.", "write it as PEP 508 says"),
    "feature-order": _format(
        "Two or more static features have no order, or one that does not name just them.",
        "list every feature once in feature-order",
    ),
    "null-variant": _format(
        "The label null has properties, or another label has none.", "only the null variant has no properties"
    ),
    # Releases.
    "wheels-differ": _format(
        "Two wheels of one release contradict each other.",
        "make all wheels of a release from one [variant] table",
    ),
    "index-differs": _format("The index file contradicts a wheel.", _REINDEX),
    "index-name": _format("The index file is not called as its release asks for.", _REINDEX),
    # Pages of a package index.
    "bad-page": _format("A page of the index cannot be read.", _REPAGE),
    "page-name": _format("A page is not called by the normalized name of its project.", _REPAGE),
    "link-size": _format("A page gives another size than the file has.", _REPAGE),
    "pages-differ": Rule(
        _BOTH,
        ERROR,
        "The two forms of a page differ: which one an installer gets depends on the server.",
        _REPAGE,
    ),
    "unlisted-wheel": Rule(
        _BOTH,
        ERROR,
        "A wheel is there, and a page of its project does not list it: installers pass it over.",
        _REPAGE,
    ),
    "dead-link": Rule(
        _BOTH, ERROR, "A page lists a file that is not there: an installer that chooses it fails.", _REPAGE
    ),
    "link-hash": Rule(
        _BOTH,
        ERROR,
        "A page gives another hash than the file has: an installer that reads it fails.",
        _REPAGE,
    ),
    "unlisted-index": Rule(
        _UV,
        ERROR,
        "A page lists variant wheels, but no index file of their release: uv skips them in silence.",
        _REPAGE,
    ),
    # What installers make of it.
    "missing-index": Rule(
        _UV, ERROR, "Variant wheels have no index file beside them: uv skips them in silence.", _REINDEX
    ),
    "index-lacks-label": Rule(
        _UV, ERROR, "The index file lacks the label of a wheel: uv skips it in silence.", _REINDEX
    ),
    "unknown-platform": Rule(
        _BOTH,
        ERROR,
        "A platform tag is that of no system: installers skip the wheel in silence.",
        "correct its spelling: `python -m pip debug --verbose` lists the tags of a machine",
    ),
    "variant-marker": Rule(
        _BOTH,
        ERROR,
        "A dependency has a variant marker, and no released installer can read one: they refuse the wheel.",
        "let make-variant or the build resolve it",
    ),
    "bad-metadata": Rule(
        _BOTH,
        ERROR,
        "A field of METADATA cannot be read: installers refuse the wheel.",
        "mend it, and rebuild",
    ),
    "abi-dependency": Rule(
        _UV,
        ERROR,
        "A variant has a property of abi_dependency, which is reserved: uv drops the whole version.",
        "leave it out until an installer reads it",
    ),
    "side-file": Rule(
        _PIP,
        ERROR,
        "The .metadata file beside a wheel differs from METADATA inside, and pip compares them.",
        "copy METADATA out of the wheel as it is",
    ),
    "provider-mismatch": Rule(
        _UV,
        ERROR,
        "uv knows the namespace, but not with this provider: it skips the variant in silence.",
        "write the provider as docs/providers.md has it",
    ),
    "unknown-property": Rule(
        _UV,
        ERROR,
        "uv's provider supports no value of a feature on any machine: it skips the variant in silence.",
        "correct the spelling of the feature and its values",
    ),
    "no-fallback": Rule(
        _UV,
        ERROR,
        "For a platform there are variant wheels alone: uv fails where none is supported.",
        "add a null variant or a plain wheel for it",
    ),
    "no-plain-wheel": Rule(
        _PIP,
        ERROR,
        "For a platform there are labelled wheels alone: pip sees none of them.",
        "add a plain wheel for it, or a dispatching sdist (`variant-backend stub`)",
    ),
    "fallback-from-sdist": Rule(
        _UV,
        WARNING,
        "For a platform there are variant wheels and an sdist alone: uv builds where none is supported.",
        "add a null variant or a plain wheel for it",
    ),
    "plain-from-sdist": Rule(
        _PIP,
        WARNING,
        "For a platform there are labelled wheels and an sdist alone, not a dispatching one: pip builds.",
        "add a plain wheel for it, or a dispatching sdist (`variant-backend stub`)",
    ),
    "unsupported-property": Rule(
        _UV,
        WARNING,
        "A provider has a property, but uv does not compute it yet: it skips the variant in silence.",
        "make it a variant that uv can choose, too",
    ),
    "unknown-provider": Rule(
        _UV,
        WARNING,
        "uv knows no provider of the namespace: it never chooses the variant.",
        "give it static-properties if the values are few and known",
    ),
    "no-provider": Rule(
        _UV,
        WARNING,
        "Nothing says where support for a namespace comes from: no installer can choose the variant.",
        "give the namespace a provider",
    ),
    "optional-provider": Rule(
        _UV,
        WARNING,
        "A provider is optional, and uv has no way to turn it on.",
        "leave optional out, unless it is meant for later installers",
    ),
    "builtin-provider": Rule(
        _UV,
        WARNING,
        "A provider is builtin, which is reserved, and uv has none.",
        "use static-properties or requires",
    ),
    # What maintainers get wrong.
    "unlisted-value": Rule(
        (PRACTICE,),
        ERROR,
        "The static-properties list none of a variant's values of a feature: it is never chosen.",
        "add a value to static-properties, or correct its spelling",
    ),
    "undecidable-marker": Rule(
        (PRACTICE,),
        ERROR,
        "A dependency depends on a value of a feature that has several in that variant.",
        "test variant_label or variant_features instead, or make one label for each value",
    ),
    "unlabelled-variant": Rule(
        (PRACTICE,),
        ERROR,
        "A wheel without a label has a variant.json: every installer takes it for the plain one.",
        "put the label into its name: `make-variant` does",
    ),
    "equal-properties": Rule(
        (PRACTICE,),
        WARNING,
        "Two labels have equal properties: one of them is never chosen.",
        "leave one of them",
    ),
    "hash-label": Rule(
        (PRACTICE,), WARNING, "A label is a hash, which tells nobody anything.", "choose a readable label"
    ),
    "index-label-without-wheel": Rule(
        (PRACTICE,),
        WARNING,
        "The index file has a label without a wheel beside it.",
        "add the wheel, or write the index file anew",
    ),
    "index-without-wheels": Rule(
        (PRACTICE,), WARNING, "No wheel of an index file's release is beside it.", "put it beside its wheels"
    ),
    "other-label": Rule(
        (PRACTICE,),
        WARNING,
        "Two projects have different labels for equal properties.",
        "use one label for them, so that users can ask for it in both",
    ),
    "other-properties": Rule(
        (PRACTICE,),
        WARNING,
        "Two projects have different properties under one label.",
        "choose another label in one of them",
    ),
    "signature": Rule(
        (PRACTICE,),
        WARNING,
        "A variant wheel has a signature of an older RECORD.",
        "delete it, and sign anew if need be",
    ),
    "direct-reference": Rule(
        (PRACTICE,),
        WARNING,
        "A dependency names a URL: public indexes reject the wheel.",
        "name a project and versions",
    ),
}


def select_codes(select: Iterable[str], ignore: Iterable[str], installers: Collection[str]) -> set[str]:
    """Return the codes that are looked for: those of *select*, or all, without those of *ignore*.

    Both have codes and groups. Rules about installers count for the *installers* only.
    Raises VariantError, with a suggestion, when something is neither.
    """
    wanted, unwanted = _codes(select), _codes(ignore)
    about = {*INSTALLERS} - {*installers}
    foreign = {
        code
        for code, rule in RULES.items()
        if (concerned := {*INSTALLERS}.intersection(rule.groups)) and concerned <= about
    }
    return (wanted or {*RULES}) - unwanted - foreign


def _codes(names: Iterable[str]) -> set[str]:
    codes = set[str]()
    for name in names:
        named = {code for code, rule in RULES.items() if name == code or name in rule.groups}
        if not named:
            suggestion = did_you_mean(name, [*RULES, *GROUPS])
            raise VariantError(
                f"{name!r} is no code and no group{suggestion}",
                hint=f"groups are {one_of(GROUPS)}; --list shows the codes",
            )
        codes |= named
    return codes
