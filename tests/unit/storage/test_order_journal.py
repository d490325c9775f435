"""The order journal: durable, strict, the same for every reader, and no brake on an exit."""

import datetime as dt
import errno
from decimal import Decimal
from pathlib import Path

import pytest

from bot.execution.order_record import OrderBirth, OrderEvent
from bot.execution.order_states import OrderState, OrderTransitionError, Trigger
from bot.execution.orders import OrderType, Side
from bot.kernel.errors import AuditError, StateUnsureError
from bot.storage.audit_log import AuditLog
from bot.storage.order_journal import OrderJournal, TradesSeen
from bot.trading.journal_desk import JournalDesk
from tests.fakes.fake_clock import FakeClock
from tests.fakes.storage_faults import FailingOps

AT = dt.datetime(2026, 5, 3, tzinfo=dt.UTC)
BIRTH = OrderBirth(
    asset="SOL",
    symbol="SOL/USDT",
    side=Side.SELL,
    order_type=OrderType.MARKET,
    quantity=Decimal("10.50"),
    reason="stop_loss",
)


def event(name: str, trigger: Trigger | None = None) -> OrderEvent:
    birth = BIRTH if trigger is None else None
    return OrderEvent(at=AT, client_order_id=name, asset="SOL", trigger=trigger, birth=birth)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.jsonl"


def read(path: Path) -> OrderJournal:
    journal = OrderJournal(path)
    journal.refresh()
    return journal


def test_what_one_process_wrote_another_reads_the_same(path: Path) -> None:
    journal = OrderJournal(path)
    journal.append(event("a"), event("a", Trigger.SUBMIT))
    journal.append(event("b"), event("a", Trigger.ANSWER_LOST))
    assert read(path).records == journal.records
    assert list(journal.records) == ["a", "b"]
    assert journal.records["a"].birth.quantity == Decimal("10.5")
    assert [one.trigger for one in journal.events_of("a")] == [None, Trigger.SUBMIT, Trigger.ANSWER_LOST]
    assert AuditLog(path).verify().is_whole


def test_two_writers_lose_nothing_of_each_other(path: Path) -> None:
    one, other = OrderJournal(path), OrderJournal(path)
    one.append(event("a"))
    other.append(event("b"))
    one.append(event("c"))
    other.append(event("a"), event("a", Trigger.SUBMIT))
    assert set(one.records) == {"a", "b", "c"}
    one.refresh()
    assert one.records == other.records == read(path).records
    assert one.records["a"].state is OrderState.SUBMITTED
    assert AuditLog(path).verify().records == 5


def test_what_cannot_follow_is_refused_and_not_written(path: Path) -> None:
    journal = OrderJournal(path)
    journal.append(event("a"), event("a", Trigger.SUBMIT))
    before = path.read_bytes()
    with pytest.raises(OrderTransitionError):
        journal.append(event("a", Trigger.BOOKED))
    assert path.read_bytes() == before


def test_a_torn_end_is_skipped_and_cut_by_the_next_line(path: Path) -> None:
    OrderJournal(path).append(event("a"), event("a", Trigger.SUBMIT))
    path.write_bytes(path.read_bytes()[:-5])
    journal = read(path)
    assert journal.records["a"].state is OrderState.CREATED
    journal.append(event("a", Trigger.SUBMIT))
    assert AuditLog(path).verify().is_whole
    assert read(path).records["a"].state is OrderState.SUBMITTED


@pytest.mark.parametrize("line", [b'"a"', b'"submit"'])
def test_a_changed_line_is_refused_by_name(path: Path, line: bytes) -> None:
    OrderJournal(path).append(event("a"), event("a", Trigger.SUBMIT), event("b"))
    path.write_bytes(path.read_bytes().replace(line, line.replace(b"a", b"x").replace(b"m", b"n"), 1))
    with pytest.raises(AuditError, match=r"Line \d"):
        read(path)


def test_how_far_trades_were_seen_outlives_the_process(path: Path) -> None:
    seen = TradesSeen(at=AT, symbol="SOL/USDT", trade_id="9", executed_at=AT)
    OrderJournal(path).note_trades(seen, ())
    assert read(path).trades_seen("SOL/USDT") == seen
    assert read(path).trades_seen("ETH/USDT") is None


def test_a_full_disk_is_an_alarm_and_holds_no_exit_up(path: Path) -> None:
    OrderJournal(path).append(event("a"))
    refused = 0
    for at in range(20):
        disk = FailingOps(at, errno.ENOSPC)
        desk = JournalDesk(OrderJournal(path, file_ops=disk), FakeClock(AT))
        try:
            steps = desk.begin(f"o{at}", BIRTH)
        except StateUnsureError:
            continue  # a flush that failed: the process stops, as with every file
        if disk.failed is None:
            break
        refused += 1
        assert [(step.what, step.alarm) for step in steps] == [("journal_failed", True)]
        assert AuditLog(path).verify().is_whole
    assert refused
