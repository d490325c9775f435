"""What lies in the wallet: snapshot, baseline, positions, and how they compare. Pure."""
