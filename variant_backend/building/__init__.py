"""Builds: the requested variant, the wrapped backend, the whole matrix, and how hooks talk."""
