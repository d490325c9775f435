"""The proposal engine: measurements of a market become a plan that a person can decide on."""
