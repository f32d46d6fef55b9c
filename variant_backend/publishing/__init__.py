"""From finished wheels to a release: index files and pages; old metadata brought up to date."""
