"""Dispatching sdists: made for a release, and turned into the best wheel when they are installed."""
