"""One document has one canonical form, and one digest that anybody can recompute."""

import datetime as dt
import hashlib
import json
from decimal import Decimal

import pytest

from bot.kernel.canonical import canonical_bytes, digest, digest_without, readable_bytes
from bot.kernel.market import BookLevel, OwnTrade

DOCUMENT = {"b": Decimal("1.50"), "a": [1, None, True, "ü"], "c": {"y": 1, "x": 2}}


def test_keys_are_sorted_at_every_level_and_nothing_is_white() -> None:
    assert canonical_bytes(DOCUMENT) == '{"a":[1,null,true,"ü"],"b":1.50,"c":{"x":2,"y":1}}'.encode()


def test_the_digest_can_be_recomputed_with_an_ordinary_library() -> None:
    form = json.dumps({"a": [1, "x"], "b": 2}, sort_keys=True, separators=(",", ":")).encode()
    assert digest({"b": 2, "a": [1, "x"]}) == hashlib.sha256(form).hexdigest()


def test_the_order_in_which_a_document_was_written_does_not_count() -> None:
    assert digest(DOCUMENT) == digest(dict(reversed(DOCUMENT.items())))


@pytest.mark.parametrize("key", sorted(DOCUMENT))
def test_a_digest_without_a_key_ignores_that_key_alone(key: str) -> None:
    whole = digest_without(DOCUMENT, key)
    assert whole == digest_without({**DOCUMENT, key: "other"}, key)
    assert whole != digest_without({**DOCUMENT, "new": 1}, key)


def test_times_end_with_z_and_decimals_keep_their_text() -> None:
    trade = OwnTrade(
        trade_id="1",
        order_id="2",
        symbol="SOL/USDT",
        side="sell",
        price=Decimal("90.10"),
        quantity=Decimal("0.00000001"),
        fee=Decimal(0),
        fee_asset="USDT",
        executed_at=dt.datetime(2026, 5, 3, tzinfo=dt.UTC),
    )
    form = canonical_bytes(trade).decode()
    assert '"executed_at":"2026-05-03T00:00:00Z"' in form
    assert '"price":90.10' in form
    assert "1E-8" in form or "0.00000001" in form
    assert canonical_bytes(BookLevel(price=Decimal(1), quantity=Decimal(2))) == b"[1,2]"


def test_people_read_the_keys_in_their_own_order() -> None:
    assert readable_bytes({"b": 1, "a": Decimal("0.10")}) == b'{\n  "b": 1,\n  "a": 0.10\n}\n'
