"""Every reason that a refusal or an error can have, in one table.

A reason has a code that programs match, a sentence that people read, what helps, and the exit code
it maps to. `docs/reference/reasons.md` is generated from here.
"""

from bot.kernel.reason import Reason
from bot.kernel.reasons_of_buys import BUYS
from bot.kernel.reasons_of_rules import RULES
from bot.kernel.reasons_of_trouble import TROUBLE

REASONS: dict[str, Reason] = {**RULES, **BUYS, **TROUBLE}


def reason_for(code: str) -> Reason:
    """Return the row of a code; an unlisted code is a defect and reads as `unexpected`."""
    return REASONS.get(code, REASONS["unexpected"])
