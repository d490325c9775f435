"""Files, locks and the commands database: the one place that keeps things. SQL lives in `sql/` only."""
