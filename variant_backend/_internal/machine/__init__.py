"""What a machine supports: detected, read from files, reported by plugins, limited by installed variants."""
