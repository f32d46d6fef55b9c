"""Bytes, archives, processes, HTTP and the terminal; nothing here knows what a wheel is."""
