"""From findings to commands: what is new is flagged, what is recorded is kept up to date, what went is told.

1. Nothing here sends an order (SR-15); all it does are the bot's commands: flag, update, set a regime.
2. One alarm per drift, not per cycle: what is recorded is brought up to date silently. A drift that was
   accepted as it is alarms again when it has grown, one that was gone when it is back.
3. A wiped exchange is one alarm for all coins.
"""

from collections.abc import Callable, Iterable, Mapping

from bot.commands.sender import CommandSender
from bot.holdings.baseline import BaselineContent
from bot.holdings.drift import (
    CoinFacts,
    DriftLimits,
    Finding,
    Verdict,
    compare_position,
    compare_price,
    compare_regime,
    compare_wallet,
)
from bot.holdings.drift_reset import RESET, as_reset, is_reset
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.clock import iso_z
from bot.lifecycle.command_payloads import (
    FlagManagedDrift,
    Payload,
    SetReferenceRegime,
    UpdateManagedDrift,
)
from bot.lifecycle.commands import CommandState, CommandType
from bot.lifecycle.documents import Drift
from bot.lifecycle.drift_kinds import drifts_of
from bot.lifecycle.drift_rules import CLEAR_REGIMES, GRAVITY, UNCLEAR_REGIME
from bot.lifecycle.states import AssetState
from bot.trading.report import Step

_CURRENT = ("current_quantity", "current_price")


class DriftDesk:
    """Turns findings into commands; remembers nothing that the state does not hold."""

    def __init__(self, sender: CommandSender, limits: Callable[[], DriftLimits]) -> None:
        self._sender = sender
        self._limits = limits

    def check_positions(self, coins: Iterable[CoinFacts]) -> list[Step]:
        """D1, before anything is sent: the positions as they lie there against the agreements."""
        limits = self._limits()
        steps: list[Step] = []
        for coin in coins:
            steps += self._follow(coin, compare_position(coin, limits))
        return steps

    def check(
        self, coins: Iterable[CoinFacts], wallet: WalletSnapshot | None, baseline: BaselineContent
    ) -> list[Step]:
        """Compare wallet, price and regime of every coin in the bot's hands, and tell what is new."""
        limits, coins = self._limits(), tuple(coins)
        steps = self._reset(coins, limits) if is_reset(coins, wallet, baseline) else []
        told = {asset for step in steps for asset in step.data["assets"]}
        for coin in coins:
            findings = [] if coin.asset in told else [compare_wallet(coin, limits)]
            if coin.entry.state is not AssetState.RELEASE_PENDING:  # its levels end with it
                findings += [compare_price(coin, limits), compare_regime(coin, limits)]
                steps += self._settle_regime(coin)
            was_reset = RESET in {drift.kind for drift in drifts_of(coin.entry)}
            for finding in sorted(findings, key=lambda found: GRAVITY.index(found.kind)):
                is_resets = was_reset and finding.kind == "wallet_external"
                steps += self._follow(coin, as_reset(finding) if is_resets else finding)
        return steps

    def _reset(self, coins: tuple[CoinFacts, ...], limits: DriftLimits) -> list[Step]:
        """Flag every coin of an emptied account, and raise one alarm for all of them."""
        told = []
        for coin in coins:
            finding = as_reset(compare_wallet(coin, limits))
            known = {drift.kind for drift in drifts_of(coin.entry)}
            if finding.verdict is Verdict.DRIFT and not known & {RESET, "wallet_external"}:
                told += [step.asset for step in self._flag(coin, finding)]
        if not told:
            return []
        sentence = f"every managed coin is gone at once ({', '.join(told)}): was the exchange wiped?"
        data = {"drift_kind": RESET, "assets": told}
        return [Step(asset="*", what="drift", sentence=sentence, data=data, alarm=True)]

    def _follow(self, coin: CoinFacts, finding: Finding) -> list[Step]:
        """Flag what is new, bring up to date what is recorded, tell what is gone."""
        old = {drift.kind: drift for drift in drifts_of(coin.entry)}.get(finding.kind)
        drifted = finding.verdict is Verdict.DRIFT
        if old is None:
            return self._flag(coin, finding) if drifted else []
        if drifted:
            return self._still_there(coin, old, finding)
        is_alert = coin.entry.state is AssetState.MANAGED_DRIFT_ALERT
        if finding.verdict is Verdict.CLEAR and (old.gone_at is None or not is_alert):
            return self._update(coin, finding, gone=True, alarm=False)
        return []

    def _still_there(self, coin: CoinFacts, old: Drift, finding: Finding) -> list[Step]:
        if old.accepted:
            return self._flag(coin, finding) if finding.severity > _severity(old) else []
        if old.gone_at is not None:
            return self._update(coin, finding, gone=False, alarm=True)
        return self._update(coin, finding, gone=False, alarm=False) if _moved(old, finding) else []

    def _flag(self, coin: CoinFacts, finding: Finding) -> list[Step]:
        payload = FlagManagedDrift(
            drift_kind=finding.kind,
            evidence=_evidence(finding),
            fingerprint=finding.fingerprint,
        )
        return self._sent(coin, CommandType.FLAG_MANAGED_DRIFT, payload, "drift", finding, alarm=True)

    def _update(self, coin: CoinFacts, finding: Finding, *, gone: bool, alarm: bool) -> list[Step]:
        payload = UpdateManagedDrift(
            drift_kind=finding.kind,
            evidence=_evidence(finding),
            gone=gone,
        )
        what = "drift_gone" if gone else "drift_back" if alarm else "drift_updated"
        return self._sent(coin, CommandType.UPDATE_MANAGED_DRIFT, payload, what, finding, alarm=alarm)

    def _settle_regime(self, coin: CoinFacts) -> list[Step]:
        """A SIDEWAYS reference becomes the first clear regime seen."""
        seen = coin.regime
        if seen is None or coin.entry.reference_regime != UNCLEAR_REGIME or seen.name not in CLEAR_REGIMES:
            return []
        payload = SetReferenceRegime(
            regime="BULL" if seen.name == "BULL" else "BEAR",
            evidence={"current_regime": seen.name, "bar_closed_at": iso_z(seen.bar_closed_at)},
        )
        sentence = f"{coin.asset}: the first clear regime is {seen.name}; it becomes the reference"
        outcome = self._sender.send(
            CommandType.SET_REFERENCE_REGIME, coin.asset, payload, actor="bot", book=False
        )
        if outcome.state is not CommandState.APPLIED:
            return []
        return [Step(asset=coin.asset, what="regime_settled", sentence=sentence)]

    def _sent(
        self,
        coin: CoinFacts,
        command: CommandType,
        payload: Payload,
        what: str,
        finding: Finding,
        *,
        alarm: bool,
    ) -> list[Step]:
        outcome = self._sender.send(command, coin.asset, payload, actor="bot", book=False)
        if outcome.state is not CommandState.APPLIED:  # somebody was faster; the next cycle looks again
            return []
        data = {"drift_kind": finding.kind, "from": outcome.detail["from"], "to": outcome.detail["to"]}
        return [
            Step(
                asset=coin.asset,
                what=what,
                sentence=f"{coin.asset}: {finding.sentence}",
                data=data | _current(finding.evidence),
                alarm=alarm,
            )
        ]


def _evidence(finding: Finding) -> dict[str, object]:
    return finding.evidence | {"severity": finding.severity, "told": finding.sentence}


def _severity(old: Drift) -> int:
    value = old.evidence.get("severity", 0)
    return int(value) if isinstance(value, int) else 0


def _moved(old: Drift, finding: Finding) -> bool:
    """Say whether the recorded figures are too far from those of now to decide on."""
    for name in _CURRENT:
        before, now = old.evidence.get(name), finding.evidence.get(name)
        if before is not None and now is not None and abs(now - before) > finding.tolerance:
            return True
    return False


def _current(evidence: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in evidence.items() if name.startswith(("current_", "record_"))}
