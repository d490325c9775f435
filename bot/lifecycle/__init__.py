"""The lifecycle of a managed holding: states, transitions, rules, events, command payloads. Pure."""
