"""Index files of releases: their content as far as it is valid, and their problems (PEP 825)."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats import simple_api
from ..formats.release import File, shown_location
from ..lowlevel import http
from ..lowlevel.regular_files import LARGEST, read_regular
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import read_metadata
from ..variants.validation import Document, parse_json
from .listing import Listed

# The code of an index file that is listed but cannot be read, as in `check`.
UNREADABLE = "unreadable"


class IndexDocument(NamedTuple):
    """The content of an index file as far as it is valid, and its problems.

    Despite the *tolerated* ones, the file is usable.
    """

    place: str
    metadata: VariantMetadata | None
    problems: tuple[Problem, ...]
    tolerated: tuple[Problem, ...] = ()

    def check(self) -> VariantMetadata:
        """Return the content; raises VariantError if it is not usable."""
        if self.problems or self.metadata is None:
            raise VariantError(*self.problems).within(self.place)
        return self.metadata


def index_documents(source: Listed) -> list[IndexDocument]:
    """Read the index files of a release in one source."""
    return [*map(read_index_file, source.index_files)]


def read_index_file(file: File) -> IndexDocument:
    """Read an index file; its problems are returned, not raised."""
    try:
        content = _content(file)
    except VariantError as error:
        return unreadable_index_file(file, error)
    return parsed_index_file(file, content)


def unreadable_index_file(file: File, error: VariantError) -> IndexDocument:
    """Return an index file that cannot be read."""
    problems = (problem._replace(code=UNREADABLE, place="") for problem in error.problems)
    return IndexDocument(shown_location(file), None, tuple(problems))


def parsed_index_file(file: File, content: bytes) -> IndexDocument:
    """Read the content of an index file, and compare it with the hashes of its source."""
    place, document = shown_location(file), Document()
    if wrong := tuple(simple_api.of_content("", file.hashes, content)):
        return IndexDocument(place, None, wrong)
    try:
        metadata = read_metadata(document, parse_json(content))
    except VariantError as error:
        return IndexDocument(place, None, tuple(problem.at("", "not-json") for problem in error.problems))
    return IndexDocument(place, metadata, tuple(document.problems), tuple(document.tolerated))


def _content(file: File) -> bytes:
    """Return the content of an index file; raises VariantError if it cannot be read."""
    if isinstance(file.location, str):
        return http.get(file.location, limit=LARGEST).content
    try:
        return read_regular(file.location)
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None
