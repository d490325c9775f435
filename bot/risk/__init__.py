"""Gates before an order: each one answers with a named verdict. Pure."""
