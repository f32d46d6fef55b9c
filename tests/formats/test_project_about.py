"""What METADATA says about a project for people: links are safe, and texts have limits."""

from __future__ import annotations

import pytest

from variant_backend._internal.formats.project_about import MOST_READ, ProjectAbout, project_about

HEAD = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"


def about(fields: str, description: str = "") -> ProjectAbout:
    return project_about(f"{HEAD}{fields}\n{description}".encode())


def test_the_home_page_comes_before_the_other_links() -> None:
    fields = "Project-URL: Source, https://example.org/a,b\nHome-page: http://example.org/\n"
    assert about(fields).links == (
        ("Homepage", "http://example.org/"),
        ("Source", "https://example.org/a,b"),
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "UNKNOWN",
        "javascript:alert(1)",
        "JavaScript:alert(1)//https://example.org/",
        "data:text/html,x",
        "file:///etc/passwd",
        "//example.org/",
        "https://",
        "https:///path",
        "https://[::1",
        "https://example.org/a b",
        "https://example.org/\u202egro.live",
        "https://pypi.org@example.org/",
        "https://user:secret@example.org/",
        f"https://example.org/{'a' * 1000}",
    ],
)
def test_unsafe_links_are_left_out(url: str) -> None:
    assert about(f"Home-page: {url}\nProject-URL: Source, {url}\n").links == ()


def test_links_without_a_label_are_left_out() -> None:
    assert about("Project-URL: , https://example.org/\nProject-URL:,https://example.org/\n").links == ()


def test_there_are_at_most_twenty_links() -> None:
    fields = "".join(f"Project-URL: {number}, https://example.org/{number}\n" for number in range(100))
    assert len(about(fields).links) == 20


def test_a_long_summary_is_cut() -> None:
    assert len(about(f"Summary: {'x' * 300_000}\n").summary) == 512


def test_a_summary_that_old_tools_made_up_is_missing() -> None:
    assert about("Summary: UNKNOWN\n", "UNKNOWN\n") == ProjectAbout()


def test_a_long_description_is_cut() -> None:
    assert about("", "short\n") == ProjectAbout(description="short")
    read = about("", "x" * 30_000)
    assert (len(read.description), read.is_cut) == (20_000, True)


def test_metadata_is_read_up_to_a_limit() -> None:
    fields = "Requires-Dist: a-long-requirement\n" * 100_000
    read = about(f"Home-page: https://example.org/\n{fields}", "The text.")
    assert read == ProjectAbout(links=(("Homepage", "https://example.org/"),))
    assert project_about(b"x" * 10 * MOST_READ) == ProjectAbout()


def test_bytes_that_are_not_text_are_replaced() -> None:
    read = project_about(HEAD.encode() + b"\nA \xff text\r\nof two lines\n")
    assert read.description == "A \ufffd text\nof two lines"
