"""Made ecosystems with variants, and their offer on this machine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from packaging.version import Version

from helpers.made_wheels import make_wheel
from helpers.programs import run_here
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.errors import Problem
from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.formats.machine_spec import parse_machine
from variant_backend._internal.formats.release import Candidate, File, Release
from variant_backend._internal.machine.detect import hardware_of
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.loopback import loopback_server
from variant_backend._internal.serving.offer import Choice
from variant_backend._internal.serving.people import (
    MachineOffer,
    machines_page,
    offered_project_page,
    unknown_project_page,
)
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.namespace_support import Origin, Support
from variant_backend._internal.variants.policy import PolicyRule, Rules
from variant_backend._internal.variants.properties import Property, Variant

# The property of a wheel for a version of CUDA.
CUDA = "nvidia :: cuda_version_lower_bound :: {}"
# Three machines: two with CUDA, one without.
MACHINES = {"new": "cuda:12.8,sm:9.0,x86_64:v4", "old": "cuda:12.6,sm:8.0,x86_64:v3", "cpu": "x86_64:v2"}


def make_variants(
    folder: Path,
    name: str,
    labels: Mapping[str | None, Sequence[str]],
    *,
    version: str = "1.0",
    tags: Sequence[str] = ("py3-none-any",),
    requires: Mapping[str | None, Sequence[str]] | None = None,
) -> list[Path]:
    """Write the wheels of a release with variants: by label their properties, None for a plain wheel.

    *requires* has the requirements of each label. Properties of ``cuda`` need no provider's answer: they are
    written as ``nvidia :: cuda_version_lower_bound :: 12.8``.
    """
    wheels = []
    for label, properties in labels.items():
        for tag in tags:
            wanted = (requires or {}).get(label, ())
            metadata = (
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
                + "".join(f"Requires-Dist: {text}\n" for text in wanted)
                + "\n"
            )
            content = f"label = {label!r}\n".encode()
            with tempfile.TemporaryDirectory() as scratch:
                plain = make_wheel(
                    Path(scratch), name, version, tag, {f"{name}/__init__.py": content}, metadata
                )
                if label is None:
                    folder.mkdir(parents=True, exist_ok=True)
                    wheels.append(plain.rename(folder / plain.name))
                    continue
                options = [part for text in properties for part in ("--property", text)]
                done = run_here(make_variant_command, "--label", label, *options, "--output", folder, plain)
                wheels.append(Path(done.stdout.strip()))
    return wheels


def make_torchy(folder: Path) -> None:
    """Write a project with variants for two versions of CUDA, and the runtimes that they require."""
    make_variants(
        folder,
        "torchy",
        {"cu128": [CUDA.format("12.8")], "cu126": [CUDA.format("12.6")], None: []},
        requires={"cu128": ["runtime==12.8"], "cu126": ["runtime==12.6"]},
    )
    for version in ("12.8", "12.6"):
        make_variants(folder, "runtime", {None: []}, version=version)


def machine(spec: str) -> Machine:
    """Return the machine that a SPEC describes."""
    return Machine(hardware_of(parse_machine(spec), {}, None))


@contextmanager
def offered(
    index_url: str, machines: Mapping[str, str] = MACHINES, *, policy: Policy | None = None
) -> Iterator[str]:
    """Offer an index to machines on this machine; yield the URL of the site."""
    with offered_site(index_url, machines, policy=policy) as (_, url):
        yield url


@contextmanager
def offered_site(
    index_url: str, machines: Mapping[str, str] = MACHINES, *, policy: Policy | None = None
) -> Iterator[tuple[Site, str]]:
    """Offer an index to machines on this machine; yield the site and its URL."""
    with offered_sources(Sources.of([], [index_url]), machines, policy=policy) as offer:
        yield offer


@contextmanager
def offered_sources(
    sources: Sources, machines: Mapping[str, str], *, policy: Policy | None = None
) -> Iterator[tuple[Site, str]]:
    """Offer some sources to machines on this machine; yield the site and its URL."""
    served = {name: Served(name, machine(spec), policy or Policy()) for name, spec in machines.items()}
    with tempfile.TemporaryDirectory() as cache:
        site = Site(Upstream(sources, Path(cache)), served)
        with loopback_server(site.respond, count(0)) as port:
            yield site, f"http://127.0.0.1:{port}/"


@contextmanager
def offered_to(machine: Machine, index_url: str) -> Iterator[tuple[str, Site]]:
    """Offer an index to one machine; yield the URL of its pages, and the site."""
    with tempfile.TemporaryDirectory() as cache:
        site = Site(Upstream(Sources.of([], [index_url]), Path(cache)), {"m": Served("m", machine, Policy())})
        with loopback_server(site.respond, count(0)) as port:
            yield f"http://127.0.0.1:{port}/m/", site


def hostile_pages(texts: Sequence[str]) -> dict[str, bytes]:
    """Return pages of an offer for people by path, with these texts wherever they could stand."""
    text = " ".join(texts)
    hardware = Hardware({text: Detected({text: (text, "1")}, text)})
    rules = Rules(plain={"demo": text}, limit=(PolicyRule((text, text, text), text),))
    names = ("demo-1-py3-none-any.whl", f"demo-1-py3-none-any{'1' * 200}-any-fast.whl")
    problem = Problem("error", text, text, text)
    wheels = tuple(
        wheel._replace(problems=(problem,) if wheel.label else ())
        for wheel in map(Candidate.of, [File(name, "", {}, yanked=text) for name in names])
        if wheel
    )
    variants = {"fast": Variant("fast", frozenset({Property(text, text, text)}))}
    release = Release(text, Version("2"), wheels, VariantMetadata((text,), {}, variants))
    older = release._replace(version=Version("1"))
    support = Support({text: {text: ("1",)}}, {text: Origin(text, text)})
    choices = tuple(
        Choice(release, support, labels, ("fast",), (), (problem,), rules)
        for labels in ((None,), ("fast", None), ())
    )
    offers = [
        MachineOffer(name, names, (choice, choice._replace(release=older)), (problem,))
        for name, choice in zip(("gpu", text, "m" * 300), choices, strict=True)
    ]
    return {
        "index.html": machines_page([("gpu", Machine(hardware)), ("m" * 300, Machine())]),
        "project/demo/index.html": offered_project_page(text, offers),
        "project/none/index.html": unknown_project_page(text, [problem]),
    }


def label_in(target: Path, name: str) -> str | None:
    """Return the label of the variant that is installed in a folder."""
    files = [*target.glob(f"{name}-*.dist-info/variant.json")]
    if not files:
        return None
    (label,) = json.loads(files[0].read_text())["variants"]
    return str(label)
