"""What a machine supports, as a value and as a file (JSON or TOML), with the source of each fact.

A machine file is the output of ``hardware --json``: ``version``, and ``machine`` with a table for each
namespace. An older form, with the namespaces at the top level, is still read. As tables have no order,
``feature-order`` ranks the features, as in the ``[variant]`` table. ``by-package`` has other values, for
releases whose provider requires another package. ``least`` has those of the least capable device. Instead of
a table, a fact such as ``cuda = "12.8"`` can describe what the machine has. Then the file is complete: what
neither facts nor tables describe, the machine does not have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, cast

from ..errors import Problem, VariantError, one_of
from ..variants.filename import check_project_name, normalize
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.machine_facts import (
    Facts,
    fact_problem,
    facts_of_provider,
    facts_text,
    known_facts,
    support_of_facts,
)
from ..variants.metadata_reading import check_namespace
from ..variants.namespace_support import Lazy
from ..variants.providers import PluginProvider, Provider, read_ordered_features, required_packages
from ..variants.ranking import Supported
from ..variants.validation import Document, join, read_strict_json

_VERSION = 1
_KEYS = ("features", "feature-order", "source", "by-package", "least")
# The source of the values that a machine has without any fact.
_NO_FACT = "no fact given"


class Detected(NamedTuple):
    """The supported values of one namespace on a machine.

    *features* has the values by feature, both best first. Without features, nothing of the namespace is
    supported. *source* says for people how the values are known. *by_package* has other values by feature,
    for releases whose provider requires this package (by normalized name). *warnings* are problems of the
    detection. *least* has what the least capable device of the machine supports, if devices differ: a policy
    may prefer it to *features*, which are the provider's choice. It is None if the devices are equal, or
    unknown.

    >>> Detected({"sm_arch": ("90_real", "80_real")}, "driver", least={"sm_arch": ("80_real",)}).least
    {'sm_arch': ('80_real',)}
    """

    features: Mapping[str, tuple[str, ...]]
    source: str = ""
    by_package: Mapping[str, Mapping[str, tuple[str, ...]]] = {}
    warnings: tuple[Problem, ...] = ()
    least: Mapping[str, tuple[str, ...]] | None = None

    def of_least_device(self) -> Detected:
        """Return what the least capable device supports instead (internal).

        Releases of other packages keep theirs.
        """
        if self.least is None:
            return self
        return self._replace(
            features=self.least, least=None, source=f"{self.source}; the least of all devices".lstrip("; ")
        )

    def to_dict(self) -> dict[str, object]:
        """Return the namespace's table of a machine file, without keys that have their default (internal)."""
        return {
            **({"source": self.source} if self.source else {}),
            **_ordered(self.features),
            **(
                {"by-package": {name: _ordered(features) for name, features in self.by_package.items()}}
                if self.by_package
                else {}
            ),
            **({"least": _ordered(self.least)} if self.least is not None else {}),
        }

    def features_for(self, provider: Provider | None) -> Mapping[str, tuple[str, ...]]:
        """Return the supported values by feature, for a release with this *provider* of the namespace.

        *provider* is None if the release has none.
        """
        if self.by_package and isinstance(provider, PluginProvider):
            for package in required_packages(provider):
                if package in self.by_package:
                    return self.by_package[package]
        return self.features


class Hardware(NamedTuple):
    """What a machine supports: *namespaces* has its supported values by namespace.

    A namespace that is not in it is unknown. `detect_hardware` and `read_hardware` return this value, and
    `supported_values` takes `Hardware.supported`.

    >>> machine = Hardware({"x86_64": Detected({"level": ("v3", "v2", "v1")}, "cpuinfo")})
    >>> machine.supported
    {'x86_64': {'level': ('v3', 'v2', 'v1')}}
    >>> Hardware.from_bytes(machine.to_json(), "machine.json") == machine
    True
    """

    namespaces: Mapping[str, Detected]

    @property
    def supported(self) -> Supported:
        """The supported values for releases with the providers that this package knows."""
        return self.supported_for({})

    def supported_for(self, providers: Mapping[str, Provider]) -> Supported:
        """Return the supported values for a release with these *providers*, by namespace."""
        return {name: known.features_for(providers.get(name)) for name, known in self.namespaces.items()}

    def of_least_devices(self) -> Hardware:
        """Return what the least capable device of each namespace supports."""
        least = Detected.of_least_device
        return Hardware(Lazy(lambda: {name: least(known) for name, known in self.namespaces.items()}))

    @property
    def warnings(self) -> list[Problem]:
        """The problems of the detection."""
        return [problem for known in self.namespaces.values() for problem in known.warnings]

    @classmethod
    def from_facts(cls, facts: Facts, described: Collection[str] = ()) -> Hardware:
        """Return what a machine with only these facts supports (internal).

        The *described* namespaces are left out. Raises VariantError with every problem.
        """
        given = {
            name: facts_text(tuple(facts_of_provider(provider, facts).items()))
            for name, provider in KNOWN_PROVIDERS.items()
        }
        return cls(
            {
                name: Detected(
                    support.features, given[name] or _NO_FACT, support.by_package, least=support.least
                )
                for name, support in support_of_facts(facts, described).items()
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, place: str) -> Hardware:
        """Read the content of a machine file: JSON if it starts with ``{``, else TOML.

        *data* is in UTF-8, and *place* names the file in problems. Raises VariantError with all problems.
        """
        if data.lstrip().startswith(b"{"):
            return cls.from_json(data, place)
        from .toml_read import parse_toml

        return cls.from_table(parse_toml(data, place), place)

    @classmethod
    def from_json(cls, data: bytes, place: str) -> Hardware:
        """Read *data*, the content of a JSON file (internal).

        Raises VariantError with every problem, each with its *place*.
        """
        document = Document()
        try:
            parsed = read_strict_json(document, data)
        except VariantError as error:
            raise error.within(place) from None
        return cls._read(document, parsed, place)

    @classmethod
    def from_table(cls, table: object, place: str) -> Hardware:
        """Read a *table*, as a TOML parser returns a file (internal).

        Raises VariantError with every problem, each with its *place*.
        """
        return cls._read(Document(), table, place)

    @classmethod
    def _read(cls, document: Document, value: object, where: str) -> Hardware:
        top, place = document.table(value, ""), ""
        if kind := _another_kind(top):
            remedy = "`variant-backend hardware -o machine.toml` writes a machine file"
            raise VariantError(f"expected a machine file, got {kind}", place=where, remedy=remedy)
        if _is_envelope(top):
            # Other keys are ignored: later versions may add some.
            document.table(top, "", required=("version", "machine"))
            _check_version(document, top.get("version", _VERSION))
            place = "machine"
            top = document.table(top.get("machine", {}), place)
        given = {name: entry for name, entry in top.items() if _is_fact(name, entry)}
        namespaces = {
            name: _read_support(document, entry, join(place, name))
            for name, entry in top.items()
            if name not in given
            and document.passes(join(place, name), check_namespace, name, code="bad-name")
        }
        facts = _read_facts(document, given, [*namespaces], place)
        document.check(where)
        if not facts:
            return cls(namespaces)
        try:
            return cls({**namespaces, **cls.from_facts(facts, namespaces).namespaces})
        except VariantError as error:
            raise (error.within(place) if place else error).within(where) from None

    def to_dict(self) -> dict[str, dict[str, object]]:
        """Return the tables of all namespaces, without the version of the file (internal)."""
        return {name: support.to_dict() for name, support in self.namespaces.items()}

    def to_json(self) -> bytes:
        """Return the content of a machine file as JSON, in UTF-8."""
        envelope = {"version": _VERSION, "machine": self.to_dict(), "warnings": [], "errors": []}
        return (json.dumps(envelope, indent=2, ensure_ascii=False) + "\n").encode()

    def to_toml(self) -> bytes:
        """Return the content of a machine file as TOML, in UTF-8."""
        tables = [_toml_lines({"version": _VERSION})]
        for name, support in self.namespaces.items():
            head = support.to_dict()
            tables += _toml_tables(f"machine.{name}", head)
            for package, other in support.by_package.items():
                tables += _toml_tables(f"machine.{name}.by-package.{package}", _ordered(other))
            if support.least is not None:
                tables += _toml_tables(f"machine.{name}.least", _ordered(support.least))
        return "\n".join(tables if self.namespaces else [*tables, "[machine]\n"]).encode()


def _is_envelope(top: Mapping[str, object]) -> bool:
    """Return whether a file has ``version`` and ``machine`` at its top level, and not the namespaces.

    Namespaces may have these names: they are tables, and have ``features``.
    """
    machine = top.get("machine")
    has_version = "version" in top and not isinstance(top["version"], dict)
    return has_version or (isinstance(machine, dict) and "features" not in machine)


def _another_kind(top: Mapping[str, object]) -> str | None:
    """Return which other file this is, or None; namespaces, with ``features``, may have the same names."""
    if "default-priorities" in top:
        return "an index file (variants.json)"
    tables = [top[name] for name in ("build-system", "project", "tool") if name in top]
    is_project = any(isinstance(table, dict) and "features" not in table for table in tables)
    return "a project file" if is_project else None


def _is_fact(name: str, entry: object) -> bool:
    """Return whether an entry is a fact: a text or a list, or another value of a key of facts."""
    return isinstance(entry, str | list) or (name in known_facts() and not isinstance(entry, dict))


def _read_facts(
    document: Document, given: Mapping[str, object], described: Sequence[str], place: str
) -> Facts:
    """Read facts; *described* are the namespaces with a table."""
    facts: dict[str, tuple[str, ...]] = {}
    for key, entry in given.items():
        at = join(place, key)
        if isinstance(entry, list):
            values = document.strings(entry, at, lambda _: None)
        else:
            text = document.string(entry, at)
            values = () if text is None else (text,)
        facts[key] = values
        if problem := fact_problem(key, values):
            document.note(at, problem.text, remedy=problem.remedy)
    for name in described:
        if name in KNOWN_PROVIDERS and (twice := facts_of_provider(KNOWN_PROVIDERS[name], (*facts.items(),))):
            text = f"the facts {one_of(twice)} describe the same namespace"
            document.note(join(place, name), text, remedy="remove the facts, or this table")
    return (*facts.items(),)


def _check_version(document: Document, value: object) -> None:
    if value != _VERSION or isinstance(value, bool):
        # Python prints no number of more than 4300 digits.
        read = f"{value}" if isinstance(value, int) and value.bit_length() < 64 else "another value"
        remedy = "recreate the file with this version of `variant-backend hardware --json`"
        document.note("version", f"expected {_VERSION}, got {read}", remedy=remedy)


def _toml_lines(table: Mapping[str, object]) -> str:
    """Return keys and values as TOML, which has JSON's form for them: no text has control characters."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())


def _toml_tables(name: str, table: Mapping[str, object]) -> list[str]:
    """Return the tables of a namespace or of a package."""
    head = {key: value for key, value in table.items() if key not in ("features", "by-package", "least")}
    features = cast("Mapping[str, object]", table["features"])
    first = [f"[{name}]\n{_toml_lines(head)}"] if head else []
    return [*first, f"[{name}.features]\n{_toml_lines(features)}"]


def _ordered(features: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    """Return the keys of a table for features, and their order if there are several."""
    return {
        **({"feature-order": list(features)} if len(features) > 1 else {}),
        "features": {name: list(values) for name, values in features.items()},
    }


def _read_support(document: Document, value: object, place: str) -> Detected:
    entry = document.table(value, place, _KEYS, required=["features"])
    if "source" in entry:
        at = join(place, "source")
        source = document.string(entry["source"], at) or ""
        document.passes(at, _check_source, source)
    else:
        source = ""
    at_packages = join(place, "by-package")
    by_package: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for package, table in document.table(entry.get("by-package", {}), at_packages).items():
        at = join(at_packages, package)
        if document.passes(at, check_project_name, package, code="bad-name"):
            if (name := normalize(package)) in by_package:
                document.note(at, f"the package {name!r} is listed twice", remedy="remove one of the tables")
            by_package[name] = _read_features(document, table, at)
    least = _read_features(document, entry["least"], join(place, "least")) if "least" in entry else None
    if "features" not in entry:
        return Detected({})
    features = dict(read_ordered_features(document, entry, place, "features"))
    return Detected(features, source, by_package, least=least)


def _read_features(document: Document, value: object, place: str) -> dict[str, tuple[str, ...]]:
    """Read the table of a package, or of the least capable device."""
    entry = document.table(value, place, ("features", "feature-order"), required=["features"])
    return dict(read_ordered_features(document, entry, place, "features")) if "features" in entry else {}


def _check_source(text: str) -> None:
    """Check a text that is printed on terminals."""
    if match := re.search(r"[\x00-\x1f\x7f-\x9f]", text):
        raise VariantError(f"control character {match[0]!r}", remedy="remove it")
