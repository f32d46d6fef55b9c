"""The project file, pyproject.toml: read, and set up for variants."""
