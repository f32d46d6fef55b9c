"""A component of a simple-repository server that offers one machine its variants of another component."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.request import url2pathname

import fastapi
import httpx
import uvicorn
from simple_repository import errors, model
from simple_repository.components.core import RepositoryContainer, SimpleRepository
from simple_repository.components.http import HttpRepository
from simple_repository_server.routers import simple

from variant_backend._internal.formats.machine_spec import parse_machine
from variant_backend._internal.formats.release import File
from variant_backend._internal.machine.detect import hardware_of
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.listed_files import listings_of
from variant_backend._internal.selection.listing import SourceRead
from variant_backend._internal.selection.releases import Sources, read_release
from variant_backend._internal.serving.environments import unknown_environments
from variant_backend._internal.serving.offer import UpstreamProject, offer
from variant_backend._internal.serving.page import PreparedProject
from variant_backend._internal.serving.prepare import prepared_project
from variant_backend._internal.serving.upstream import Upstream


class OfferedRepository(RepositoryContainer):
    """The projects of a source, each with the wheels that are best for one machine."""

    def __init__(self, source: SimpleRepository, machine: str, cache: Path) -> None:
        super().__init__(source)
        self._machine = Machine(hardware_of(parse_machine(machine), {}, None))
        self._upstream = Upstream(Sources(), cache)  # reads METADATA of the wheels in a page

    async def get_project_page(self, project_name, *, request_context=None):
        page = await self.source.get_project_page(project_name, request_context=request_context)
        ready = await asyncio.to_thread(self._ready, page)
        originals = {file.filename: file for file in page.files}
        return replace(page, files=tuple(_listed(one, originals) for one in ready.files))

    async def get_resource(self, project_name, resource_name, *, request_context=None):
        page = await self.source.get_project_page(project_name, request_context=request_context)
        ready = await asyncio.to_thread(self._ready, page)
        filename = resource_name.removesuffix(".metadata")
        for prepared in ready.files:
            if prepared.file.filename == filename:
                original = prepared.offered.file
                if filename == resource_name:
                    if prepared.file.location != original.location:  # it was rewritten
                        return model.LocalResource(Path(prepared.file.location))
                    return await self.source.get_resource(project_name, original.filename)
                content = prepared.core_metadata or self._upstream.metadata_of(original)
                return model.TextResource(content.decode())
        raise errors.ResourceUnavailable(resource_name)

    def _ready(self, page: model.ProjectDetail) -> PreparedProject:
        files = tuple(map(_file, page.files))
        listings = listings_of(page.name, [SourceRead("", files, "")], [], with_sdists=True)
        varied = [one for one in listings if one.index_files or any(wheel.label for wheel in one.wheels)]
        releases = tuple((listing, read_release(listing, pinned=True)) for listing in varied)
        project = UpstreamProject(page.name, files, releases)
        return prepared_project(
            offer(project, self._machine, Policy(), unknown_environments()), self._upstream
        )


def _file(file: model.File) -> File:
    metadata = file.dist_info_metadata
    return File(
        file.filename,
        Path(url2pathname(file.url[7:])) if file.url.startswith("file://") else file.url,
        file.hashes,
        file.size,
        file.requires_python,
        {} if metadata is True else metadata or None,
        None if file.yanked in (None, False) else file.yanked if isinstance(file.yanked, str) else "",
    )


def _listed(prepared, originals: dict[str, model.File]) -> model.File:
    file = prepared.file
    return replace(
        originals[prepared.offered.file.filename],
        filename=file.filename,
        hashes=dict(file.hashes),
        size=file.size,
        dist_info_metadata=True
        if file.core_metadata == {}
        else file.core_metadata and dict(file.core_metadata),
    )


def main(index_url: str, machine: str, port: str) -> None:
    """Serve an index to one machine."""
    client = httpx.AsyncClient(follow_redirects=True)
    with tempfile.TemporaryDirectory() as cache:
        repository = OfferedRepository(HttpRepository(index_url, client), machine, Path(cache))
        app = fastapi.FastAPI(openapi_url=None)
        app.include_router(simple.build_router(repository, http_client=client))
        uvicorn.run(app, host="127.0.0.1", port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
