"""Read the project file, pyproject.toml, and set it up for variants."""
