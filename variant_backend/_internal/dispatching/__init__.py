"""Dispatching sdists: create one for a release, and deliver the best wheel when an installer builds it."""
