"""The environment variables of users are read as they are written."""

from __future__ import annotations

import shlex

from variant_backend._internal.project.user_variables import PLAIN, labels_of, labels_variable


def test_a_printed_variable_is_read_as_the_same_labels() -> None:
    (assignment,) = shlex.split(labels_variable({"torch": "cu128", "scipy": None, "numpy": "null"}))
    name, _, value = assignment.partition("=")
    assert labels_of({name: value}) == {"numpy": "null", "scipy": PLAIN, "torch": "cu128"}
