"""Names of things: assets, pairs, proposal ids, command ids, client order ids."""

import hashlib
import re
from typing import Protocol

ASSET_PATTERN = r"[A-Z0-9]{1,20}"
ID_PATTERN = r"[a-z0-9-]{1,64}"
CLIENT_ORDER_ID_PATTERN = r"[A-Za-z0-9_-]{1,36}"

ALL_ASSETS = "*"

_ASSET = re.compile(ASSET_PATTERN)
_ID = re.compile(ID_PATTERN)


class IdSource(Protocol):
    """Where new identifiers come from; each answer is unique for ever."""

    def new_id(self) -> str:
        """Return a fresh lower-case UUID."""
        ...


def is_asset(value: str) -> bool:
    """Say whether the text names an asset: upper-case letters and digits, 20 at most."""
    return _ASSET.fullmatch(value) is not None


def is_id(value: str) -> bool:
    """Say whether the text may name a proposal or command; safe as a part of a file name."""
    return _ID.fullmatch(value) is not None


def pair_of(asset: str, quote: str = "USDT") -> str:
    """Return the unified market symbol, for example `SOL/USDT`."""
    return f"{asset}/{quote}"


def base_of(symbol: str) -> str:
    """Return the base asset of a unified market symbol."""
    return symbol.split("/", 1)[0]


def client_order_id(*, lineage: str, asset: str, opened_by: str) -> str:
    """Derive the id of an order from the intent that it serves.

    The same intent always gives the same id, so an order whose answer was lost can be found again
    and is never sent under a second name. At most 36 characters of `[A-Za-z0-9_-]`.

    Args:
        lineage: The life of the state that the intent belongs to.
        asset: The asset that the order trades.
        opened_by: The id of the command that opened the intent.
    """
    digest = hashlib.sha256(f"{lineage}:{asset}:{opened_by}".encode()).hexdigest()
    return f"mh-{asset[:8]}-{digest[:24]}"
