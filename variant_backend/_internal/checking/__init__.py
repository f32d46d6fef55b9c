"""The operation of `check`: read files and collect problems. Most rules are in lower packages."""
