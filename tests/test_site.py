"""The documentation as a site: Sphinx builds it without warnings, and a browser shows it."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browser import Browser, started_browser
from helpers.documentation import DOCS, code_blocks
from helpers.made_once import made_once
from helpers.programs import run
from helpers.sample_projects import ROOT
from helpers.servers import served

pytestmark = pytest.mark.slow

LONGEST = sorted(DOCS.rglob("*.md"), key=lambda path: path.stat().st_size)[-3:]
START, WITH_PICTURE = DOCS / "index.md", DOCS / "explanation" / "alignment.md"
PHONE, DESKTOP = 360, 1280


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, which is built once for all parallel processes."""
    cache = tmp_path_factory.mktemp("site-cache")
    sphinx = (sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "--builder", "dirhtml")
    command = (*sphinx, "--doctree-dir", cache, "docs")
    with served(made_once(tmp_path_factory, "site", lambda folder: run(*command, folder, cwd=ROOT))) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


def address(site: str, page: Path) -> str:
    """Return the address of a page on the site."""
    path = page.relative_to(DOCS).with_suffix("")
    folder = path.parent if path.name == "index" else path
    return f"{site}{folder.as_posix()}/".replace("/./", "/")


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (DESKTOP, False)], ids=["phone", "desktop"])
@pytest.mark.parametrize("page", [START, WITH_PICTURE, *LONGEST], ids=lambda page: page.stem)
def test_a_page_fits_and_axe_finds_nothing(
    site: str, browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(address(site, page), width, dark=dark)
    assert (browser.beyond(), browser.console) == ([], [])
    loaded = browser.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [url for url in loaded if not url.startswith(site)] == []
    assert browser.violations() == []


def test_the_navigation_has_every_page_under_a_short_title(site: str, browser: Browser) -> None:
    browser.open(site)
    pages = "[...document.querySelectorAll('.sidebar-tree a')].map(link => [link.href, link.textContent])"
    titles = dict(browser.evaluate(pages))
    assert sorted(titles) == sorted(address(site, page) for page in DOCS.rglob("*.md") if page != START)
    assert [title for title in titles.values() if len(title) > 50] == []


def test_the_navigation_opens_on_a_phone(site: str, browser: Browser) -> None:
    browser.open(site, PHONE)
    right_end = "document.querySelector('.sidebar-tree').getBoundingClientRect().right"
    assert browser.evaluate(right_end) <= 0
    browser.evaluate("document.querySelector('label[for=__navigation]').click()")
    assert until(browser, f"{right_end} > 0 && String({right_end})")
    assert browser.beyond() == []


def test_the_search_lists_tutorials_before_pages_with_the_same_word(site: str, browser: Browser) -> None:
    browser.open(site)
    browser.evaluate("document.querySelector('.sidebar-search').value = 'cuda12x'")
    form = "document.querySelector('form.sidebar-search-container')"
    browser.open(browser.evaluate(f"{form}.action + '?' + new URLSearchParams(new FormData({form}))"))
    first = until(browser, "document.querySelector('#search-results li > a')?.href")
    assert first.partition("?")[0] == address(site, DOCS / "tutorials" / "cupy-like.md")
    assert browser.console == []


def test_pictures_follow_the_theme_against_the_system(site: str, browser: Browser) -> None:
    pictures = {}
    for dark in (False, True):
        browser.open(address(site, WITH_PICTURE), DESKTOP, dark=dark)
        for theme in ("auto", "light", "dark"):
            browser.evaluate(f"document.body.dataset.theme = '{theme}'")
            pictures[dark, theme] = picture(browser)
    assert pictures[False, "auto"] == pictures[False, "light"] == pictures[True, "light"]
    assert pictures[True, "auto"] == pictures[True, "dark"] == pictures[False, "dark"]
    assert pictures[True, "dark"] != pictures[True, "light"]


def test_the_copied_text_has_no_prompts(site: str, browser: Browser) -> None:
    browser.open(address(site, DOCS / "how-to" / "schemas.md"))
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    browser.call("Emulation.setFocusEmulationEnabled", enabled=True)
    click = "document.querySelector('.highlight-console button.copybtn').click()"
    browser.call("Runtime.evaluate", expression=click, userGesture=True)
    assert (
        until(browser, "navigator.clipboard.readText()") == "variant-backend schema > pyproject.schema.json"
    )


def test_names_of_files_are_captions_of_their_blocks(site: str, browser: Browser) -> None:
    page = DOCS / "how-to" / "recipes.md"
    browser.open(address(site, page))
    captions = browser.evaluate("[...document.querySelectorAll('.code-block-caption')].map(a => a.innerText)")
    files = [block.file for block in code_blocks(page.read_text("utf-8")) if block.file]
    assert files
    assert captions == files


def test_the_description_of_a_page_is_its_first_paragraph(site: str, browser: Browser) -> None:
    browser.open(site)
    description = browser.evaluate("document.querySelector('meta[name=description]').content")
    assert description.startswith("Publish wheel variants (PEP 825) with the build backend that your project")


def until(browser: Browser, script: str) -> str:
    """Return the text of an expression once it is not empty; a promise is awaited."""
    loop = "for (let text;; await new Promise(go => setTimeout(go, 20)))"
    return str(browser.evaluate(f"(async () => {{ {loop} if (text = await {script}) return text }})()"))


def picture(browser: Browser) -> bytes:
    """Return what the browser shows of the picture on its page."""
    rectangle = "document.querySelector('article img').getBoundingClientRect()"
    box = browser.evaluate(f"(({{x, y, width, height}}) => ({{x, y, width, height}}))({rectangle})")
    shot = browser.call("Page.captureScreenshot", clip={**box, "scale": 1})
    return base64.b64decode(shot["data"])
