"""Reasons for which nothing is bought: refusals of buys and of the terms that allow them."""

from bot.kernel.exit_codes import ExitCode
from bot.kernel.reason import Reason

_REFUSED = ExitCode.REFUSED

BUYS: dict[str, Reason] = {
    "buy_in_flight": Reason(
        "A buy order of this asset is in flight, or nobody knows yet what became of it.",
        "The loop asks the exchange in each cycle: bot holdings show ASSET",
        _REFUSED,
    ),
    "averaging_not_agreed": Reason(
        "Nobody agreed to buy more of this asset.",
        "bot override ASSET --dca steps=3,step=5%,max=300 --reason TEXT",
        _REFUSED,
    ),
    "nothing_left": Reason(
        "All that was handed over and bought of this asset is sold.",
        "Nothing to do: what is sold is not bought back.",
        _REFUSED,
    ),
    "buy_not_due": Reason(
        "This step of averaging is not due at this price.",
        "Nothing to do: the loop looks again in its next cycle.",
        _REFUSED,
    ),
    "buy_above_cap": Reason(
        "A buy would pass the agreed step, the asset's allocation or the investable capital (CAP-1).",
        "Nothing to do: the loop buys less, or nothing.",
        _REFUSED,
    ),
    "no_buy_intent": Reason(
        "There is no open buy intent for this asset.", "bot holdings show ASSET", _REFUSED
    ),
    "dca_invalid": Reason(
        "The terms of averaging are out of range.",
        "1 to 20 steps of 0.1 to 50 % that stay above a price of zero, and an amount above zero",
        _REFUSED,
    ),
}
