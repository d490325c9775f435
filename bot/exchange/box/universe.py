"""The coins that the box trades: filters like the real ones, and how their generated market behaves."""

from decimal import Decimal

import msgspec

QUOTE = "USDT"
VOLUME_UNIT = Decimal("0.00000001")
"""What replayed volumes are counted in."""


class Coin(msgspec.Struct, frozen=True, kw_only=True):
    """One market: grid, limits and character."""

    base: str
    quote: str = QUOTE
    start_price: Decimal
    """Quote per base on the day that the market starts (generated markets only)."""
    tick: Decimal
    step: Decimal
    lot: Decimal = VOLUME_UNIT
    """What one unit of a bar's volume is worth, in base units."""
    min_notional: Decimal = Decimal(5)
    max_quantity: Decimal
    max_market_quantity: Decimal
    daily_volatility_bps: int = 450
    beta_pct: int = 100
    """How much of the whole market's move this coin follows."""
    spread_bps: Decimal = Decimal(2)
    level_depth_quote: Decimal = Decimal(20_000)
    """Quote units resting at a typical level of the book in calm times."""
    daily_volume_quote: Decimal = Decimal(400_000_000)

    @property
    def symbol(self) -> str:
        """Return the exchange's own name of the market, for example `SOLUSDT`."""
        return self.base + self.quote


def _coin(
    base: str,
    price: str,
    tick: str,
    step: str,
    largest: int,
    market_largest: int,
    **character: int | Decimal,
) -> Coin:
    grid = {"start_price": price, "tick": tick, "step": step}
    limits = {"max_quantity": largest, "max_market_quantity": market_largest}
    return msgspec.convert({"base": base, **grid, **limits, **character}, Coin)


COINS: tuple[Coin, ...] = (
    _coin(
        "BTC",
        "64250",
        "0.01",
        "0.00001",
        9_000,
        120,
        daily_volatility_bps=280,
        spread_bps=Decimal("0.4"),
        level_depth_quote=Decimal(90_000),
        daily_volume_quote=Decimal(1_900_000_000),
    ),
    _coin(
        "ETH",
        "3120",
        "0.01",
        "0.0001",
        9_000,
        2_400,
        daily_volatility_bps=350,
        beta_pct=110,
        spread_bps=Decimal("0.7"),
        level_depth_quote=Decimal(60_000),
        daily_volume_quote=Decimal(1_100_000_000),
    ),
    _coin("SOL", "145", "0.01", "0.001", 90_000, 21_000, daily_volatility_bps=450, beta_pct=130),
    _coin(
        "DOGE",
        "0.124",
        "0.00001",
        "1",
        90_000_000,
        7_500_000,
        daily_volatility_bps=520,
        beta_pct=130,
        spread_bps=Decimal(3),
        level_depth_quote=Decimal(9_000),
        daily_volume_quote=Decimal(180_000_000),
    ),
    _coin(
        "BNB",
        "575",
        "0.01",
        "0.001",
        9_000,
        2_600,
        daily_volatility_bps=300,
        beta_pct=85,
        daily_volume_quote=Decimal(230_000_000),
    ),
    _coin(
        "XRP",
        "0.585",
        "0.0001",
        "0.1",
        9_000_000,
        1_800_000,
        daily_volatility_bps=400,
        level_depth_quote=Decimal(12_000),
        daily_volume_quote=Decimal(210_000_000),
    ),
    _coin(
        "ADA",
        "0.452",
        "0.0001",
        "0.1",
        9_000_000,
        700_000,
        daily_volatility_bps=430,
        beta_pct=110,
        spread_bps=Decimal(3),
        level_depth_quote=Decimal(7_000),
        daily_volume_quote=Decimal(60_000_000),
    ),
    _coin(
        "LINK",
        "14.2",
        "0.01",
        "0.01",
        90_000,
        60_000,
        daily_volatility_bps=460,
        beta_pct=115,
        spread_bps=Decimal(7),
        level_depth_quote=Decimal(6_000),
        daily_volume_quote=Decimal(45_000_000),
    ),
    _coin(
        "USDC",
        "1",
        "0.0001",
        "1",
        90_000_000,
        20_000_000,
        daily_volatility_bps=3,
        beta_pct=0,
        spread_bps=Decimal(1),
        level_depth_quote=Decimal(400_000),
        daily_volume_quote=Decimal(700_000_000),
    ),
)

COIN_BY_SYMBOL: dict[str, Coin] = {coin.symbol: coin for coin in COINS}

MOST_EXTRA_COINS = 999


def extra_coins(count: int) -> dict[str, Coin]:
    """Return made-up coins `C001` to `C999` by symbol, each with a character of its own."""
    coins: dict[str, Coin] = {}
    for number in range(1, count + 1):
        coin = Coin(
            base=f"C{number:03d}",
            start_price=Decimal(1 + number * 37 % 180),
            tick=Decimal("0.001"),
            step=Decimal("0.01"),
            max_quantity=Decimal(900_000),
            max_market_quantity=Decimal(200_000),
            daily_volatility_bps=350 + number * 53 % 400,
            beta_pct=70 + number * 29 % 80,
            spread_bps=Decimal(3),
            level_depth_quote=Decimal(8_000),
            daily_volume_quote=Decimal(50_000_000),
        )
        coins[coin.symbol] = coin
    return coins


DEFAULT_WALLET: dict[str, Decimal] = {
    "SOL": Decimal(120),
    "ETH": Decimal("4.5"),
    "DOGE": Decimal(25_000),
    "BTC": Decimal("0.35"),
    "USDT": Decimal(10_000),
}
