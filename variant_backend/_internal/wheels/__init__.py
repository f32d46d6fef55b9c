"""Read, write, inspect and unmake one wheel: a file, a URL or an installed distribution."""
