"""The order journal: every order that left the bot or may have left it, in a hash chain of its own.

1. `state/audit/orders.jsonl` is appended to and flushed, never rewritten; a line is one event of one order.
2. It is evidence, not a second truth: what is promised, sold and in flight stands in `managed_state.json`
   (the intent is committed there first); what the exchange said of an order, and its trades, stands here.
3. An order is written down before its request leaves, and again with every answer that tells something new.
4. Its reader is strict: a damaged line stops the start and names itself. A torn end is a crash's, and cut.
5. Trades that no order of the bot's made are noted here once, with how far a market's trades were read.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bot.execution.order_record import OrderEvent, OrderRecord, after, folded
from bot.execution.order_states import OrderTransitionError
from bot.kernel.clock import from_iso, iso_z
from bot.kernel.errors import AuditError
from bot.kernel.market import OwnTrade
from bot.storage.audit_log import AuditLog
from bot.storage.files.file_ops import FileOps
from bot.storage.files.json_codec import NotStrictJsonError, plain, typed

_CHAIN = ("sequence", "prev", "hash", "type")
_FOREIGN, _SEEN = "order.foreign_trade", "order.trades_seen"
_FOUND_AT = "found_at"
"""When a foreign trade was found, on the bot's clock; older lines lack it."""


class TradesSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How far the account's trades in a market have been compared."""

    at: dt.datetime
    symbol: str
    trade_id: str
    executed_at: dt.datetime | None = None
    """In the exchange's own market time; None where there was no trade yet."""


class OrderJournal:
    """One home's orders, folded; other processes' lines come in with the next append or `refresh`."""

    def __init__(self, path: Path, *, file_ops: FileOps | None = None) -> None:
        self._log = AuditLog(path, file_ops=file_ops)
        self._last = 0
        self._records: dict[str, OrderRecord] = {}
        self._seen: dict[str, TradesSeen] = {}
        self._foreign: list[tuple[dt.datetime | None, OwnTrade]] = []

    @property
    def records(self) -> Mapping[str, OrderRecord]:
        """Return every order by its client id, oldest first, as far as was read."""
        return self._records

    @property
    def foreign_trades(self) -> Sequence[OwnTrade]:
        """Return the account's trades that no order of the bot's made, oldest first."""
        return tuple(trade for _, trade in self._foreign)

    def foreign_since(self, symbol: str, at: dt.datetime) -> tuple[OwnTrade, ...]:
        """Return those of a market that were found since a moment of the bot's clock, oldest first."""
        return tuple(
            trade for found, trade in self._foreign if trade.symbol == symbol and found and found >= at
        )

    def trades_seen(self, symbol: str) -> TradesSeen | None:
        """Return how far a market's trades were compared, or None for never."""
        return self._seen.get(symbol)

    def events_of(self, client_order_id: str) -> tuple[OrderEvent, ...]:
        """Return what happened to one order, oldest first, from the file."""
        found = (line for line in self._log.records() if line.get("client_order_id") == client_order_id)
        return tuple(self._event(line) for line in found if line["type"] not in {_FOREIGN, _SEEN})

    def refresh(self) -> None:
        """Read what was appended since the last look.

        Raises:
            AuditError: A line is damaged, or tells what cannot have happened.
        """
        if self._log.read_tail().point.sequence == self._last:
            return
        for line in self._log.records(from_sequence=self._last + 1):
            self._take(line)
            self._last = int(line["sequence"])

    def append(self, *events: OrderEvent) -> None:
        """Write events down, durably.

        Raises:
            OrderTransitionError: An event cannot follow; nothing was written.
            StorageError: The log could not be written.
        """
        self._check(events)
        self._write([{"type": f"order.{event.trigger or 'created'}", **_fields(event)} for event in events])

    def note_trades(self, seen: TradesSeen, foreign: Sequence[OwnTrade]) -> None:
        """Write down how far a market's trades were compared, and what was foreign among them."""
        found = {_FOUND_AT: iso_z(seen.at)}
        lines = [{"type": _FOREIGN, **_fields(trade), **found} for trade in foreign]
        self._write([*lines, {"type": _SEEN, **_fields(seen)}])

    def _check(self, events: Sequence[OrderEvent]) -> None:
        named = {event.client_order_id for event in events}
        folded(events, {name: record for name, record in self._records.items() if name in named})

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        before, last = self._log.append_in_turn(*lines)
        if before != self._last:
            self.refresh()
            return
        for line in lines:
            self._take(line)
        self._last = last

    def _take(self, line: Mapping[str, Any]) -> None:
        if line["type"] == _SEEN:
            seen = _typed(line, TradesSeen)
            self._seen[seen.symbol] = seen
        elif line["type"] == _FOREIGN:
            found = line.get(_FOUND_AT)
            self._foreign.append((None if found is None else from_iso(found), _typed(line, OwnTrade)))
        else:
            event = self._event(line)
            known = self._records.get(event.client_order_id)
            try:
                made = folded([event])[event.client_order_id] if known is None else after(known, event)
            except (ValueError, OrderTransitionError) as error:
                raise self._odd(line, str(error)) from error
            self._records[event.client_order_id] = made

    def _event(self, line: Mapping[str, Any]) -> OrderEvent:
        try:
            event: OrderEvent = _typed(line, OrderEvent)
        except NotStrictJsonError as error:
            raise self._odd(line, str(error)) from error
        return event

    def _odd(self, line: Mapping[str, Any], why: str) -> AuditError:
        return AuditError(
            f"Line {line.get('sequence')} of {self._log.path} tells what cannot be.",
            why=f"{why}.",
            fix="Keep the file as it is and look at that line; no order leaves before.",
        )


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    told: dict[str, Any] = plain(msgspec.to_builtins(value, builtin_types=(Decimal,)))
    return {name: item for name, item in told.items() if item is not None}


def _typed(line: Mapping[str, Any], kind: type[Any]) -> Any:
    return typed({name: value for name, value in line.items() if name not in _CHAIN}, kind)
