"""Use cases: read, let the rule decide, write. Thin: a payload in, one rule, one commit."""
