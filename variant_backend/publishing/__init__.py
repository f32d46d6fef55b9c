"""From finished wheels to a release: index files, the pages of a package index, upgrades of old metadata."""
