"""What a strategy group advises for a managed coin: pure functions from a view to an advice."""
