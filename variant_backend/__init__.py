"""Publish wheel variants (PEP 825) with the build backend that a project already has."""

__version__ = "0.1.0"
