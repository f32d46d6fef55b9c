"""One wheel, on this machine or behind a URL: read, written, inspected, and turned back."""
