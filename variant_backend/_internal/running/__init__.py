"""Run a command whose installers get their wheels from the offer (`variant-backend run`)."""
