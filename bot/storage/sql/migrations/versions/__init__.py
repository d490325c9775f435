"""One file per released layout; a released file never changes."""
