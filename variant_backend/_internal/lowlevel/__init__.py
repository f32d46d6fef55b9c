"""Bytes, archives, processes, HTTP and the terminal; no module here knows wheels."""
