"""The rules about common mistakes."""

from __future__ import annotations

from collections.abc import Mapping

from .rule import ERROR, PRACTICE, UPLOAD, WARNING, Rule

PRACTICE_RULES: Mapping[str, Rule] = {
    "unlisted-value": Rule(
        (PRACTICE,),
        ERROR,
        "The static-properties contain none of a variant's values.",
        "add a value to static-properties, or correct its spelling",
    ),
    "unlabelled-variant": Rule(
        (PRACTICE,),
        ERROR,
        "A wheel without a label has a variant.json.",
        "make a labelled copy with `make-variant`, and delete this wheel",
    ),
    "equal-properties": Rule((PRACTICE,), WARNING, "Two labels have equal properties.", "remove one of them"),
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
}
