"""The command line: parse, read a view or enqueue a command, print. One file per command group."""
