"""What a machine supports: detected, read from files, answered by plugins, fixed by what is installed."""
