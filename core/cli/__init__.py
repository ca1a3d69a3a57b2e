"""The `dnpm` command: one module a subcommand."""
