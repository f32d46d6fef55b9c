"""The pages for people, in a real browser: wide and narrow windows, light and dark."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run

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
METADATA = (
    "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: <script>window.evil = 1</script>\n"
    "Requires-Python: >=3.10\nRequires-Dist: numpy>=2\n\n"
)

# Reports the visible content: the window's width, elements beyond it, and the rows of the table.
LOOK = """
document.querySelectorAll('details').forEach(each => each.open = true);
const seen = element => {
  const box = element.getBoundingClientRect(), style = getComputedStyle(element);
  return box.width > 0 && box.height > 0 && style.visibility === 'visible';
};
const beyond = [...document.body.querySelectorAll('*')].filter(element => {
  const box = element.getBoundingClientRect();
  return box.left < 0 || box.right > innerWidth + 0.5;
});
const rows = [...document.querySelectorAll('tbody th')];
parent.postMessage(JSON.stringify({
  width: innerWidth,
  scrolls: document.documentElement.scrollWidth > innerWidth,
  beyond: beyond.map(element => element.outerHTML.slice(0, 200)),
  labels: rows.filter(seen).map(row => row.textContent),
  stacked: rows.length > 0 && getComputedStyle(rows[0]).display === 'block',
  evil: window.evil !== undefined,
  background: getComputedStyle(document.body).backgroundColor,
}), '*');
"""

# Chromium's windows cannot be as narrow as a phone, so a frame shows the page.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<script>addEventListener('message', event => document.title = event.data)</script>
<iframe src="{page}" style="width: {width}px; height: 900px; border: 0"></iframe>
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package index with one project; each page has the script that reports its visible content."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "pyproject.toml").write_text(PROJECT)
    for tag in (
        "cp312-cp312-manylinux_2_28_x86_64",
        "cp312-cp312-win_amd64",
        "cp313-cp313t-macosx_11_0_arm64",
    ):
        wheel = make_wheel(folder, tag=tag, metadata=METADATA)
        for label in LABELS:
            run("make-variant", "-q", "-l", label, wheel, cwd=folder)
    run("variant-backend", "index", "--simple", folder)
    for page in (folder / "index.html", folder / "project" / "demo" / "index.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace("</body>", f"<script>{LOOK}</script></body>"), encoding="utf-8")
    return folder


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


def look(page: Path, width: int, folder: Path, *options: str) -> dict[str, Any]:
    """Open a page in a frame of this width, and return its report; *folder* is for the browser's files."""
    folder.mkdir(exist_ok=True)
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(page=page.as_uri(), width=width), encoding="utf-8")
    # Continuous integration runs as root in a container, where Chromium's own sandbox does not start.
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1400,1000"]
    waiting = [
        "--virtual-time-budget=5000",
        f"--user-data-dir={folder / 'profile'}",
    ]  # until the frame is loaded
    done = run(browser(), *common, *waiting, *options, "--dump-dom", frame.as_uri())
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stderr
    report: dict[str, Any] = json.loads(html.unescape(title[1]))
    assert report["width"] == width
    return report


@pytest.mark.parametrize(("width", "stacked"), [(1280, False), (768, True), (390, True)])
def test_all_variants_are_visible_without_horizontal_scrolling(
    site: Path, tmp_path: Path, width: int, stacked: bool
) -> None:
    report = look(site / "project" / "demo" / "index.html", width, tmp_path)
    assert sorted(report["labels"]) == sorted((*LABELS, "plain"))
    assert (report["scrolls"], report["stacked"]) == (False, stacked)
    assert report["beyond"] == []
    assert not report["evil"]


def test_the_list_of_projects_fits_a_phone(site: Path, tmp_path: Path) -> None:
    report = look(site / "index.html", 390, tmp_path)
    assert (report["scrolls"], report["beyond"], report["evil"]) == (False, [], False)


def test_pages_are_dark_if_the_user_prefers_that(site: Path, tmp_path: Path) -> None:
    page = site / "project" / "demo" / "index.html"
    light = look(page, 1280, tmp_path / "light")["background"]
    dark = look(page, 1280, tmp_path / "dark", "--blink-settings=preferredColorScheme=0")["background"]
    assert (light, dark) == ("rgb(246, 247, 249)", "rgb(20, 24, 30)")
