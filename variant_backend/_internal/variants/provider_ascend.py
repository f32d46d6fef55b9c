"""The facts of the provider `ascend`: Huawei's Ascend NPUs, their driver, and CANN.

Two packages report this namespace: huawei-ascend-variant-provider from Huawei's own index, and its older
form ascend-variant-provider on PyPI. The rules for values are those of version 0.0.2 of both; tests compare
them with the packages or their answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import VariantError
from .providers import PluginProvider
from .registry_entry import Fact, FactSupport, Features, KnownProvider, Meaning, OpenValues

# With these variables, both packages use the given facts instead of detecting them.
FORCE_NPU = "ASCEND_VARIANT_PROVIDER_FORCE_NPU_TYPE"
FORCE_DRIVER = "ASCEND_VARIANT_PROVIDER_FORCE_DRIVER_VERSION"
FORCE_CANN = "ASCEND_VARIANT_PROVIDER_FORCE_CANN_VERSION"
FORCED = {"npu_type": FORCE_NPU, "driver_version": FORCE_DRIVER, "cann_version": FORCE_CANN}

# The package on PyPI.
OLD_PACKAGE = "ascend-variant-provider"

# The rows of the table that `npu-smi info` prints, as the packages read them: the number and name of a card.
_ROW = re.compile(r"^\|\s*\d+\s+(\d+[A-Za-z]+\d*|[A-Za-z]+\d[A-Za-z0-9]*)\s+\|", re.MULTILINE | re.ASCII)
_OLD_ROW = re.compile(r"^\|\s*\d+\s+(\d+[A-Za-z]+)\d*\s+\|", re.MULTILINE | re.ASCII)

_TYPE = "[0-9a-z_.]+"
_RELEASE = "[0-9][0-9a-z_.]*"
_PATTERNS = {"npu_type": _TYPE, "driver_version": _RELEASE, "cann_version": _RELEASE}


class Cards(NamedTuple):
    """The types of the NPUs as each package names them, and the version of the driver, empty if unknown."""

    types: tuple[str, ...] = ()
    old_types: tuple[str, ...] = ()
    driver: str = ""


def cards_of(table: str) -> Cards:
    r"""Return the facts in the table that `npu-smi info` prints.

    >>> cards_of("| npu-smi 24.1.0.3   Version: 24.1.0.3 |\n| 0     910B3   | OK   |\n")
    Cards(types=('910b',), old_types=('910b',), driver='24.1.0')
    """
    types = tuple(_type_of(name) for name in _ROW.findall(table))
    old_types = tuple(name.lower() for name in _OLD_ROW.findall(table))
    return Cards(types, old_types, _version_in(table, "Version:", "rc"))


def cann_of_file(text: str) -> str:
    r"""Return the version of CANN in its file ``ascend_toolkit_install.info``, empty if it has none.

    >>> cann_of_file("package_name=Ascend-cann-toolkit\nversion=8.1.RC1.alpha001\n")
    '8.1.rc1'
    """
    return _version_in(text, "version=", "RC", space="")


def ascend_features(npu_types: Sequence[str], driver: str, cann: str) -> Features:
    """Return the features with these values; a feature without one is left out.

    >>> ascend_features(["910b", "910b"], "24.1.0", "")
    {'npu_type': ('910b',), 'driver_version': ('24.1.0',)}
    """
    types = tuple(dict.fromkeys(npu_types))
    features = {"npu_type": types, "driver_version": (driver,), "cann_version": (cann,)}
    return {name: values for name, values in features.items() if any(values)}


def ascend_support(cards: Cards, cann: str, forced: Mapping[str, str] = {}) -> FactSupport:
    """Return what both packages support; *forced* has values by feature.

    The package on PyPI reports nothing that is not forced if it finds no card that it knows.
    """
    features = ascend_features(cards.types[:1], cards.driver, cann)
    old = ascend_features(cards.old_types, cards.driver, cann) if cards.old_types else {}
    return FactSupport(_with_forced(features, forced), {OLD_PACKAGE: _with_forced(old, forced)})


def is_valid(feature: str, value: str) -> bool:
    """Return whether a value has the form of the feature's values."""
    return bool(re.fullmatch(_PATTERNS[feature], value))


def _with_forced(features: Features, forced: Mapping[str, str]) -> Features:
    """Return features with forced values, in the order of the packages."""
    complete = {**features, **{name: (value,) for name, value in forced.items()}}
    return {name: complete[name] for name in _PATTERNS if name in complete}


def _type_of(name: str) -> str:
    """Return the type of a card by its name: several cards of one generation have the same type."""
    name = name.lower()
    name = name.removeprefix("ascend") or name
    if name == "910":
        return "a3"
    return next((known for known in ("910b", "310p") if name.startswith(known)), name)


def _version_in(text: str, key: str, candidate: str, space: str = r"\s*") -> str:
    """Return the version after a *key*; *candidate* is the word before the number of a release candidate."""
    pattern = rf"{key}{space}(\d+)\.(\d+)(?:\.(\d+))?(?:\.{candidate}(\d+))?"
    if not (match := re.search(pattern, text, re.ASCII)):
        return ""
    try:
        major, minor, patch, release = [None if part is None else int(part) for part in match.groups()]
    except ValueError:  # more digits than Python converts
        return ""
    more = "" if patch is None else f".{patch}"
    return f"{major}.{minor}{more}" + ("" if release is None else f".rc{release}")


def _from_facts(facts: Mapping[str, Sequence[str]]) -> FactSupport:
    """Return what the facts `npu`, `npu_driver` and `cann` support; a card may have its full name."""
    wanted = {"npu": "an NPU", "npu_driver": "a version of the driver", "cann": "a version of CANN"}
    given = {key: next(iter(facts.get(key, ())), "").lower() for key in wanted}
    for (key, words), feature in zip(wanted.items(), _PATTERNS, strict=True):
        if given[key] and not is_valid(feature, given[key]):
            example = ASCEND.facts[key].examples[0]
            raise VariantError(
                f"expected {words}, got {facts[key][0]!r}", remedy=f"write a value such as {example}"
            )
    name = given["npu"]
    old_name = re.fullmatch(r"([0-9]+[a-z]+)[0-9]*", name)
    types, old_types = (_type_of(name),) if name else (), (old_name[1],) if old_name else ()
    return ascend_support(Cards(types, old_types, given["npu_driver"]), given["cann"])


ASCEND = KnownProvider(
    PluginProvider(
        ("huawei-ascend-variant-provider>=0.0.2,<1",),
        "huawei_ascend_variant_provider.plugin:AscendVariantPlugin",
    ),
    (
        Meaning("npu_type", "910b", "Huawei Ascend 910B"),
        Meaning("npu_type", "310p", "Huawei Ascend 310P"),
        Meaning("npu_type", "a3", "Huawei Atlas A3 (Ascend 910C)"),
        Meaning("npu_type", _TYPE, r"Huawei Ascend \g<0>"),
        Meaning("driver_version", _RELEASE, r"the Ascend driver \g<0>"),
        Meaning("cann_version", _RELEASE, r"CANN \g<0>"),
    ),
    None,
    systems=("linux",),
    open_values={
        "npu_type": OpenValues(_TYPE, ("910b", "310p")),
        "driver_version": OpenValues(_RELEASE, ("24.1.0", "25.3.rc1")),
        "cann_version": OpenValues(_RELEASE, ("8.1.rc1", "8.2.0")),
    },
    facts={
        "npu": Fact("the type of the Ascend NPUs", ("910b", "310p")),
        "npu_driver": Fact("the version of the Ascend driver", ("24.1.0", "25.3.rc1")),
        "cann": Fact("the version of CANN", ("8.1.rc1", "8.2.0")),
    },
    from_facts=_from_facts,
)
