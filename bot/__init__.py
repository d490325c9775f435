"""managed-holdings: hand single coins you already own to a spot bot, one approval at a time."""

__version__ = "0.1.0"
