"""One wheel, on this machine, behind a URL or installed: read, written, inspected, turned back."""
