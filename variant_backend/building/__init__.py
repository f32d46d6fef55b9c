"""Builds: the variant that is requested, the wrapped backend, and the whole matrix."""
