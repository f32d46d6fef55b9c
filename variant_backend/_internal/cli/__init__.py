"""The command line: parse, call one operation, print. Modules are commands, or what commands share."""
