"""The layout's history: one file per released step in `versions/`, oldest first, each written by hand."""
