"""The loop's look at reality: gathers what is recorded and what the exchange told, and lets it be compared.

1. It never holds an exit up: the loop calls it last. Only D1 goes first, from files alone, so that no order
   leaves on a quantity that contradicts itself.
2. The number of requests does not grow with the coins: tickers and balances are those of the cycle's one
   look; candles are the regime watch's, within its budget.
3. An exchange that does not answer gives no verdict (never drift, never zero).
4. A wallet that is found short is explained by the account's own trades before it is called drift; that
   costs one request for each such coin, once.
"""

from collections.abc import Iterable, Mapping

import msgspec

from bot.exchange.gateway import Gateway
from bot.holdings.drift import CoinFacts, is_newly_short
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.errors import ExchangeError
from bot.kernel.ids import pair_of
from bot.kernel.market import MarketRules
from bot.lifecycle.documents import ManagedStateContent
from bot.lifecycle.states import IN_THE_BOTS_HANDS, AssetState
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE, POSITIONS
from bot.storage.state_store import StateStore
from bot.trading.drift_desk import DriftDesk
from bot.trading.market_look import MarketLook
from bot.trading.regime_watch import RegimeWatch
from bot.trading.report import Step
from bot.trading.trades_watch import TradesWatch

_EXPLAINED_AT_ONCE = 5
"""Of coins that are short at the same moment; where it is more, an account was emptied."""


class DriftWatch:
    """Looks at every coin in the bot's hands, once per cycle."""

    def __init__(
        self,
        store: StateStore,
        gateway: Gateway,
        desk: DriftDesk,
        regimes: RegimeWatch,
        trades: TradesWatch,
        *,
        quote: str,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._desk = desk
        self._regimes = regimes
        self._trades = trades
        self._quote = quote

    def check_positions(self, managed: ManagedStateContent) -> list[Step]:
        """D1, before anything is sent: the positions as they lie there against the agreements."""
        return self._desk.check_positions(self._coins(managed))

    def check(self, look: MarketLook) -> list[Step]:
        """Compare what is recorded now with the cycle's one look at the exchange."""
        if not look.tickers:
            return []
        coins = self._coins(self._store.read(MANAGED_STATE).content)
        if not coins:
            return []
        self._read_regimes(coins, look)
        try:
            wallet, markets = look.fetch_wallet(), look.markets
        except ExchangeError:
            wallet, markets = None, {}
        seen = [self._seen(coin, look, wallet, markets) for coin in coins]
        steps = self._explain(seen)
        if steps:  # what was told late is booked by now
            coins = self._coins(self._store.read(MANAGED_STATE).content)
            seen = [self._seen(coin, look, wallet, markets) for coin in coins]
        return steps + self._desk.check(seen, wallet, self._store.read(BASELINE_HOLDINGS).content)

    def _seen(
        self,
        coin: CoinFacts,
        look: MarketLook,
        wallet: WalletSnapshot | None,
        markets: Mapping[str, MarketRules],
    ) -> CoinFacts:
        symbol = self._symbol(coin)
        return msgspec.structs.replace(
            coin,
            rules=markets.get(symbol),
            wallet_total=None if wallet is None or coin.asset in look.unsure else wallet.total(coin.asset),
            wallet_at=None if wallet is None else wallet.observed_at,
            price=look.price(symbol),
            regime=self._regimes.seen(coin.asset),
            venue=self._gateway.capabilities.name,
            foreign_sales=self._trades.foreign_sales(symbol, coin.entry.promoted_at),
        )

    def _explain(self, coins: Iterable[CoinFacts]) -> list[Step]:
        """Rule 4, for coins that are short and not on record as such."""
        short = [coin.asset for coin in coins if is_newly_short(coin)]
        return self._trades.explain(short[:_EXPLAINED_AT_ONCE]) if short else []

    def _read_regimes(self, coins: Iterable[CoinFacts], look: MarketLook) -> None:
        self._regimes.look(
            {
                coin.asset: ticker.observed_at
                for coin in coins
                if (ticker := look.tickers.get(self._symbol(coin))) is not None
                and coin.entry.reference_regime is not None
                and coin.entry.state is not AssetState.RELEASE_PENDING
            }
        )

    def _coins(self, managed: ManagedStateContent) -> list[CoinFacts]:
        positions = self._store.read(POSITIONS).content.positions
        return [
            CoinFacts(asset=asset, entry=entry, position=positions.get(pair_of(asset, self._quote)))
            for asset, entry in managed.managed_assets.items()
            if entry.state in IN_THE_BOTS_HANDS
        ]

    def _symbol(self, coin: CoinFacts) -> str:
        return pair_of(coin.asset, self._quote)
