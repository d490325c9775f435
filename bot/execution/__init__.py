"""Orders as facts and rules: states, exits, the quantity promise. Pure."""
