"""File formats around variants: METADATA, RECORD, index pages, lock files, machine files, TOML."""
