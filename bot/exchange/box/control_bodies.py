"""What the control port's calls take: one shape per call, checked before anything is done."""

from decimal import Decimal
from typing import Literal

import msgspec

from bot.exchange.box.faults import Scenario
from bot.exchange.box.orders import Side


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a call that takes nothing."""


class Advance(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Market seconds to step."""

    seconds: Decimal


class Speed(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Market seconds per real second; zero: by step only."""

    speed: float


class Price(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price that a market jumps to, in quote per base."""

    symbol: str
    price: Decimal


class Coins(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Coins that come from or go to the outside."""

    asset: str
    amount: Decimal


class ExternalTrade(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trade that the owner makes by hand, in base units."""

    symbol: str
    side: Side
    quantity: Decimal


class Fill(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a resting order others take now, in base units."""

    symbol: str
    client_order_id: str
    quantity: Decimal


class SkewedClock(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How wrong the exchange's wall clock is."""

    skew_ms: int


class Ban(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long every request is answered with 418, in real seconds."""

    seconds: int


class Cut(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which WebSockets lose their connection, or which streams end."""

    what: Literal["all", "account", "market", "account_stream"] = "all"
    """`account_stream`: the connection stays and hears `eventStreamTerminated`."""


class Step(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call of a script, some market seconds after the script was loaded."""

    call: str
    """A call's path without its first slash, for example `price` or `streams/cut`."""
    after_s: Decimal = Decimal(0)
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Script(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Calls that the box makes by itself as market time passes."""

    name: str = ""
    steps: tuple[Step, ...]


BODIES: dict[str, type[msgspec.Struct]] = {
    "clock/advance": Advance,
    "clock/set_speed": Speed,
    "price": Price,
    "deposit": Coins,
    "withdraw": Coins,
    "external_trade": ExternalTrade,
    "fill": Fill,
    "auth_clock": SkewedClock,
    "ban": Ban,
    "wipe": Body,
    "streams/cut": Cut,
    "faults": Scenario,
    "scenario": Script,
    "shutdown": Body,
}
"""Every POST call with the shape of its body."""

NOT_IN_SCRIPTS = frozenset({"clock/advance", "scenario", "shutdown"})
