"""What `check` does: read what is named, gather the problems, report them by their codes."""
