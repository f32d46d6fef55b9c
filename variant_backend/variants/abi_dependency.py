"""The namespace ``abi_dependency``: with which version of another project a wheel was built.

It is reserved by the providers draft and by PEP 817 ("ABI Dependency Variant Namespace"): a feature is
the name of a project, a value is the start of its version, and means ``==VALUE.*``.
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

ABI_DEPENDENCY = "abi_dependency"

# What a maintainer should be told.
REMARK = (
    f"if a variant has a property of {ABI_DEPENDENCY}, uv of today drops the whole version, its"
    " plain wheels too"
)


def prefixes(version: Version) -> tuple[str, str, str]:
    """Return the values that a version of a project matches, the closest first.

    They have as many components as they have; the version counts as one with zeros behind it.
    An epoch matches nothing, as the namespace does not know any: raises VariantError.

    >>> from packaging.version import Version
    >>> prefixes(Version("2.10rc1+cpu"))
    ('2.10.0', '2.10', '2')
    """
    if version.epoch:
        raise VariantError(f"version {version} has an epoch, which {ABI_DEPENDENCY} has no way to say")
    major, minor, micro = version.major, version.minor, version.micro
    return f"{major}.{minor}.{micro}", f"{major}.{minor}", f"{major}"


def check_property(prop: Property) -> None:
    """Check a property, if it is of this namespace; raises VariantError."""
    if prop.namespace != ABI_DEPENDENCY:
        return
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", prop.feature):
        raise VariantError(
            f"{prop.feature!r} is no project's name",
            place=f"property '{prop}'",
            hint="write it in small letters, with one '_' for each '-' or '.'",
        )
    number = "(0|[1-9][0-9]*)"
    if not re.fullmatch(rf"{number}(\.{number}){{,2}}", prop.value):
        raise VariantError(
            f"{prop.value!r} is not the start of a version",
            place=f"property '{prop}'",
            hint="write one to three numbers, such as 2, 2.10 or 2.10.0, for all versions that start so",
        )


def built_with(variant: Variant, versions: Mapping[str, Version]) -> Variant:
    """Return a variant whose wheel was built with these versions, by the names of their projects.

    The first two components are what is added: many projects change their ABI with the second. If the
    variant says something of a project already, that must be true, and stays. Raises VariantError with
    every fault found.

    >>> from packaging.version import Version
    >>> variant = Variant("fast", frozenset({Property("blas", "library", "mkl")}))
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
                f"variant {variant.label!r} says {ABI_DEPENDENCY} :: {feature} :: {one_of(stated[feature])},"
                f" but it is built with {name} {version}"
            )
            problems.append(Problem("error", "", text, "require the right one for the build"))
    if problems:
        raise VariantError(*problems)
    return Variant(variant.label, variant.properties | added)
