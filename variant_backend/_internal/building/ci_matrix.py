"""The wheels of a release as a matrix of jobs, in the form of a CI service.

The label of the plain wheel is an empty text: it is false in expressions of workflows and empty in shells,
and differs from the label ``null`` everywhere.
Sources: GitHub's "Running variations of jobs in a workflow", and `parallel:matrix` in GitLab's "CI/CD YAML
syntax reference".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal

MatrixFormat = Literal["json", "github", "gitlab"]


def matrix_text(form: MatrixFormat, axes: Mapping[str, Sequence[str]]) -> str:
    """Return a matrix with a job for each combination of one value of each axis; *axes* are by name.

    ``json`` is a list of jobs. ``github`` is one line, the value of ``strategy.matrix``. ``gitlab`` is the
    YAML of a hidden job ``.wheels`` with the matrix, for a child pipeline: GitLab cannot read the matrix of a
    job in the same pipeline from a job's output.

    >>> print(matrix_text("github", {"label": ["fast", ""], "python": ["3.13"]}), end="")
    {"include": [{"label": "fast", "python": "3.13"}, {"label": "", "python": "3.13"}]}
    """
    if form == "gitlab":
        # A variable named PYTHON or PLATFORM would change what some build tools do. JSON is YAML, too.
        variables = json.dumps({f"WHEEL_{name.upper()}": [*values] for name, values in axes.items()})
        return f".wheels:\n  parallel:\n    matrix:\n      - {variables}\n"
    jobs = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    text = json.dumps({"include": jobs}) if form == "github" else json.dumps(jobs, indent=2)
    return f"{text}\n"
