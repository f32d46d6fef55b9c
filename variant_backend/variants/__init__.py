"""Variants as values and pure functions: labels, properties, metadata, ranking, what installers do (PEP 825)."""
