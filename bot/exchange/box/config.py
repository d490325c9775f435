"""What one box is made of; the same configuration and seed give the same exchange."""

import datetime as dt
from decimal import Decimal

import msgspec

from bot.exchange.box.limits import Limits
from bot.exchange.box.universe import DEFAULT_WALLET, MOST_EXTRA_COINS
from bot.kernel.errors import SettingsError
from bot.kernel.market import TIMEFRAME_SECONDS

FASTEST = 1_000_000
"""The highest speed of market time."""
_WHOLE_BPS = 10_000
_MOST_LEVELS = 1_000


class BoxConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a box; all have defaults that make a ready exchange."""

    seed: int = 7
    wallet: dict[str, Decimal] = msgspec.field(default_factory=lambda: dict(DEFAULT_WALLET))
    """Free balance per asset at the start, in units of the asset, at most eight decimals."""
    symbols: tuple[str, ...] = ()
    """Markets to offer, such as `SOLUSDT` or `SOL/USDT`; all that the market knows when empty."""
    start: dt.datetime | None = None
    """Market time at the start; the machine's time when absent. A replay needs one."""
    speed: float = 1.0
    """Market seconds per real second; zero: market time moves only by `advance`."""
    replay_folder: str | None = None
    """Folder with files such as `SOLUSDT-1h.csv.gz`; a generated market when absent."""
    replay_timeframe: str = "1h"
    fee_bps: Decimal = Decimal(10)
    """Taken from what is received, on every fill."""
    liquidity: Decimal = Decimal(1)
    """Factor on the depth of the generated book."""
    book_levels: int = 200
    """Price levels on each side of the generated book."""
    weight_limit_per_minute: int | None = None
    """Request weight above which 429 is answered; a shorter way to say `limits.weight_per_minute`."""
    limits: Limits = Limits()
    """What a client may use before it is refused; `limits.REAL_LIMITS` are the real exchange's."""
    extra_coins: int = 0
    """How many made-up coins (`C001` …) trade besides, in a generated market."""
    ping_every_s: float = 20.0
    """How often the server pings a WebSocket; who does not answer within half of it is cut off."""
    connection_life_s: float = 86_400.0
    """After this a WebSocket is cut off, as the real exchange does after a day."""
    port: int = 0
    control_port: int = 0
    api_key: str | None = None
    secret: str | None = None
    control_token: str | None = None
    script_file: str | None = None
    """File with a script of control calls that begins with the box; see `control_bodies.Script`."""
    state_file: str | None = None
    """File that keeps the exchange over restarts; nothing is written when absent."""

    def checked(self) -> "BoxConfig":
        """Return the configuration itself.

        Raises:
            SettingsError: For a value that no exchange could run with, with its name.
        """
        if self.start is not None and self.start.tzinfo is None:
            raise _refusal(
                "start", self.start.isoformat(), "a time with a zone, for example 2024-05-01T00:00Z"
            )
        if self.replay_folder is not None and self.start is None:
            raise _refusal("start", None, "a time within the candles to replay")
        if not 0 <= self.speed <= FASTEST:
            raise _refusal("speed", self.speed, "a number from 0 to 1,000,000")
        if not 0 <= self.fee_bps < _WHOLE_BPS:
            raise _refusal("fee_bps", self.fee_bps, "basis points from 0 to below 10,000")
        if self.liquidity <= 0 or not 1 <= self.book_levels <= _MOST_LEVELS:
            raise _refusal("liquidity, book_levels", self.book_levels, "above zero, 1 to 1,000 levels")
        if not 0 <= self.extra_coins <= MOST_EXTRA_COINS:
            raise _refusal("extra_coins", self.extra_coins, f"0 to {MOST_EXTRA_COINS}")
        if self.replay_folder is not None and self.replay_timeframe not in TIMEFRAME_SECONDS:
            raise _refusal(
                "replay_timeframe", self.replay_timeframe, "one of " + ", ".join(TIMEFRAME_SECONDS)
            )
        for asset, amount in self.wallet.items():
            if not is_amount(amount):
                raise _refusal(f"wallet.{asset}", amount, "an amount from zero with at most eight decimals")
        return self


def is_amount(amount: Decimal) -> bool:
    """Say whether an account can hold exactly this: finite, not negative, at most eight decimals."""
    if not amount.is_finite() or amount < 0 or amount >= Decimal(10) ** 18:
        return False
    return amount == amount.quantize(Decimal("0.00000001"))


def _refusal(name: str, found: object, expected: str) -> SettingsError:
    return SettingsError(
        f"The box cannot start with {name} = {found}",
        why=f"found {found}, expected {expected}",
        unchanged="No exchange was started.",
    )
