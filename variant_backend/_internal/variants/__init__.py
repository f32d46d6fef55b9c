"""Values and pure functions for variants: names, metadata, ranking, installers (PEP 825)."""
