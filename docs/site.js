// Makes the site usable with a keyboard and a screen reader: boxes that scroll, and the bars at both sides.
addEventListener("load", () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  for (const [bar, label] of [[".sidebar-drawer", "All pages"], [".toc-drawer", "This page"]])
    document.querySelector(bar)?.setAttribute("aria-label", label);
});
// Search results with equal scores: tutorials and guides before explanation and reference, not by alphabet.
document.addEventListener("DOMContentLoaded", () => {
  const kinds = ["reference", "explanation", "how-to", "tutorials"];
  if (window.Scorer) Scorer.score = ([page, , , , score]) => score + kinds.indexOf(page.split("/")[0]) / 10;
});
