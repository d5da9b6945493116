"""The command line: argv and environment in, an exit code out."""
