"""Reality against record: every kind at its edges, what is explained, and what gives no verdict."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.holdings.baseline import BaselineAsset, BaselineContent, Policy
from bot.holdings.drift import (
    CoinFacts,
    DriftLimits,
    PriceSeen,
    RegimeSeen,
    Verdict,
    compare,
    compare_position,
    compare_price,
    compare_regime,
    compare_wallet,
    record_quantity,
)
from bot.holdings.drift_reset import as_reset, is_reset
from bot.holdings.positions import Position
from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.market import MarketRules
from bot.lifecycle.documents import ExitIntent, ExitReason, Exits, ManagedAsset
from bot.lifecycle.states import AssetState

D = Decimal
NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
LIMITS = DriftLimits()
RULES = MarketRules(
    symbol="SOL/USDT",
    base="SOL",
    quote="USDT",
    active=True,
    tick_size=D("0.01"),
    step_size=D("0.01"),
    min_quantity=D("0.02"),
    min_notional=D(5),
)
ENTRY = ManagedAsset(
    state=AssetState.MANAGED_ACTIVE,
    exits=Exits.ON,
    current_proposal_id="p1",
    approved_quantity=D(10),
    reference_price=D(100),
    reference_regime="BULL",
    atr=D(4),
    stop_loss=D(90),
    take_profit=D(130),
)
POSITION = Position(
    asset="SOL",
    quantity=D(10),
    entry_price=D(100),
    reference_price=D(100),
    stop_loss=D(90),
    take_profit=D(130),
    proposal_id="p1",
    approved_quantity=D(10),
    opened_at=NOW,
)
FACTS = CoinFacts(
    asset="SOL",
    entry=ENTRY,
    position=POSITION,
    rules=RULES,
    wallet_total=D(25),
    wallet_at=NOW,
    price=PriceSeen(last=D(100), observed_at=NOW),
    regime=RegimeSeen(name="BULL", bar_closed_at=NOW),
    venue="the box",
)
INTENT = ExitIntent(
    client_order_id="o1",
    quantity=D(10),
    reason=ExitReason.STOP_LOSS,
    trigger_price=D(90),
    opened_at=NOW,
    filled_quantity=D(4),
)


def changed(value: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(value, **changes)


def with_entry(**changes: Any) -> CoinFacts:
    return msgspec.structs.replace(FACTS, entry=changed(ENTRY, **changes))


def with_price(last: str, **changes: Any) -> CoinFacts:
    price = PriceSeen(last=D(last), observed_at=NOW, **changes)
    return msgspec.structs.replace(FACTS, price=price)


def test_where_reality_is_the_record_every_kind_is_clear() -> None:
    assert [finding.verdict for finding in compare(FACTS, LIMITS)] == [Verdict.CLEAR] * 4


# ---- price: on the limit is within it; gone only well within it ---------------------------------------


@pytest.mark.parametrize(
    ("last", "verdict", "direction"),
    [
        ("108", Verdict.NEAR, None),
        ("108.01", Verdict.DRIFT, "up"),
        ("92", Verdict.NEAR, None),
        ("91.99", Verdict.DRIFT, "down"),
        ("106", Verdict.CLEAR, None),
        ("106.01", Verdict.NEAR, None),
    ],
)
def test_a_price_beyond_two_atr_of_its_reference_is_drift(
    last: str, verdict: Verdict, direction: str | None
) -> None:
    finding = compare_price(with_price(last), LIMITS)
    assert finding.verdict is verdict
    assert finding.evidence.get("direction") == direction
    assert finding.evidence["current_price"] == D(last)
    assert finding.evidence["reference_price"] == D(100)
    assert finding.evidence["current_source"] == "ticker of the box"
    assert finding.evidence["current_at"] == "2026-05-03T12:00:00Z"


def test_the_price_limit_is_a_setting() -> None:
    narrow = changed(LIMITS, price_atr=D(1))
    assert compare_price(with_price("104.01"), narrow).verdict is Verdict.DRIFT
    assert compare_price(with_price("104.01"), LIMITS).verdict is Verdict.CLEAR


@pytest.mark.parametrize(("age", "verdict"), [("60", Verdict.DRIFT), ("60.001", Verdict.UNKNOWN)])
def test_a_price_that_is_too_old_gives_no_verdict(age: str, verdict: Verdict) -> None:
    assert compare_price(with_price("50", age_s=D(age)), LIMITS).verdict is verdict


def test_a_price_that_nobody_told_is_not_zero() -> None:
    assert compare_price(changed(FACTS, price=None), LIMITS).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("atr", [None, D(0)])
def test_without_an_atr_there_is_no_band(atr: Decimal | None) -> None:
    finding = compare_price(changed(with_price("1"), entry=changed(ENTRY, atr=atr)), LIMITS)
    assert finding.verdict is Verdict.NEAR, "neither drift nor gone"


def test_one_price_drift_has_one_fingerprint_until_it_has_grown_by_another_band() -> None:
    prints = [compare_price(with_price(last), LIMITS).fingerprint for last in ("109", "115.9", "116", "91")]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


# ---- regime -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "seen", "verdict"),
    [
        ("BULL", "BEAR", Verdict.DRIFT),
        ("BEAR", "BULL", Verdict.DRIFT),
        ("BULL", "SIDEWAYS", Verdict.CLEAR),
        ("SIDEWAYS", "BEAR", Verdict.CLEAR),
        ("BEAR", "BEAR", Verdict.CLEAR),
    ],
)
def test_only_a_turn_from_bear_to_bull_or_back_is_drift(reference: str, seen: str, verdict: Verdict) -> None:
    facts = changed(with_entry(reference_regime=reference), regime=changed(FACTS.regime, name=seen))
    finding = compare_regime(facts, LIMITS)
    assert finding.verdict is verdict
    assert (finding.evidence["reference_regime"], finding.evidence["current_regime"]) == (reference, seen)


def test_a_regime_that_was_not_read_gives_no_verdict() -> None:
    assert compare_regime(changed(FACTS, regime=None), LIMITS).verdict is Verdict.UNKNOWN


def test_a_regime_that_is_not_watched_is_no_drift() -> None:
    facts = changed(FACTS, regime=changed(FACTS.regime, name="BEAR"))
    assert compare_regime(facts, changed(LIMITS, regime=False)).verdict is Verdict.NEAR


# ---- wallet_external (D2) -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "verdict"),
    [
        ("25", Verdict.CLEAR),  # the rest is the owner's
        ("10", Verdict.CLEAR),
        ("9.991", Verdict.CLEAR),  # below the step
        ("9.96", Verdict.CLEAR),  # four dollars: nobody could sell them
        ("9.95", Verdict.DRIFT),
        ("0", Verdict.DRIFT),
    ],
)
def test_a_wallet_below_the_record_is_drift_unless_it_is_dust(there: str, verdict: Verdict) -> None:
    finding = compare_wallet(changed(FACTS, wallet_total=D(there)), LIMITS)
    assert finding.verdict is verdict
    assert (finding.evidence["record_quantity"], finding.evidence["current_quantity"]) == (D(10), D(there))


@pytest.mark.parametrize("missing", ["wallet_total", "wallet_at", "rules"])
def test_a_balance_that_was_not_told_is_never_drift(missing: str) -> None:
    facts = changed(FACTS, **{"wallet_total": D(0), missing: None})
    assert compare_wallet(facts, LIMITS).verdict is Verdict.UNKNOWN


def test_own_sells_and_fees_taken_from_the_coin_are_explained() -> None:
    facts = changed(with_entry(sold_quantity=D(4), fee_quantity=D("0.1")), wallet_total=D("5.9"))
    assert compare_wallet(facts, LIMITS).verdict is Verdict.CLEAR
    unexplained = changed(with_entry(sold_quantity=D(4)), wallet_total=D("5.9"))
    assert compare_wallet(unexplained, LIMITS).verdict is Verdict.DRIFT


def test_while_an_exit_is_in_flight_the_wallet_moves_and_says_nothing() -> None:
    facts = changed(with_entry(exit_intent=INTENT), wallet_total=D(0))
    assert compare_wallet(facts, LIMITS).verdict is Verdict.UNKNOWN
    assert record_quantity(facts.entry) == D(6), "what the order has filled is gone already"


def test_a_further_withdrawal_is_another_drift_only_when_it_adds_five_percent() -> None:
    prints = [
        compare_wallet(changed(FACTS, wallet_total=D(t)), LIMITS).fingerprint for t in ("7.4", "7.3", "6.9")
    ]
    assert prints[0] == prints[1] != prints[2]


# ---- qty (D1) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "verdict"),
    [
        ("10.5", Verdict.NEAR),
        ("10.51", Verdict.DRIFT),
        ("9.5", Verdict.NEAR),
        ("9.49", Verdict.DRIFT),
        ("9.7", Verdict.CLEAR),
    ],
)
def test_a_position_off_its_agreement_by_more_than_five_percent_is_drift(
    quantity: str, verdict: Verdict
) -> None:
    finding = compare_position(changed(FACTS, position=changed(POSITION, quantity=D(quantity))), LIMITS)
    assert finding.verdict is verdict
    assert finding.evidence["current_quantity"] == D(quantity)


def test_the_quantity_limit_is_a_setting() -> None:
    facts = changed(FACTS, position=changed(POSITION, quantity=D("9.8")))
    assert compare_position(facts, changed(LIMITS, quantity_pct=D(1))).verdict is Verdict.DRIFT
    assert compare_position(facts, LIMITS).verdict is Verdict.CLEAR


def test_own_fills_that_the_position_has_not_followed_yet_are_explained() -> None:
    assert compare_position(with_entry(sold_quantity=D(4)), LIMITS).verdict is Verdict.CLEAR


def test_own_fills_that_only_the_position_knows_are_drift() -> None:
    """A record that forgot a sale would sell again."""
    position = changed(POSITION, quantity=D(5), sold_quantity=D(5))
    assert compare_position(changed(FACTS, position=position), LIMITS).verdict is Verdict.DRIFT


def test_a_smaller_quantity_that_a_person_accepted_is_explained() -> None:
    assert compare_position(with_entry(approved_quantity=D(7)), LIMITS).verdict is Verdict.NEAR


@pytest.mark.parametrize(
    "position", [None, changed(POSITION, closed_at=NOW), changed(POSITION, proposal_id="p0")]
)
def test_a_position_of_another_agreement_says_nothing(position: Position | None) -> None:
    odd = position and changed(position, quantity=D(1))
    assert compare_position(changed(FACTS, position=odd), LIMITS).verdict is Verdict.NEAR


# ---- environment_reset --------------------------------------------------------------------------------

BASELINE = BaselineContent(
    assets={
        "SOL": BaselineAsset(policy=Policy.FROZEN, quantity=D(25)),
        "ETH": BaselineAsset(policy=Policy.FROZEN, quantity=D(2)),
        "USDT": BaselineAsset(policy=Policy.TRADABLE_QUOTE, quantity=D(1000)),
    }
)
ETH = changed(FACTS, asset="ETH")


def wallet(*, complete: bool = True, **totals: str) -> WalletSnapshot:
    balances = {name: Balance(free=D(t), used=D(0), total=D(t)) for name, t in totals.items()}
    return WalletSnapshot(balances=balances, observed_at=NOW, complete=complete)


def test_all_managed_coins_gone_at_once_is_a_reset() -> None:
    assert is_reset([FACTS, ETH], wallet(USDT="1000"), BASELINE)
    assert is_reset([FACTS, ETH], wallet(SOL="0.01"), BASELINE), "dust is nothing"
    assert not is_reset([FACTS, ETH], wallet(ETH="2"), BASELINE)


def test_one_managed_coin_gone_is_a_reset_only_if_the_frozen_ones_are_gone_too() -> None:
    assert is_reset([FACTS], wallet(USDT="1000"), BASELINE)
    assert not is_reset([FACTS], wallet(ETH="2"), BASELINE)
    assert not is_reset([FACTS], wallet(), BaselineContent()), "nobody knows what else there was"


def test_an_answer_that_is_missing_or_incomplete_is_no_reset() -> None:
    assert not is_reset([FACTS, ETH], None, BASELINE)
    assert not is_reset([FACTS, ETH], wallet(complete=False), BASELINE)


def test_coins_of_which_nothing_was_left_anyway_make_no_reset() -> None:
    assert not is_reset([with_entry(sold_quantity=D(10))], wallet(), BASELINE)
    assert not is_reset([FACTS, with_entry(exit_intent=INTENT)], wallet(), BASELINE)


def test_a_part_of_a_reset_keeps_the_evidence_of_its_coin() -> None:
    finding = as_reset(compare_wallet(changed(FACTS, wallet_total=D(0)), LIMITS))
    assert (finding.kind, finding.verdict) == ("environment_reset", Verdict.DRIFT)
    assert finding.evidence["record_quantity"] == D(10)
    assert "gone at once" in finding.sentence
