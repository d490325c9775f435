"""The command bus: what may be asked, who may ask, how it is applied, and who works on it."""
