"""What moved between two proposals, and what moved it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.app.core import HomeContext
from bot.app.proposal_difference import Difference, difference, previous_of
from bot.kernel.errors import UsageError
from bot.proposals.policy import policy_for
from tests.unit.app.proposal_pages import FIRST, SECOND, THIRD, document_of, full_facts, new_home

D = Decimal
PRICE = "market_context.current_price"


@pytest.fixture
def context(tmp_path: Path) -> HomeContext:
    return new_home(tmp_path / "home")


def compared(context: HomeContext, *, after: Any = None, policy: Any = None) -> Difference:
    """Compare the usual proposal with one of other facts or another risk model."""
    old = document_of(home=context)
    new = document_of(after, policy=policy, proposal_id=SECOND, version=2, after_hours=1, home=context)
    return difference(context, old, new)


def test_the_same_facts_an_hour_later_move_nothing(context: HomeContext) -> None:
    found = compared(context)
    assert (found.moved, found.differs) == ((), False)
    assert (found.before.proposal_id, found.after.proposal_id) == (FIRST, SECOND)


def test_a_price_that_moved_is_a_root_and_a_stop_followed_from_it(context: HomeContext) -> None:
    usual = full_facts()
    higher = usual.ticker.last * D("1.03")
    ticker = msgspec.structs.replace(usual.ticker, last=higher.quantize(D("0.01")))
    found = compared(context, after=msgspec.structs.replace(usual, ticker=ticker))
    moved = {item.path: item for item in found.moved}
    assert PRICE in found.roots
    assert moved[PRICE].because == ("input ticker",)
    assert moved[PRICE].change_pct == D("3.0")
    stop = moved["variants.recommended.stop_loss"]
    assert "risk_recommendation.reference_price" in stop.because
    assert stop.path not in found.roots
    assert "market_context.atr_14d" not in moved  # the candles are the same


def test_a_book_that_became_thin_moves_the_liquidity_and_no_level(context: HomeContext) -> None:
    usual = full_facts()
    bids = tuple(msgspec.structs.replace(level, quantity=D("0.5")) for level in usual.book.bids)
    found = compared(
        context,
        after=msgspec.structs.replace(usual, book=msgspec.structs.replace(usual.book, bids=bids)),
    )
    paths = {item.path for item in found.moved}
    assert "market_context.sell_cost_bps" in found.roots
    assert "market_context.liquidity_score" in paths - set(found.roots)
    assert not {path for path in paths if path.endswith((".stop_loss", ".take_profit"))}


def test_another_risk_model_is_named_by_its_own_number(context: HomeContext) -> None:
    usual = policy_for("sandbox")
    variants = tuple(
        msgspec.structs.replace(one, stop_atr=D("2.5")) if one.name == "recommended" else one
        for one in usual.variants
    )
    found = compared(context, policy=msgspec.structs.replace(usual, variants=variants))
    name = "policy.variants.recommended.stop_atr"
    assert name in found.roots
    stop = next(item for item in found.moved if item.path == "variants.recommended.stop_loss")
    assert name in stop.because


def test_a_part_that_only_one_side_has_is_told_as_a_whole(context: HomeContext) -> None:
    new = document_of(proposal_id=SECOND, home=context)
    old = {name: part for name, part in document_of(home=context).items() if name != "rehearsal"}
    found = difference(context, old, new)
    assert found.parts_added["rehearsal"] > 30
    assert not [item for item in found.moved if item.path.startswith("rehearsal")]
    assert difference(context, new, old).parts_removed == found.parts_added


def test_two_coins_are_not_compared(context: HomeContext) -> None:
    with pytest.raises(UsageError, match="two coins"):
        difference(context, document_of(), document_of() | {"asset": "ETH"})


def test_the_previous_proposal_is_the_newest_one_that_is_older(context: HomeContext) -> None:
    first = document_of(home=context)
    second = document_of(proposal_id=SECOND, version=2, after_hours=1, home=context)
    third = document_of(proposal_id=THIRD, version=3, after_hours=2, home=context)
    assert previous_of(context, third)["proposal_id"] == SECOND
    assert previous_of(context, second)["proposal_id"] == FIRST
    with pytest.raises(UsageError, match="first proposal of SOL"):
        previous_of(context, first)
