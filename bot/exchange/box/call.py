"""One request as handlers see it: parameters as text, read with Binance's own complaints."""

import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bot.exchange.box import errors
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.universe import Coin

NUMBER_PATTERN = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID_PATTERN = r"^[a-zA-Z0-9-_]{1,36}$"
MOST_DECIMALS = 8

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_CLIENT_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,18}", re.ASCII)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was let in; `now_ms` is market time."""

    params: Mapping[str, str]
    exchange: Exchange
    now_ms: int

    def text(self, name: str) -> str | None:
        """Return an optional parameter; empty is an error."""
        value = self.params.get(name)
        if value == "":
            raise errors.empty_parameter(name)
        return value

    def needed(self, name: str) -> str:
        """Return a mandatory parameter."""
        value = self.params.get(name)
        if not value:
            raise errors.mandatory(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return an optional whole number."""
        value = self.text(name)
        if value is None:
            return None
        if _INTEGER.fullmatch(value) is None:
            raise errors.illegal_characters(name, "^[0-9]{1,20}$")
        return int(value)

    def limit(self, *, default: int, largest: int) -> int:
        """Return how many rows are asked for; too many means as many as there may be."""
        value = self.integer("limit")
        if value == 0:
            raise errors.invalid_parameter("limit")
        return min(value or default, largest)

    def number(self, name: str) -> Decimal | None:
        """Return an optional amount or price, exact."""
        value = self.text(name)
        if value is None:
            return None
        if _NUMBER.fullmatch(value) is None:
            raise errors.illegal_characters(name, NUMBER_PATTERN)
        if len(value.partition(".")[2].rstrip("0")) > MOST_DECIMALS:
            raise errors.too_precise(name)
        return Decimal(value)

    def client_id(self, name: str) -> str | None:
        """Return an optional client order id."""
        value = self.text(name)
        if value is not None and _CLIENT_ID.fullmatch(value) is None:
            raise errors.illegal_characters(name, CLIENT_ID_PATTERN)
        return value

    def symbol(self) -> str:
        """Return the mandatory symbol of a market that exists."""
        return self.known(self.needed("symbol"))

    def optional_symbol(self) -> str | None:
        """Return the optional symbol of a market that exists."""
        value = self.text("symbol")
        return None if value is None else self.known(value)

    def known(self, symbol: str) -> str:
        """Return the symbol if there is such a market."""
        if self.exchange.view.coin(symbol) is None:
            raise errors.invalid_parameter("symbol")
        return symbol

    def coin(self, symbol: str) -> Coin:
        """Return the facts of a market."""
        return self.exchange.view.coins[symbol]

    def range_ms(self) -> tuple[int | None, int | None]:
        """Return the optional `startTime` and `endTime`."""
        return self.integer("startTime"), self.integer("endTime")
