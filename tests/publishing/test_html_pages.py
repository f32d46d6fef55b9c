"""The pages in a real browser: wide and narrow windows, light and dark, and authors who attack readers."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.made_wheels import make_wheel
from helpers.offers import hostile_pages
from helpers.programs import run, run_here
from helpers.servers import served

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command

pytestmark = pytest.mark.slow

PROJECT = """
[variant.default-priorities]
namespace = ["nvidia", "blas"]
[variant.providers.nvidia]
requires = ["nvidia-variant-provider>=0.0.1,<1"]
plugin-api = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
[variant.providers.blas]
static-properties.library = ["mkl", "openblas"]
[variant.variants]
cuda13 = { nvidia = { cuda_version_lower_bound = ["13.0"], sm_arch = ["80_real", "90_real", "100_real"] } }
mkl = { blas = { library = ["mkl"] } }
a_label_that_is_long_and_has_no_place_to_break_it_at_all = { blas = { library = ["openblas"] } }
[tool.variant-backend.variants.cuda13]
dependencies = ["nvidia-cublas-cu13==13.0.0.19; platform_system == 'Linux' and platform_machine == 'x86_64'"]
"""
LABELS = ("cuda13", "mkl", "a_label_that_is_long_and_has_no_place_to_break_it_at_all", "null")
# Texts that are scripts if a page does not escape them, and texts that are hard to lay out.
SCRIPTS = (
    "<script>window.evil = 1</script>",
    "</p></code></title></style><img src=x onerror=window.evil=1>",
    "\" onmouseover='window.evil=1' style='position:fixed;inset:0' x=\"",
    "demo @ javascript:window.evil=1",
    "<base href=https://evil.example/><form action=https://evil.example/><input autofocus onfocus=evil=1>",
    '<svg><style><!--</style><a title="--><img src=x onerror=evil=1>">',
)
MISFITS = (
    "w" * 300,
    "\u202eright to left\u2066",
    "z\u0335\u0321\u0322\u0327" * 20,
    "\u05d0\u05d1 <- \ufdfd" * 5,
)
SUMMARY = " ".join((*SCRIPTS, *MISFITS))
METADATA = (
    f"Metadata-Version: 2.1\nName: {{name}}\nVersion: {{version}}\nSummary: {SUMMARY}\n"
    "Requires-Python: >=3.10\nRequires-Dist: numpy>=2\n\n"
)
# make-variant refuses this, so only a plain wheel has it.
INVALID_METADATA = METADATA.replace(">=3.10", f"{SCRIPTS[0]}{SCRIPTS[2]}").replace(
    "\n\n", "".join(f"\nRequires-Dist: {text}" for text in (*SCRIPTS, *MISFITS)) + "\n\n"
)
BASE_URL = "https://example.org/';window.evil=1;'&lt;/$(evil)"
# As if a text was not escaped.
INJECTED = (
    "<style>body { background: rgb(1, 2, 3) !important }</style><base href=https://evil.example/>"
    "<script>window.evil = 1</script><img src=x onerror=window.evil=1><script src=evil.js></script>"
)

# Chromium's windows cannot be as narrow as a phone, so frames show the pages. Pages allow no scripts, so the
# script of the window looks into them. It reports the widths, the elements beyond the window, the rows of the
# table, everything that could be a script, and the colors.
WINDOW = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,">
{frames}
<script>
const look = frame => {{
  const inner = frame.contentWindow, page = frame.contentDocument;
  page.querySelectorAll('details').forEach(each => each.open = true);
  const style = element => inner.getComputedStyle(element);
  const seen = element => {{
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && style(element).visibility === 'visible';
  }};
  const beyond = element => {{
    const box = element.getBoundingClientRect();
    return box.left < 0 || box.right > inner.innerWidth + 0.5;
  }};
  const all = [...page.querySelectorAll('*')], rows = [...page.querySelectorAll('tbody th')];
  return {{
    width: inner.innerWidth,
    scrolls: page.documentElement.scrollWidth > inner.innerWidth,
    beyond: [...page.body.querySelectorAll('*')].filter(beyond).map(each => each.outerHTML.slice(0, 200)),
    labels: rows.filter(seen).map(row => row.textContent),
    stacked: rows.length > 0 && style(rows[0]).display === 'block',
    evil: inner.evil !== undefined,
    tags: [...new Set(all.map(element => element.localName))],
    attributes: [...new Set(all.flatMap(element => element.getAttributeNames()))],
    schemes: [...new Set([...page.links].map(link => link.protocol))],
    base: page.baseURI,
    background: style(page.body).backgroundColor,
  }};
}};
onload = () => document.title = JSON.stringify([...document.querySelectorAll('iframe')].map(look));
</script>
"""
FRAME = """<iframe src="{page}" style="width: {width}px; height: 900px; border: 0; color-scheme: {scheme}">
</iframe>"""

PROJECT_PAGE, PROJECTS, SIMPLE, LINKS, OFFER, BROKEN = (
    "project/demo/index.html",
    "index.html",
    "simple/index.html",
    "simple/demo/index.html",
    "offer/project/demo/index.html",
    "broken.html",
)
VIEWS = [
    (PROJECT_PAGE, 1280, "light"),
    (PROJECT_PAGE, 1280, "dark"),
    (PROJECT_PAGE, 768, "light"),
    (PROJECT_PAGE, 390, "light"),
    (PROJECTS, 390, "light"),
    (SIMPLE, 390, "light"),
    (LINKS, 1280, "light"),
    ("offer/index.html", 390, "light"),
    (OFFER, 390, "light"),
    (OFFER, 1280, "dark"),
    ("offer/project/none/index.html", 390, "light"),
    (BROKEN, 1280, "light"),
]


class Looks(NamedTuple):
    """The report for each view, and the lines of the browser's console."""

    reports: dict[tuple[str, int, str], dict[str, Any]]
    console: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package index of files whose authors try to run scripts on its pages."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "pyproject.toml").write_text(PROJECT)
    for tag in (
        "cp312-cp312-manylinux_2_28_x86_64",
        "cp312-cp312-win_amd64",
        "cp313-cp313t-macosx_11_0_arm64",
    ):
        wheel = make_wheel(folder, tag=tag, metadata=METADATA)
        for label in LABELS:
            run_here(make_variant_command, "-q", "-l", label, "-o", folder, wheel, cwd=folder)
    make_wheel(folder, "demo", "0.9", metadata=INVALID_METADATA)
    if sys.platform != "win32":
        shutil.copy(wheel, folder / "<img src=x onerror=evil=1>-1.0.tar.gz")
    run_here(main, "index", "--simple", "--base-url", BASE_URL, folder)
    for path, content in hostile_pages((*SCRIPTS, *MISFITS)).items():
        (folder / "offer" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "offer" / path).write_bytes(content)
    page = (folder / PROJECT_PAGE).read_text(encoding="utf-8")
    (folder / BROKEN).write_text(page.replace("</body>", f"{INJECTED}</body>"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def looks(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Looks:
    """Open all views in one browser, as a browser takes seconds to start."""
    frames = "".join(FRAME.format(page=page, width=width, scheme=scheme) for page, width, scheme in VIEWS)
    (site / "window.html").write_text(WINDOW.format(frames=frames), encoding="utf-8")
    profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
    # Continuous integration runs as root in a container, where Chromium's own sandbox does not start.
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1400,1000"]
    waiting = [
        "--virtual-time-budget=5000",
        profile,
        "--enable-logging=stderr",
    ]  # until the frames are loaded
    with served(site) as url:
        done = run(browser(), *common, *waiting, "--dump-dom", f"{url}window.html")
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stderr
    reports = dict(zip(VIEWS, json.loads(html.unescape(title[1])), strict=True))
    assert [report["width"] for report in reports.values()] == [width for _, width, _ in VIEWS]
    return Looks(reports, [line for line in done.stderr.splitlines() if "CONSOLE" in line])


def browser() -> str:
    """Return the program of Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    places = (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        os.path.expandvars(r"%PROGRAMFILES%\Google\Chrome\Application\chrome.exe"),
    )
    found = next((path for path in map(shutil.which, (*names, *places)) if path), None)
    assert found, "the tests of pages require Chromium or Chrome"
    return found


@pytest.mark.parametrize(("width", "stacked"), [(1280, False), (768, True), (390, True)])
def test_all_variants_are_visible_without_horizontal_scrolling(
    looks: Looks, width: int, stacked: bool
) -> None:
    report = looks.reports[PROJECT_PAGE, width, "light"]
    assert sorted(report["labels"]) == sorted((*LABELS, "plain", "plain"))
    assert (report["scrolls"], report["stacked"]) == (False, stacked)
    assert report["beyond"] == []


def test_the_list_of_projects_fits_a_phone(looks: Looks) -> None:
    report = looks.reports[PROJECTS, 390, "light"]
    assert (report["scrolls"], report["beyond"]) == (False, [])


@pytest.mark.parametrize("view", [view for view in VIEWS if view[0].startswith("offer/")])
def test_pages_of_an_offer_never_scroll_horizontally(looks: Looks, view: tuple[str, int, str]) -> None:
    report = looks.reports[view]
    assert (report["scrolls"], report["beyond"]) == (False, [])
    if view[0] == OFFER:
        assert len(report["labels"]) == 2 * 3
        assert report["stacked"] == (view[1] < 1280)


def test_pages_are_dark_if_the_user_prefers_that(looks: Looks) -> None:
    backgrounds = [looks.reports[PROJECT_PAGE, 1280, scheme]["background"] for scheme in ("light", "dark")]
    assert backgrounds == ["rgb(246, 247, 249)", "rgb(20, 24, 30)"]


@pytest.mark.parametrize("view", VIEWS[:-1])
def test_text_from_outside_never_becomes_markup_in_a_browser(
    looks: Looks, view: tuple[str, int, str]
) -> None:
    report = looks.reports[view]
    assert not report["evil"]
    assert not {*report["tags"]} & {"script", "img", "svg", "base", "form", "input", "iframe", "object"}
    assert not [name for name in report["attributes"] if name.startswith("on") or name == "style"]
    assert {*report["schemes"]} <= {"http:"}
    assert report["base"].endswith(view[0])


def test_the_policy_blocks_no_part_of_the_own_pages(looks: Looks) -> None:
    assert [line for line in looks.console if BROKEN not in line] == []


def test_the_policy_blocks_scripts_and_styles_of_others(looks: Looks) -> None:
    report = looks.reports[BROKEN, 1280, "light"]
    assert {"script", "img", "style"} <= {*report["tags"]}
    assert not report["evil"]
    assert (report["background"], report["base"].endswith(BROKEN)) == ("rgb(246, 247, 249)", True)
    blocked = [line for line in looks.console if BROKEN in line and "Content Security Policy" in line]
    assert len(blocked) >= 5
