"""`environment_reset`: a test exchange was wiped, so that every managed coin is gone at once.

One alarm instead of one for each coin. What must hold for it:
1. the wallet's answer is complete, and of no managed coin is anything left that could be sold;
2. that is no single coin's story: two or more are managed, or the other coins of the baseline are gone too.
The owner who empties the whole account looks the same, and the answer is the same: no order at all.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from bot.holdings.baseline import BaselineContent, Policy
from bot.holdings.drift import CoinFacts, Finding, Verdict, record_quantity, worth_per_coin
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.money import ZERO
from bot.lifecycle.command_payloads import DriftKind

RESET: DriftKind = "environment_reset"


def is_reset(coins: Iterable[CoinFacts], wallet: WalletSnapshot | None, baseline: BaselineContent) -> bool:
    """Say whether the account behind these coins was emptied at once."""
    if wallet is None or not wallet.complete:
        return False
    held = [coin for coin in coins if not _is_dust(coin, record_quantity(coin.entry))]
    if not held or any(coin.entry.exit_intent is not None for coin in held):
        return False
    if not all(_is_dust(coin, wallet.total(coin.asset) or ZERO) for coin in held):
        return False
    if len(held) > 1:
        return True
    mine = {coin.asset for coin in held}
    others = {
        asset
        for asset, line in baseline.assets.items()
        if asset not in mine and line.policy is not Policy.TRADABLE_QUOTE and line.quantity > ZERO
    }
    return bool(others) and not any(wallet.total(asset) for asset in others)


def as_reset(finding: Finding) -> Finding:
    """Return what the wallet says of one coin as a part of the reset; its verdict stays."""
    told = "; every managed coin is gone at once" if finding.verdict is Verdict.DRIFT else ""
    evidence = finding.evidence | {"direction": "all"}
    return msgspec.structs.replace(
        finding, kind=RESET, severity=0, evidence=evidence, sentence=f"{finding.sentence}{told}"
    )


def _is_dust(coin: CoinFacts, quantity: Decimal) -> bool:
    return quantity <= ZERO or (coin.rules is not None and coin.rules.is_dust(quantity, worth_per_coin(coin)))
