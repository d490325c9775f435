"""What speaks against the record of the resting stops: balances that differ, and orders nobody answers for.

1. Where the exchange says that a stop rests and the balances show its coins as not locked, the drift watch
   waits, for one is older than the other. After a minute that is no excuse any more: it is told once, and the
   drift watch judges by the balances.
2. Once a minute one request lists all open orders. A sale among them under a name of the bot's own that is
   not in flight for any coin was given up and rests after all: it could sell beside the stop on record.
"""

from decimal import Decimal

from bot.exchange.gateway import Gateway
from bot.execution.orders import OrderReport, Side
from bot.execution.reconciliation import orphans
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.clock import Clock
from bot.kernel.errors import ExchangeError
from bot.kernel.money import ZERO
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.exit_rules import orders_in_flight
from bot.trading.report import Step

LOOK_EVERY_S = 60.0
CONTRADICTED_FOR_S = 60.0


class Contradictions:
    """Remembers since when balances and the exchange's word on a stop differ."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s: dict[str, float] = {}
        self._told: set[str] = set()

    def is_fresh(self, asset: str) -> bool:
        """Note that they differ now; say whether that may still pass by itself."""
        now = self._clock.monotonic()
        return now - self._since_s.setdefault(asset, now) < CONTRADICTED_FOR_S

    def tell(self, asset: str) -> list[Step]:
        """Return the alarm, once for each contradiction."""
        if asset in self._told:
            return []
        self._told.add(asset)
        sentence = "the exchange says that its stop rests, but the balances do not show its coins as locked"
        return [Step(asset=asset, what="stop_contradicted", sentence=sentence, alarm=True)]

    def end(self, asset: str) -> None:
        """Forget it: both say the same, or there is no stop."""
        self._since_s.pop(asset, None)
        self._told.discard(asset)


class OpenOrdersLook:
    """Lists the open orders once a minute, and remembers which of them are stray."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._listed_at_s = clock.monotonic()
        self.strays: tuple[OrderReport, ...] = ()

    def take(self, managed: ManagedStateContent) -> frozenset[str] | None:
        """Return the names of all open orders, where it is time and there is a reason to look, else None."""
        now = self._clock.monotonic()
        rests = any(entry.resting_stop for entry in managed.managed_assets.values())
        if now - self._listed_at_s < LOOK_EVERY_S or not (rests or self.strays):
            return None
        try:
            found = self._gateway.open_orders()
        except ExchangeError:
            return None
        self._listed_at_s = now
        strays = orphans(found, _names_in_flight(managed))
        self.strays = tuple(report for report in strays if report.side is Side.SELL)
        return frozenset(report.client_order_id for report in found)

    def has_stray(self, symbol: str) -> bool:
        """Say whether the last list showed a stray sale in that market."""
        return any(report.symbol == symbol for report in self.strays)


def locked(wallet: WalletSnapshot, asset: str) -> Decimal:
    """Return how much of a coin open orders hold, in base units."""
    balance = wallet.balances.get(asset)
    return balance.used if balance is not None else ZERO


def _names_in_flight(managed: ManagedStateContent) -> frozenset[str]:
    """Return the client order ids that the managed state answers for."""
    entries = managed.managed_assets.values()
    buys = {entry.buy_intent.client_order_id for entry in entries if entry.buy_intent is not None}
    return frozenset(buys.union(order.client_order_id for e in entries for order in orders_in_flight(e)))
