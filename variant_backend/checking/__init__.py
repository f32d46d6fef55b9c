"""The command `check`: files are read, the problems are gathered, each has a code. Most rules lie below."""
