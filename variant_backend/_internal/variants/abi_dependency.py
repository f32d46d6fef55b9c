"""The namespace ``abi_dependency``: the versions of other projects that a wheel was built with.

The providers draft and PEP 817 ("ABI Dependency Variant Namespace") reserve it. A feature is the name of a
project. A value is the start of the project's version, and means ``==VALUE.*``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import Problem, VariantError, one_of
from .filename import escape
from .properties import Property, Variant

if TYPE_CHECKING:
    from packaging.version import Version

# The namespace of versions of other projects that a wheel was built with (PEP 817, "ABI Dependency Variant
# Namespace"). Every release may use it; it has no provider.
ABI_DEPENDENCY = "abi_dependency"

# Python converts no number with more than 4300 digits.
_NUMBER = "(0|[1-9][0-9]{,999})"

# A warning for maintainers.
REMARK = (
    f"if a variant has a property of {ABI_DEPENDENCY}, uv drops the whole version, including its plain wheels"
)


def prefixes(version: Version) -> tuple[str, str, str]:
    """Return the three values that match a version of a project, the longest first.

    Missing components of the version are zeros. Raises VariantError if the version has an epoch, which
    values cannot express.

    >>> from packaging.version import Version
    >>> prefixes(Version("2.10rc1+cpu"))
    ('2.10.0', '2.10', '2')
    """
    if version.epoch:
        raise VariantError(f"version {version} has an epoch, which {ABI_DEPENDENCY} cannot express")
    major, minor, micro = version.major, version.minor, version.micro
    return f"{major}.{minor}.{micro}", f"{major}.{minor}", f"{major}"


def is_prefix(value: str) -> bool:
    """Return whether a value is the start of a version: one to three numbers without leading zeros."""
    return bool(re.fullmatch(rf"{_NUMBER}(\.{_NUMBER}){{,2}}", value))


def check_property(prop: Property) -> None:
    """Check a property of this namespace, and accept others. Raises VariantError if it is invalid."""
    if prop.namespace != ABI_DEPENDENCY:
        return
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", prop.feature):
        raise VariantError(
            f"invalid project name {prop.feature!r}",
            place=f"property '{prop}'",
            remedy="write it in lower case, with one '_' for each '-' or '.'",
        )
    if not is_prefix(prop.value):
        raise VariantError(
            f"invalid start of a version {prop.value!r}",
            place=f"property '{prop}'",
            remedy="write one to three numbers such as 2, 2.10 or 2.10.0",
        )


def built_with(variant: Variant, versions: Mapping[str, Version]) -> Variant:
    """Return the variant of a wheel that was built with these versions of projects.

    It adds the first two components of each version: many projects change their ABI with the second. If the
    variant already has a property of a project, this property must match and is kept. Raises VariantError
    with all problems.

    >>> from packaging.version import Version
    >>> variant = Variant.of("fast", [Property("blas", "library", "mkl")])
    >>> built_with(variant, {"torch": Version("2.10.1")}).to_dict()
    {'abi_dependency': {'torch': ['2.10']}, 'blas': {'library': ['mkl']}}
    """
    stated = variant.to_dict().get(ABI_DEPENDENCY, {})
    added = set()
    problems: list[Problem] = []
    for name, version in versions.items():
        feature = escape(name)
        try:
            values = prefixes(version)
        except VariantError as error:
            problems += error.within(name).problems
            continue
        if feature not in stated:
            added.add(Property(ABI_DEPENDENCY, feature, values[1]))
        elif not {*values} & {*stated[feature]}:
            text = (
                f"variant {variant.label!r} has {ABI_DEPENDENCY} :: {feature} :: {one_of(stated[feature])},"
                f" but the build used {name} {version}"
            )
            problems.append(
                Problem("error", "", text, f"require {name}=={stated[feature][0]}.* for the build")
            )
    if problems:
        raise VariantError(*problems)
    return Variant(variant.label, variant.properties | added)
