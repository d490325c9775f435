"""Buying by the rules: intent before order, only while all is well, within every cap, booked once."""

from typing import Any

import msgspec
import pytest

from bot.lifecycle import command_payloads as p
from bot.lifecycle.buy_caps import committed_to, committed_to_all, next_step_price, room_for, worth_at_cost
from bot.lifecycle.buy_payloads import CloseBuyIntent, OpenBuyIntent, RecordManagedBuy
from bot.lifecycle.dca_terms import OFF, DcaTerms, terms_in, written_out
from bot.lifecycle.documents import ManagedAsset, ReleaseMode
from bot.lifecycle.events import EventType
from bot.lifecycle.exit_rules import promised_rest
from bot.lifecycle.states import AssetState
from tests.unit.lifecycle.lifecycle_world import POLICY, D, LifecycleWorld, drifted, filled, world_at

CAPITAL = msgspec.structs.replace(POLICY, investable_capital_usdt=D(1_000))
TERMS = DcaTerms(steps=3, step_pct=D(2), max_additional_usdt=D(300))


def buyable(policy: Any = CAPITAL, **more: Any) -> LifecycleWorld:
    """Return a world in which three steps of 100 USDT may be bought below a reference of 100."""
    world = world_at(AssetState.MANAGED_ACTIVE, policy)
    words: dict[str, Any] = {"reason": "lower", "dca": TERMS, "max_allocation_usdt": D(2_000)} | more
    world.say(p.OverrideManagedLevels(**words))
    return world


def opened(**changes: Any) -> OpenBuyIntent:
    words: dict[str, Any] = {
        "client_order_id": "b1",
        "quantity": D(1),
        "limit_price": D(98),
        "step": 1,
        "trigger_price": D(98),
    }
    return OpenBuyIntent(**words | changes)


def bought(**changes: Any) -> RecordManagedBuy:
    words: dict[str, Any] = {
        "client_order_id": "b1",
        "exchange_order_id": "x1",
        "order_status": "filled",
        "is_final": True,
        "filled_quantity": D(1),
        "filled_quote": D("97.5"),
    }
    return RecordManagedBuy(**words | changes)


def closed(**changes: Any) -> CloseBuyIntent:
    words: dict[str, Any] = {"client_order_id": "b1", "reason_code": "never_arrived", "text": "x"}
    return CloseBuyIntent(**words | changes)


def test_a_buy_raises_the_promise_by_what_arrived_and_not_before() -> None:
    world = buyable()
    before = promised_rest(world.entry())
    change = world.say(opened())
    assert [event.type for event in change.events] == [EventType.BUY_INTENT_OPENED]
    assert promised_rest(world.entry()) == before
    fees = (p.PaidFee(asset="SOL", amount=D("0.001")), p.PaidFee(asset="BNB", amount=D(1)))
    change = world.say(bought(fees=fees))
    assert [event.type for event in change.events] == [EventType.BUY_EXECUTED]
    entry = world.entry()
    assert (entry.bought_quantity, entry.bought_quote) == (D("0.999"), D("97.5"))
    assert (entry.bought_steps, entry.last_buy_price, entry.buy_intent) == (1, D(98), None)
    assert promised_rest(entry) == before + D("0.999")


def test_a_partial_fill_stays_open_and_counts_once_when_the_order_ends() -> None:
    world = buyable()
    world.say(opened())
    part = bought(
        is_final=False, order_status="partially_filled", filled_quantity=D("0.4"), filled_quote=D(39)
    )
    world.say(part)
    assert world.entry().bought_quantity is None
    world.refused(bought(filled_quantity=D("0.3")), "exchange_answer_invalid")
    world.refused(bought(filled_quantity=D("1.1")), "exchange_answer_invalid")
    world.say(bought(order_status="expired", filled_quantity=D("0.4"), filled_quote=D(39)))
    assert world.entry().bought_quantity == D("0.4")
    world.refused(bought(), "no_buy_intent")
    assert world.entry().bought_steps == 1


def test_an_order_that_brought_nothing_leaves_its_step_free() -> None:
    world = buyable()
    world.say(opened())
    world.say(bought(order_status="expired", filled_quantity=D(0), filled_quote=D(0)))
    assert (world.entry().bought_steps, world.entry().buy_intent) == (None, None)
    world.say(opened(client_order_id="b2"))
    world.say(closed(client_order_id="b2"))
    assert world.entry().bought_steps is None
    world.say(opened(client_order_id="b3"))


def test_what_a_vanished_order_had_filled_is_booked() -> None:
    world = buyable()
    world.say(opened())
    world.say(
        bought(is_final=False, order_status="partially_filled", filled_quantity=D("0.4"), filled_quote=D(39))
    )
    world.say(closed(reason_code="vanished"))
    assert (world.entry().bought_quantity, world.entry().bought_quote) == (D("0.4"), D(39))


def test_nothing_is_bought_beside_an_open_order_an_ordered_sale_a_pause_a_drift_or_a_halt() -> None:
    world = buyable()
    world.say(opened())
    world.refused(opened(client_order_id="b2"), "buy_in_flight")
    world = buyable()
    world.open_exit()
    world.refused(opened(), "exit_in_flight")
    world = buyable()
    world.say(p.ForceManagedExit(confirm="SOL:exit", reason="out"))
    world.refused(opened(), "exit_in_flight")
    world = buyable()
    world.say(p.PauseManagedAsset())
    world.refused(opened(), "transition_not_allowed")
    world = buyable()
    world.say(drifted())
    world.refused(opened(), "drift_unresolved")
    world = buyable()
    world.say(p.HaltTrading(text="stop"), actor="user_ann", asset="*")
    world.refused(opened(), "trading_halted")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"step": 2}, "buy_not_due"),
        ({"step": 4}, "buy_not_due"),
        ({"trigger_price": D("98.01")}, "buy_not_due"),
        ({"trigger_price": D(90)}, "buy_not_due"),  # the stop: an exit is due there
        ({"quantity": D("1.03")}, "buy_above_cap"),  # 100.94 of the step's 100
    ],
)
def test_only_the_next_step_at_its_price_and_within_its_amount_is_bought(
    words: dict[str, Any], code: str
) -> None:
    buyable().refused(opened(**words), code)


def test_without_an_agreement_nothing_is_bought() -> None:
    world = world_at(AssetState.MANAGED_ACTIVE, CAPITAL)
    world.refused(opened(), "averaging_not_agreed")
    world = buyable()
    world.say(p.OverrideManagedLevels(reason="enough", dca=OFF))
    world.refused(opened(), "averaging_not_agreed")


def test_the_default_capital_of_zero_buys_nothing() -> None:
    assert POLICY.investable_capital_usdt == 0
    buyable(POLICY).refused(opened(), "buy_above_cap")


def test_the_soft_cap_counts_what_was_handed_over_at_the_reference_and_own_buys_at_cost() -> None:
    world = buyable(max_allocation_usdt=D(1_100))
    assert worth_at_cost(world.entry()) == 1_000
    assert room_for(world.content, "SOL", TERMS, investable=D(1_000)).soft_cap == 100
    world.say(opened())
    assert room_for(world.content, "SOL", TERMS, investable=D(1_000)).soft_cap == 2
    world.say(bought())
    world.refused(
        opened(client_order_id="b2", step=2, trigger_price=D(96), limit_price=D(96)), "buy_above_cap"
    )


def test_the_hard_cap_is_over_all_coins_and_an_open_buy_counts_at_the_most_it_can_cost() -> None:
    world = buyable(msgspec.structs.replace(CAPITAL, investable_capital_usdt=D(150)))
    world.say(opened())
    assert committed_to(world.entry()) == committed_to_all(world.content) == 98
    other = msgspec.structs.replace(world.entry(), buy_intent=None, bought_quote=D(60))
    assets = {**world.content.managed_assets, "ETH": other}
    both = msgspec.structs.replace(world.content, managed_assets=assets)
    assert room_for(both, "ETH", TERMS, investable=D(150)).hard_cap == 0
    sold = msgspec.structs.replace(other, state=AssetState.EXIT_EXECUTED)
    gone = msgspec.structs.replace(both, managed_assets={**assets, "ETH": sold})
    assert committed_to_all(gone) == 98, "what was sold frees its capital"


def test_a_buy_that_was_cut_says_so_with_its_intent() -> None:
    """M4, CAP-1."""
    change = buyable().say(opened(quantity=D("0.5"), capped_by="hard_cap"))
    assert [event.type for event in change.events] == [
        EventType.BUY_INTENT_OPENED,
        EventType.ALLOCATION_CAPPED,
    ]
    assert change.events[0].data["capped_by"] == "hard_cap"


def test_an_exit_sells_what_has_arrived_and_its_end_waits_for_the_word_on_a_buy() -> None:
    world = buyable()
    world.say(opened())
    approved = world.entry().approved_quantity
    world.open_exit()
    intent = world.entry().exit_intent
    assert intent is not None
    assert intent.quantity == approved
    world.say(filled())
    assert world.state() is AssetState.MANAGED_ACTIVE, "the buy may still bring something"
    assert world.entry().exit_intent is not None
    assert promised_rest(world.entry()) == 0
    world.say(bought())
    world.say(filled())
    assert world.state() is AssetState.MANAGED_ACTIVE
    assert promised_rest(world.entry()) == 1, "what arrived is a rest that is still to be sold"


def test_an_exit_ends_once_the_buy_turns_out_to_have_brought_nothing() -> None:
    world = buyable()
    world.say(opened())
    world.open_exit()
    world.say(filled())
    world.say(closed())
    world.say(filled())
    assert world.state() is AssetState.EXIT_EXECUTED


def test_a_release_waits_for_the_word_on_a_buy_and_gives_what_it_brought_back() -> None:
    world = buyable()
    world.say(opened())
    change = world.say(p.PauseManagedAsset())
    assert change.detail["buy_in_flight"] == "b1"
    world.say(p.ReleaseManagedAsset(mode=ReleaseMode.IMMEDIATE))
    world.refused(p.CompleteManagedRelease(reason="x"), "buy_in_flight")
    world.say(bought())
    world.say(p.CompleteManagedRelease(reason="x"))
    assert world.state() is AssetState.FROZEN
    assert world.entry().bought_quantity is None


def test_todays_quantity_becomes_the_agreement_without_losing_own_buys() -> None:
    world = buyable()
    world.say(opened())
    world.say(bought())
    there: dict[str, Any] = {"drift_kind": "wallet_external", "fingerprint": "f"}
    world.say(p.FlagManagedDrift(evidence={"current_quantity": D(8)}, **there))
    world.say(p.ResumeManagedAsset(reason="sold some", override=True, accept="current"))
    assert (world.entry().approved_quantity, world.entry().bought_quantity) == (D(7), D(1))
    assert promised_rest(world.entry()) == 8


def test_where_even_bought_coins_are_gone_no_more_is_promised_than_there_is() -> None:
    world = buyable()
    world.say(opened())
    world.say(bought())
    gone = {"current_quantity": D("0.4")}
    world.say(p.FlagManagedDrift(drift_kind="wallet_external", evidence=gone, fingerprint="f"))
    world.say(p.ResumeManagedAsset(reason="sold", override=True, accept="current"))
    assert promised_rest(world.entry()) == D("0.4")


def test_a_quantity_cannot_be_accepted_while_a_buy_is_in_flight() -> None:
    world = buyable()
    world.say(opened())
    world.say(p.FlagManagedDrift(drift_kind="qty", evidence={"current_quantity": D(8)}, fingerprint="f"))
    accept = p.ResumeManagedAsset(reason="x", override=True, accept="current")
    world.refused(accept, "buy_in_flight")


@pytest.mark.parametrize(
    "terms",
    [
        DcaTerms(steps=21, step_pct=D(1), max_additional_usdt=D(10)),
        DcaTerms(steps=-1, step_pct=D(1), max_additional_usdt=D(10)),
        DcaTerms(steps=0, step_pct=D(1), max_additional_usdt=D(10)),
        DcaTerms(steps=2, step_pct=D("0.05"), max_additional_usdt=D(10)),
        DcaTerms(steps=2, step_pct=D(51), max_additional_usdt=D(10)),
        DcaTerms(steps=10, step_pct=D(10), max_additional_usdt=D(10)),
        DcaTerms(steps=2, step_pct=D(1), max_additional_usdt=D(0)),
    ],
)
def test_terms_that_no_market_could_follow_are_refused(terms: DcaTerms) -> None:
    world = world_at(AssetState.MANAGED_ACTIVE, CAPITAL)
    world.refused(p.OverrideManagedLevels(reason="x", dca=terms), "dca_invalid")
    assert terms_in(written_out(terms)) is None


def test_what_earlier_releases_wrote_about_averaging_buys_nothing() -> None:
    for written in ({}, {"steps": 2}, {"steps": "2", "step_pct": 1, "max_additional_usdt": 1}, None):
        assert terms_in(written) is None
    assert terms_in(written_out(TERMS)) == TERMS


@pytest.mark.parametrize(
    ("last_buy", "expected"),
    [(None, 98), (D(98), 96), (D("97.5"), 96), (D("96.9"), 94), (D("96.01"), 94), (D(91), 90)],
)
def test_the_next_step_waits_on_the_first_rung_half_a_step_below_the_newest_buy(
    last_buy: Any, expected: int
) -> None:
    entry = ManagedAsset(state=AssetState.MANAGED_ACTIVE, reference_price=D(100), last_buy_price=last_buy)
    assert next_step_price(entry, TERMS) == expected


def test_a_fee_that_was_told_of_a_part_is_counted_where_the_order_vanishes_or_ends_without_a_word() -> None:
    fees = (p.PaidFee(asset="SOL", amount=D("0.002")),)
    for end in (closed(reason_code="vanished"), bought(filled_quantity=D("0.9"))):
        world = buyable()
        world.say(opened())
        part = bought(order_status="open", is_final=False, filled_quantity=D("0.9"), fees=fees)
        world.say(part)
        world.say(end)
        assert world.entry().bought_quantity == D("0.898")


def test_an_exit_that_waits_for_a_buy_ends_also_where_its_order_vanishes() -> None:
    world = buyable()
    world.say(opened())
    world.open_exit(10)
    world.fill(10)
    gone = p.CloseExitIntent(client_order_id="o1", reason_code="vanished", text="gone")
    world.refused(gone, "buy_in_flight")
    world.say(closed())
    world.say(gone)
    assert (world.state(), world.entry().sold_quantity) == (AssetState.EXIT_EXECUTED, D(10))
    assert world.said[-1].events[0].type is EventType.EXIT_EXECUTED
    assert world.said[-1].detail["transition"] == "T13"


def test_nothing_is_bought_where_nothing_is_left() -> None:
    world = buyable()
    entry = msgspec.structs.replace(world.entry(), sold_quantity=world.entry().promised_quantity)
    world.content = msgspec.structs.replace(world.content, managed_assets={"SOL": entry})
    world.refused(opened(), "nothing_left")
