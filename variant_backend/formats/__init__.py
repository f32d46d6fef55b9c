"""Neighbouring file formats: core metadata, RECORD, index pages, lock files, hardware files, TOML."""
