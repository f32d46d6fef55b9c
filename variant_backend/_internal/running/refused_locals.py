"""What `run` says about exact local versions that a command requires, but the offer does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import Problem
from ..serving.local_refusals import local_refusals, offered_local
from ..serving.running_offer import RunningOffer
from ..variants.filename import normalize
from ..variants.requirements import PackageRequest
from .command import ToolCommand
from .named_packages import started_requirements

_REMEDY = "if a package requires another local version, add --allow-local"


def refused_locals(
    offer: RunningOffer, command: ToolCommand, environ: Mapping[str, str], folder: Path, *, failed: bool
) -> Iterator[Problem]:
    """Yield why requirements of a command get no file; if it *failed*, also what else may be the reason."""
    if not offer.sources.overlay:
        return
    asked = offer.site.asked(offer.place.profile)
    refused: set[str] = set()
    for requirement in started_requirements(command, environ, folder):
        request = PackageRequest.parse(f"{normalize(requirement.name)}{requirement.specifier}")
        project = asked.get(request.name)
        problems = local_refusals(project.offer, request) if project and project.offer else []
        refused |= {request.name for _ in problems}
        yield from problems
    if not failed or offer.upstream.allows_local:
        return
    for name, project in sorted(asked.items()):
        is_open = project.offer and name not in refused and not project.requested
        if is_open and project.offer and (text := offered_local(project.offer)):
            yield Problem("warning", name, text, _REMEDY)
