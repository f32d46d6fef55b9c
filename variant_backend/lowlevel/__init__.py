"""Bytes, archives, processes and HTTP; nothing here knows what a wheel is."""
