"""The wiring: settings, modes, and the one place that picks adapters and reads the clock."""
