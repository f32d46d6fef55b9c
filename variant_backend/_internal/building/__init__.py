"""Builds and conversions: plans, the wrapped backend, the build matrix, and the messages of hooks."""
