"""Strategies of hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import NULL_VARIANT, Property, Variant
from variant_backend._internal.variants.providers import (
    BuiltinProvider,
    PluginProvider,
    Provider,
    StaticProvider,
)

NAMESPACES = ("a", "b", "c_1")


names = st.text("fgh_1", min_size=1, max_size=3)


values = st.text("123.v", min_size=1, max_size=3)


static = st.builds(
    lambda features, optional: StaticProvider(tuple((k, tuple(v)) for k, v in features.items()), optional),
    st.dictionaries(names, st.lists(values, min_size=1, max_size=3, unique=True), min_size=1, max_size=3),
    st.booleans(),
)


plugins = st.builds(
    PluginProvider,
    st.sampled_from([("x-provider",), ("x-provider>=1", "y")]),
    st.none() | st.sampled_from(["x", "x.y:Z.w"]),
    st.booleans(),
)


providers: st.SearchStrategy[Provider] = static | plugins | st.builds(BuiltinProvider, names, st.booleans())


properties = st.builds(Property, st.sampled_from(NAMESPACES), names, values)


variants = st.dictionaries(
    st.text("lmn.", min_size=1, max_size=3), st.frozensets(properties, min_size=1, max_size=4), max_size=4
).map(lambda table: {"null": NULL_VARIANT} | {label: Variant(label, props) for label, props in table.items()})


@st.composite
def releases(draw: st.DrawFn) -> VariantMetadata:
    declared = draw(st.permutations(NAMESPACES))
    sources = {namespace: draw(providers) for namespace in declared}
    if draw(st.booleans()):
        del sources[declared[0]]
    return VariantMetadata(tuple(declared), sources, draw(variants))
