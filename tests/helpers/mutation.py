"""Documents with some entries replaced or removed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from helpers.sample_release import DOCUMENT
from helpers.strategies import releases

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["fast", "speed", "null", "mode", "nvidia", "x86_64", "abi_dependency", "", "6 ; x"])
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "variants",
                    "providers",
                    "requires",
                    "static-properties",
                    "speed",
                    "fast",
                    "plugin-api",
                    "null",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Return a valid document with some entries replaced or removed."""
    document = draw(st.just(DOCUMENT) | releases().map(lambda release: release.to_dict()))
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        place = document
        while draw(st.booleans()) and isinstance(place, dict):
            inner = [key for key, value in place.items() if isinstance(value, dict) and value]
            if not inner:
                break
            place = place[draw(st.sampled_from(sorted(inner)))]
        keys = [*sorted(place), draw(st.text(max_size=3))]
        place[draw(st.sampled_from(keys))] = draw(values)
    return document
