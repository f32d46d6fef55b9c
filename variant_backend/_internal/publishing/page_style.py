"""The style of the pages for people: wide and narrow windows, light and dark."""

from __future__ import annotations

from ..formats.html_writing import Html

STYLE = Html.constant("""
:root {
  color-scheme: light dark;
  --text: #1d2530; --quiet: #5a6675; --page: #f6f7f9; --card: #fff; --line: #dfe3e9;
  --link: #1f5fa8; --code: #eef1f5; --accent: #2f6f63;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e3e7ed; --quiet: #9aa6b5; --page: #14181e; --card: #1b2129; --line: #303946;
    --link: #8ab9f1; --code: #242c36; --accent: #7cc3b3;
  }
}
* { box-sizing: border-box; }
html { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere; }
header, main, footer { max-width: 74rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 2.5rem; }
footer { padding: 1rem 1.5rem 2.5rem; color: var(--quiet); font-size: .875rem; }
h1 { margin: .25rem 0 0; font-size: 2.25rem; line-height: 1.2; letter-spacing: -.02em; }
h2 { margin: 0; font-size: 1.375rem; line-height: 1.3; letter-spacing: -.01em; }
h3 { margin: 1.5rem 0 .25rem; font-size: .9375rem; }
p { margin: 0; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .2em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
code, pre { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
pre {
  margin: .25rem 0 0; padding: .625rem .75rem; background: var(--code); border-radius: 6px;
  white-space: pre-wrap; user-select: all;
}
pre code { font-size: inherit; }
ul { margin: 0; padding: 0; list-style: none; }
li + li { margin-top: .25rem; }
b { font-weight: 600; }
i { font-weight: 400; color: var(--quiet); }
nav { font-size: .875rem; }
.summary { margin-top: .5rem; color: var(--quiet); font-size: 1.125rem; }
.facts, .note, .quiet { color: var(--quiet); font-size: .875rem; }
.facts { margin-top: .25rem; }
.note { margin: .75rem 0 0; }
.quiet { white-space: nowrap; }
.versions { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1rem; }
.versions li { margin: 0; }
.versions a {
  display: block; padding: .125rem .75rem; border: 1px solid var(--line); border-radius: 999px;
  background: var(--card); text-decoration: none;
}
section, .cards li {
  margin: 1.5rem 0; padding: 1.5rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
}
.cards li { margin: 1rem 0; padding: 1rem 1.5rem; }
.cards a { font-size: 1.125rem; font-weight: 600; }
.cards span { color: var(--quiet); }
.commands { margin: 1.25rem 0 0; }
dt { font-size: .875rem; font-weight: 600; }
dd { margin: 0; }
dd + dt { margin-top: .75rem; }
table { width: 100%; margin-top: 1.5rem; border-collapse: collapse; }
caption { padding-bottom: .5rem; text-align: left; font-weight: 600; }
thead th { color: var(--quiet); font-size: .8125rem; font-weight: 600; }
th, td {
  padding: .75rem 1.25rem .75rem 0; border-top: 1px solid var(--line);
  text-align: left; vertical-align: top;
}
thead th { padding: .375rem 1.25rem .375rem 0; }
th:last-child, td:last-child { padding-right: 0; }
tbody th { color: var(--accent); font-weight: 600; }
tbody th code { font-size: 1em; }
td { font-size: .9375rem; }
tbody th, thead th:first-child { width: 18%; min-width: 8rem; }
td:nth-child(2) { width: 38%; }
td:nth-child(3) { width: 26%; }
td p { font-size: .875rem; }
.properties code { display: block; color: var(--quiet); }
.words, .hash { color: var(--quiet); font-size: .875rem; }
.hash { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.wheels { display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin-bottom: .375rem; }
.wheels li { margin: 0; }
.files > li { padding: .75rem 0; border-top: 1px solid var(--line); }
.files, .description { margin-top: .75rem; }
.files details p { margin-top: .375rem; }
.description { user-select: text; }
.links dt { margin: 0; }
.links { margin: .5rem 0 0; }
summary { margin-top: .5rem; color: var(--quiet); font-size: .875rem; cursor: pointer; }
@media (max-width: 60rem) {
  html { font-size: 15px; }
  header, main { padding: 0 1rem; }
  header { padding-top: 1.5rem; }
  footer { padding: 1rem; }
  h1 { font-size: 1.75rem; }
  section { padding: 1rem; }
  table, tbody, tr, tbody th, td, td:nth-child(n) { display: block; width: 100%; }
  caption { display: block; padding: 0; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  th, td, td:last-child { padding: .375rem 0; border: 0; min-width: 0; }
  tbody tr { padding: .75rem 0; border-top: 1px solid var(--line); }
  tbody th { font-size: 1.0625rem; }
  td::before {
    content: attr(data-label); display: block; color: var(--quiet); font-size: .8125rem; font-weight: 600;
  }
}
""")
