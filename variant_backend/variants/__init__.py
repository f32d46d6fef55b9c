"""Variants as values and pure functions: names, metadata, ranking, what installers do (PEP 825)."""
