"""t2_pump_dump: rides a pump with a tight stop behind it, and never adds.

1. Nothing is ever added: a pump that falls is over, and averaging down into it buys the dump.
2. Its trailing stop waits until the price is one ATR above the reference, and then follows closely.
"""

from bot.strategies.advice import Advice, View, hold


def advise(view: View) -> Advice:
    """Say no, always."""
    return hold("never_adds", f"{view.asset}: a pump that falls is over, so nothing is added")
