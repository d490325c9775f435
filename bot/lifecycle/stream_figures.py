"""How the exchange's streams are: plain data for whoever listens, watches and shows."""

import datetime as dt
from enum import StrEnum

import msgspec


class StreamKind(StrEnum):
    """The two streams of an exchange."""

    MARKET = "market"
    ACCOUNT = "account"


class StreamHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one stream is."""

    kind: StreamKind
    live_since: dt.datetime | None = None
    """None while it is down, or has nothing to follow."""
    follows: int = 0
    """How many markets; of the account's stream, 1."""
    last_event_at: dt.datetime | None = None
    """When the last event came, by this machine's clock; a quiet market tells nothing."""
    gaps: int = 0
    """How often it was lost since the process started."""
    trouble: str = ""
    """Why it is down; empty while it is live."""
