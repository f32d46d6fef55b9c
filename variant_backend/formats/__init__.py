"""File formats that variants meet: METADATA, RECORD, index pages, lock files, hardware files, TOML."""
