"""Functions and data for several tests."""
