"""The command line: parse, call one operation, print; a module for each command, gathered by `main`."""
