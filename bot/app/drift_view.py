"""Record, wallet and difference of every coin in the bot's hands, for screens: read-only.

The same comparison as the loop's, with what is recorded beside it; without the exchange only files speak.
"""

import datetime as dt
from decimal import Decimal

import msgspec

from bot.app.views import did_you_mean
from bot.app.wiring import App, drift_limits
from bot.holdings.drift import CoinFacts, DriftLimits, Finding, Verdict, compare, record_quantity
from bot.holdings.drift_reset import RESET
from bot.kernel.clock import iso_z
from bot.kernel.errors import ExchangeError, UsageError
from bot.kernel.ids import pair_of
from bot.kernel.money import plain
from bot.lifecycle.documents import Drift, ManagedAsset
from bot.lifecycle.drift_kinds import DRIFT_THAT_KEEPS_EXITS, drifts_of
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.trading.market_look import MarketLook
from bot.trading.regime_watch import RegimeWatch

EVIDENCE_SHOWN = ("record_", "current_", "reference_", "limit_")
"""How the names begin of what a person reads of a drift's evidence: both numbers, their times and sources."""


class RecordedDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One drift as the state holds it."""

    kind: str
    detected_at: dt.datetime
    gone_at: dt.datetime | None
    accepted: bool
    keeps_exits: bool
    evidence: dict[str, object]

    @property
    def foreign_sales(self) -> tuple[str, ...]:
        """Return the sales that the evidence names, a line for each."""
        sales = self.evidence.get("foreign_sales")
        if not isinstance(sales, list | tuple):
            return ()
        return tuple(
            f"{sale['quantity']} at {sale['price']} on {sale['executed_at']} (trade {sale['trade_id']})"
            for sale in sales
        )


class DriftLine(msgspec.Struct, frozen=True, kw_only=True):
    """One coin: what is recorded, what is there, what differs, what helps. Base units and quote units."""

    asset: str
    state: AssetState
    record_quantity: Decimal | None
    wallet_quantity: Decimal | None
    """Free and in orders together; None where nobody told."""
    difference: Decimal | None
    """Wallet less record; what is above zero is the owner's own."""
    price: Decimal | None
    reference_price: Decimal | None
    band_low: Decimal | None
    band_high: Decimal | None
    regime: str | None
    reference_regime: str | None
    seen_at: str | None
    findings: tuple[Finding, ...]
    recorded: tuple[RecordedDrift, ...]
    helps: tuple[str, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Return the kinds that are recorded and nobody accepted, or are seen now."""
        open_kinds = [one.kind for one in self.recorded if not one.accepted and one.gone_at is None]
        seen = [one.kind for one in self.findings if one.verdict is Verdict.DRIFT]
        kinds = dict.fromkeys([*open_kinds, *seen])
        if RESET in kinds:  # the wallet's part of it
            kinds.pop("wallet_external", None)
        return tuple(kinds)


class DriftView(msgspec.Struct, frozen=True, kw_only=True):
    """All coins, and why the exchange told nothing if it did not."""

    lines: tuple[DriftLine, ...]
    not_asked: str | None = None


def drift_view(app: App, asset: str | None, *, offline: bool) -> DriftView:
    """Compare one coin, or all in the bot's hands; asks the exchange unless told not to.

    Raises:
        UsageError: `unknown_asset`: the coin is not in the bot's hands.
    """
    managed = app.store.read(MANAGED_STATE).content.managed_assets
    in_hands = {name: entry for name, entry in managed.items() if entry.state in IN_THE_BOTS_HANDS}
    if asset is not None and asset not in in_hands:
        raise UsageError(
            f"{asset} is not in the bot's hands.",
            code="unknown_asset",
            why=did_you_mean(asset, in_hands) or "Only what was handed over can drift.",
        )
    chosen = in_hands if asset is None else {asset: in_hands[asset]}
    quote = app.settings["quote"]
    positions = app.store.read(POSITIONS).content.positions
    coins = [
        CoinFacts(asset=name, entry=entry, position=positions.get(pair_of(name, quote)))
        for name, entry in sorted(chosen.items())
    ]
    not_asked = "not asked (--offline)" if offline else None
    if coins and not offline:
        try:
            coins = _asked(app, coins, with_regime=asset is not None)
        except ExchangeError as error:
            not_asked = str(error)
    limits = drift_limits(app)
    return DriftView(lines=tuple(_line(coin, limits) for coin in coins), not_asked=not_asked)


def _asked(app: App, coins: list[CoinFacts], *, with_regime: bool) -> list[CoinFacts]:
    """Return the coins with what the exchange says now: two requests, and one more for a single coin."""
    quote, gateway = app.settings["quote"], app.gateway
    look = MarketLook(gateway, app.clock, market_time_is_ours=app.market_time_is_ours)
    tickers = look.fetch_tickers([pair_of(coin.asset, quote) for coin in coins])
    wallet, markets = look.fetch_wallet(), look.markets
    regimes = RegimeWatch(gateway, clock=app.clock, quote=quote, reads_per_cycle=lambda: 1)
    if with_regime and tickers:
        regimes.look({coin.asset: next(iter(tickers.values())).observed_at for coin in coins})
    return [
        msgspec.structs.replace(
            coin,
            rules=markets.get(pair_of(coin.asset, quote)),
            wallet_total=wallet.total(coin.asset),
            wallet_at=wallet.observed_at,
            price=look.price(pair_of(coin.asset, quote)),
            regime=regimes.seen(coin.asset),
            venue=gateway.capabilities.name,
        )
        for coin in coins
    ]


def _line(coin: CoinFacts, limits: DriftLimits) -> DriftLine:
    entry = coin.entry
    record = record_quantity(entry) if entry.approved_quantity is not None else None
    there = coin.wallet_total
    band = limits.price_atr * entry.atr if entry.atr is not None else None
    reference = entry.reference_price
    return DriftLine(
        asset=coin.asset,
        state=entry.state,
        record_quantity=record,
        wallet_quantity=there,
        difference=plain(there - record) if record is not None and there is not None else None,
        price=coin.price.last if coin.price is not None else None,
        reference_price=reference,
        band_low=reference - band if reference is not None and band is not None else None,
        band_high=reference + band if reference is not None and band is not None else None,
        regime=coin.regime.name if coin.regime is not None else None,
        reference_regime=entry.reference_regime,
        seen_at=iso_z(coin.wallet_at) if coin.wallet_at is not None else None,
        findings=compare(coin, limits),
        recorded=tuple(_recorded(drift) for drift in drifts_of(entry)),
        helps=_helps(coin.asset, entry),
    )


def _recorded(drift: Drift) -> RecordedDrift:
    return RecordedDrift(
        kind=drift.kind,
        detected_at=drift.detected_at,
        gone_at=drift.gone_at,
        accepted=drift.accepted,
        keeps_exits=drift.kind in DRIFT_THAT_KEEPS_EXITS,
        evidence=dict(drift.evidence),
    )


def _helps(asset: str, entry: ManagedAsset) -> tuple[str, ...]:
    """Return what a person can do about what is recorded."""
    unresolved = [drift for drift in drifts_of(entry) if not drift.accepted]
    if not unresolved:
        return ()
    resume = f"bot resume {asset} --override"
    if entry.state is AssetState.RELEASE_PENDING:
        return (f"bot release {asset} --mode immediate   the coins stay yours, nothing is sold",)
    if all(drift.gone_at is not None for drift in unresolved):
        return (f"{resume} --reason TEXT   it is gone; go on as agreed",)
    ways = [f"{resume} --accept current --reason TEXT   today's facts become the reference"]
    if entry.state is AssetState.MANAGED_DRIFT_ALERT:
        ways.append(f"{resume} --reason TEXT   go on as agreed, with the difference as it is")
    return (*ways, f"bot release {asset}   give the coin back to yourself; never sells")
