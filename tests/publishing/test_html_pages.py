"""The pages in a real browser: wide and narrow windows, light and dark, and authors who attack readers."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from helpers.browser import WIDTHS, started_browser
from helpers.made_wheels import make_wheel
from helpers.offers import hostile_pages
from helpers.programs import run_here
from helpers.servers import served

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.graphs.mirror_pages import MirroredPackage, mirror_page

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
    "Requires-Python: >=3.10\nRequires-Dist: numpy>=2\n"
    "Home-page: javascript:window.evil=1\nProject-URL: Source, https://example.org/source\n"
    f"Project-URL: {SCRIPTS[0]}, https://example.org/{'w' * 400}\n"
    "Project-URL: Evil, JavaScript:window.evil=1\n"
    f"\n{SUMMARY}\n"
)
# make-variant refuses this, so only a plain wheel has it.
INVALID_METADATA = METADATA.replace(">=3.10", f"{SCRIPTS[0]}{SCRIPTS[2]}").replace(
    "\n\n", "".join(f"\nRequires-Dist: {text}" for text in (*SCRIPTS, *MISFITS)) + "\n\n"
)
PACKAGES = [MirroredPackage(SCRIPTS[0], {"gpu": f"2.1 {SCRIPTS[1]}", "cpu": MISFITS[0]})]
BASE_URL = "https://example.org/';window.evil=1;'&lt;/$(evil)"
# As if a text was not escaped.
INJECTED = (
    "<style>body { background: rgb(1, 2, 3) !important }</style><base href=https://evil.example/>"
    "<script>window.evil = 1</script><img src=x onerror=window.evil=1><script src=evil.js></script>"
)

# What a page shows after its details are opened, and everything that could be a script.
LOOK = """
(() => {
  document.querySelectorAll('details').forEach(each => each.open = true);
  const seen = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility === 'visible';
  };
  const all = [...document.querySelectorAll('*')], rows = [...document.querySelectorAll('tbody th')];
  const targets = new Map();
  for (const link of document.links)
    targets.set(link.textContent, (targets.get(link.textContent) ?? new Set()).add(link.href));
  return {
    labels: rows.filter(seen).map(row => row.textContent),
    stacked: rows.length > 0 && getComputedStyle(rows[0]).display === 'block',
    evil: window.evil !== undefined,
    tags: [...new Set(all.map(element => element.localName))],
    attributes: [...new Set(all.flatMap(element => element.getAttributeNames()))],
    schemes: [...new Set([...document.links].map(link => link.protocol))],
    same_text: [...targets].filter(([_, urls]) => urls.size > 1).map(([text, _]) => text),
    base: document.baseURI,
    background: getComputedStyle(document.body).backgroundColor,
  };
})()
"""

PROJECT_PAGE, PROJECTS, SIMPLE, LINKS, OFFER, BROKEN = (
    "project/demo/index.html",
    "index.html",
    "simple/index.html",
    "simple/demo/index.html",
    "offer/project/demo/index.html",
    "broken.html",
)
# A page, its width, and whether the user prefers dark pages.
View: TypeAlias = "tuple[str, int, bool]"
Looks: TypeAlias = "dict[View, dict[str, Any]]"
NO_PROJECT, MACHINES, MIRROR = "offer/project/none/index.html", "offer/index.html", "mirror.html"
# The pages for people: those of an index at all widths, the others at two, and pages for installers.
VIEWS = [
    *((page, width, dark) for page in (PROJECT_PAGE, PROJECTS) for width in WIDTHS for dark in (False, True)),
    *((page, 360, False) for page in (MACHINES, OFFER, NO_PROJECT, MIRROR)),
    *((page, 1280, True) for page in (MACHINES, OFFER, NO_PROJECT, MIRROR)),
    (SIMPLE, 360, False),
    (LINKS, 1280, False),
    (BROKEN, 1280, False),
]
PEOPLE = [view for view in VIEWS if view[0] not in (SIMPLE, LINKS, BROKEN)]


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
    (folder / MIRROR).write_bytes(mirror_page({"gpu": ["3.12-any"], "cpu": ["3.12-any"]}, PACKAGES))
    (folder / BROKEN).write_text(page.replace("</body>", f"{INJECTED}</body>"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def looks(site: Path) -> Looks:
    """The report for each view. One browser opens all of them, as it takes a second to start."""
    reports = {}
    with served(site) as url, started_browser() as browser:
        for page, width, dark in VIEWS:
            browser.open(f"{url}{page}", width, dark=dark)
            report = {**browser.evaluate(LOOK), "console": browser.console, "beyond": browser.beyond()}
            if (page, width, dark) in PEOPLE:
                report["violations"] = browser.violations()
            reports[page, width, dark] = report
    return reports


@pytest.mark.parametrize("view", PEOPLE)
def test_axe_finds_nothing_on_pages_for_people(looks: Looks, view: View) -> None:
    assert looks[view]["violations"] == []


@pytest.mark.parametrize("view", VIEWS[:-1])
def test_no_page_scrolls_horizontally(looks: Looks, view: View) -> None:
    assert looks[view]["beyond"] == []


@pytest.mark.parametrize("view", PEOPLE)
def test_links_with_the_same_text_lead_to_the_same_page(looks: Looks, view: View) -> None:
    assert looks[view]["same_text"] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_all_variants_are_visible_at_each_width(looks: Looks, width: int) -> None:
    report = looks[PROJECT_PAGE, width, False]
    assert sorted(report["labels"]) == sorted((*LABELS, "plain wheel", "plain wheel"))
    assert report["stacked"] == (width < 960)


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
def test_all_machines_of_an_offer_are_visible(looks: Looks, width: int, dark: bool) -> None:
    report = looks[OFFER, width, dark]
    assert len(report["labels"]) == 2 * 3
    assert report["stacked"] == (width < 960)


def test_pages_are_dark_if_the_user_prefers_that(looks: Looks) -> None:
    backgrounds = [looks[PROJECT_PAGE, 1280, dark]["background"] for dark in (False, True)]
    assert backgrounds == ["rgb(246, 247, 249)", "rgb(20, 24, 30)"]


@pytest.mark.parametrize("view", VIEWS[:-1])
def test_text_from_outside_never_becomes_markup_in_a_browser(looks: Looks, view: View) -> None:
    report = looks[view]
    assert not report["evil"]
    assert not {*report["tags"]} & {"script", "img", "svg", "base", "form", "input", "iframe", "object"}
    assert not [name for name in report["attributes"] if name.startswith("on") or name == "style"]
    assert {*report["schemes"]} <= {"http:", "https:"}
    assert report["base"].endswith(view[0])


@pytest.mark.parametrize("view", VIEWS[:-1])
def test_the_policy_blocks_no_part_of_the_own_pages(looks: Looks, view: View) -> None:
    assert [line for line in looks[view]["console"] if "favicon" not in line] == []


def test_the_policy_blocks_scripts_and_styles_of_others(looks: Looks) -> None:
    report = looks[BROKEN, 1280, False]
    assert {"script", "img", "style"} <= {*report["tags"]}
    assert not report["evil"]
    assert (report["background"], report["base"].endswith(BROKEN)) == ("rgb(246, 247, 249)", True)
    assert len([line for line in report["console"] if "Content Security Policy" in line]) >= 5
