"""From finished wheels to a release: index files, index pages, and the upgrade of old metadata."""
