"""How an analysis ends without a proposal: a code, a sentence with the numbers, and what would help."""

import msgspec

from bot.kernel.reasons import reason_for


class Abort(msgspec.Struct, frozen=True, kw_only=True):
    """No proposal was made; the asset goes to `proposal_aborted` (T03) with this reason."""

    code: str
    sentence: str
    help: str


def abort(code: str, sentence: str) -> Abort:
    """Build an abort whose help comes from the table of reasons."""
    return Abort(code=code, sentence=sentence, help=reason_for(code).help)
