"""The loop that guards what was handed over: one cycle is one function, `run_once(now)`."""
