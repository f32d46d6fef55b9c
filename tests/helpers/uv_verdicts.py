"""What uv installs from releases with a changed document, as recorded and as asked.

``python tests/helpers/uv_verdicts.py`` asks uv and records its verdicts in tests/data/uv_verdicts.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.mutated_documents import HARDWARE, single_changes
from helpers.sample_release import write_wheel
from helpers.uv_oracle import uv_installs
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.uv_behaviour import UV_VERSION

RECORDED = Path(__file__).parents[1] / "data" / "uv_verdicts.json"
# uv drops the version and installs the older one, or fails.
OLDER, FAILS = "older", "fails"
LABELS = ("x", "y", "null")
# The changed document is the index file, or the variant.json of the wheel x.
INDEX, WHEEL = "index", "wheel"
_LABEL_OF = {INDEX: None, WHEEL: "x"}


def changes() -> Iterator[tuple[str, str]]:
    """Yield the place and the name of each change."""
    for place, label in _LABEL_OF.items():
        yield from ((place, name) for name in single_changes(label))


def document(place: str, name: str) -> bytes:
    """Return a changed document."""
    return single_changes(_LABEL_OF[place])[name]


def valid(name: str, label: str | None) -> bytes:
    """Return the valid document that a change starts from, in the index file or in the wheel of a label."""
    return single_changes(label)["nvidia: valid" if name.startswith("nvidia: ") else "valid"]


def recorded() -> Mapping[tuple[str, str], str]:
    """Return uv's recorded verdict on each change: the label of the installed wheel, OLDER or FAILS.

    The table names no change for which uv installs the older version.
    """
    table = json.loads(RECORDED.read_text("utf-8"))
    verdicts = dict.fromkeys(changes(), OLDER)
    for place in _LABEL_OF:
        for verdict, names in table[place].items():
            verdicts.update({(place, name): verdict for name in names})
    return verdicts


def write_release(folder: Path, project: str, place: str, name: str) -> None:
    """Write the release 1.0 of a project with a changed document, and a plain wheel of 0.9."""
    for version, label in (("1.0", "x"), ("1.0", "y"), ("1.0", "null"), ("1.0", None), ("0.9", None)):
        suffix = f"-{label}" if label else ""
        variant = valid(name, label) if label else None
        write_wheel(folder / f"{project}-{version}-py3-none-any{suffix}.whl", variant)
    (folder / f"{project}-1.0-variants.json").write_bytes(valid(name, None))
    write_change(folder, project, place, name)


def write_change(folder: Path, project: str, place: str, name: str) -> None:
    """Write the changed document of a release whose other documents are valid."""
    if place == INDEX:
        (folder / f"{project}-1.0-variants.json").write_bytes(document(place, name))
    else:
        write_wheel(folder / f"{project}-1.0-py3-none-any-x.whl", document(place, name))


def ask_uv(asked: Collection[tuple[str, str]], folder: Path) -> dict[tuple[str, str], str]:
    """Return uv's verdicts on changes."""
    projects = {f"demo{number}": change for number, change in enumerate(asked)}
    (folder / "dist").mkdir(parents=True)
    for project, (place, name) in projects.items():
        write_release(folder / "dist", project, place, name)
    sources = ("--no-index", "--find-links", folder / "dist")
    answers = uv_installs([*projects], folder / "target", *sources, **HARDWARE)
    return {change: _verdict(answers[project]) for project, change in projects.items()}


def _verdict(filename: str | None) -> str:
    """Return the label of an installed wheel, ``plain``, OLDER or FAILS."""
    if filename is None:
        return FAILS
    wheel = WheelFilename.parse(filename)
    return OLDER if wheel.version == "0.9" else wheel.label or "plain"


def record() -> None:
    """Ask uv about all changes, in parts because uv ends at the first failure, and record its verdicts."""
    asked, verdicts = [*changes()], dict[tuple[str, str], str]()
    for start in range(0, len(asked), 50):
        with TemporaryDirectory() as folder:
            verdicts |= ask_uv(asked[start : start + 50], Path(folder))
    table: dict[str, dict[str, list[str]]] = {place: {} for place in _LABEL_OF}
    for (place, name), verdict in verdicts.items():
        if verdict != OLDER:
            table[place].setdefault(verdict, []).append(name)
    document = {"uv": UV_VERSION, "changes": len(asked), **table}
    RECORDED.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8", newline="\n")


if __name__ == "__main__":
    record()
