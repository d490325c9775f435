"""The four ways to an entry price, and what each says of its origin."""

import json
from pathlib import Path

import jsonschema
import pytest

from bot.kernel.errors import UsageError
from bot.kernel.market import OwnTrade
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals.document import FeeNotCounted, to_document
from bot.proposals.entry import SyntheticEntry, average_cost, synthetic_entry
from bot.proposals.facts import ProposalFacts, ProposalRequest, closed_candles
from bot.proposals.indicators import vwap
from bot.proposals.policy import ProposalPolicy
from tests.unit.proposals.proposal_facts import CENT, NOW, D, a_trade, facts, proposed

SCHEMA = Path(__file__).parents[3] / "schemas" / "risk_proposal.schema.json"


def entry(
    method: EntryMethod, told: ProposalFacts, *, value: str | None = None, held: str = "10"
) -> SyntheticEntry:
    return synthetic_entry(
        ProposalRequest(
            asset="SOL",
            synthetic_entry_method=method,
            synthetic_entry_value=None if value is None else D(value),
        ),
        told,
        held=D(held),
        tick=CENT,
        policy=ProposalPolicy(),
        language="en",
    )


def average(*trades: OwnTrade) -> str:
    basis = average_cost(trades, base="SOL", quote="USDT")
    assert basis is not None
    return f"{basis.quantity} at {basis.average}"


def test_the_current_price_is_the_default() -> None:
    told = facts()
    found = entry(EntryMethod.CURRENT_PRICE, told)
    assert (found.method, found.value) == (EntryMethod.CURRENT_PRICE, told.ticker.last)
    assert found.source.sentence == "last price at box"


def test_a_manual_price_is_put_on_the_tick_upwards() -> None:
    assert entry(EntryMethod.MANUAL, facts(), value="20.001").value == D("20.01")


@pytest.mark.parametrize("value", [None, "0", "-1"])
def test_a_manual_entry_without_a_price_is_a_usage_error(value: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        entry(EntryMethod.MANUAL, facts(), value=value)
    assert caught.value.code == "manual_entry_needs_value"


def test_vwap_uses_closed_hours_only_and_names_their_range() -> None:
    told = facts()
    found = entry(EntryMethod.VWAP, told)
    closed = closed_candles(told.hourly, "1h", NOW)
    assert len(closed) == len(told.hourly) - 1
    exact = vwap(closed)
    assert exact is not None
    assert D(0) <= found.value - exact < CENT
    assert (found.source.rows, found.source.first_at) == (len(closed), closed[0].opened_at)


def test_without_hours_the_vwap_falls_back_and_says_so() -> None:
    found = entry(EntryMethod.VWAP, facts(hourly=()))
    assert found.method is EntryMethod.CURRENT_PRICE
    assert [note.code for note in found.notes] == ["entry_fell_back"]


def test_average_cost_of_two_buys() -> None:
    assert average(a_trade(1, "buy", "1", "20", "0", "USDT"), a_trade(2, "buy", "3", "40", "0", "USDT")) == (
        "4 at 35"
    )


def test_a_fee_in_quote_adds_to_the_cost() -> None:
    assert average(a_trade(1, "buy", "2", "20", "1", "USDT")) == "2 at 20.5"


def test_a_fee_in_base_takes_from_the_quantity() -> None:
    assert average(a_trade(1, "buy", "2", "20", "0.4", "SOL")) == "1.6 at 25"


def test_a_sell_takes_quantity_out_at_the_average_cost() -> None:
    bought = a_trade(1, "buy", "4", "20", "0", "USDT")
    assert average(bought, a_trade(2, "sell", "3", "90", "5", "USDT")) == "1 at 20"


def test_selling_more_than_was_bought_empties_the_record() -> None:
    trades = (
        a_trade(1, "buy", "1", "20", "0", "USDT"),
        a_trade(2, "sell", "5", "90", "0", "USDT"),
        a_trade(3, "buy", "2", "50", "0", "USDT"),
    )
    assert average(*trades) == "2 at 50"
    assert average_cost(trades[:2], base="SOL", quote="USDT") is None


def test_a_fee_in_a_third_coin_is_named_and_not_guessed() -> None:
    trades = (a_trade(1, "buy", "1", "20", "0.001", "BNB"), a_trade(2, "buy", "1", "20", "0.002", "BNB"))
    basis = average_cost(trades, base="SOL", quote="USDT")
    assert basis is not None
    assert basis.average == D(20)
    assert basis.fees_not_counted == (FeeNotCounted(asset="BNB", amount=D("0.003")),)


@pytest.mark.parametrize("coin", ["币安人生", "1000sats", "LD-USDT", "PÉPÉ_2.0", ""])
def test_a_fee_in_a_coin_with_an_odd_name_ends_in_a_valid_document(coin: str) -> None:
    request = ProposalRequest(asset="SOL", synthetic_entry_method=EntryMethod.COST_BASIS)
    told = facts(own_trades=(a_trade(1, "buy", "4", "20", "0.01", coin),))
    document = to_document(proposed(told, request=request))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes())).validate(document)
    named = document["risk_recommendation"]["entry_price_source"]["fees_not_counted"]
    assert named == [{"asset": coin or "?", "amount": D("0.01")}]


def test_a_whole_history_of_trades_gives_the_cost_of_what_is_left() -> None:
    # 10 at 100 (+1 quote), 10 at 120 less 0.1 of the coin; half of the 19.9 sold; 5 more at 90.
    trades = (
        a_trade(1, "buy", "10", "100", "1", "USDT"),
        a_trade(2, "buy", "10", "120", "0.1", "SOL"),
        a_trade(3, "sell", "9.95", "150", "1.5", "USDT"),
        a_trade(4, "buy", "5", "90", "0.001", "BNB"),
    )
    basis = average_cost(trades, base="SOL", quote="USDT")
    assert basis is not None
    assert basis.quantity == D("14.95")
    assert basis.average == (D(2201) / 2 + D(450)) / D("14.95")
    assert basis.fees_not_counted == (FeeNotCounted(asset="BNB", amount=D("0.001")),)


def test_cost_basis_names_its_trades_and_the_deposits_without_a_price() -> None:
    told = facts(own_trades=(a_trade(1, "buy", "4", "20", "0.01", "BNB"),))
    found = entry(EntryMethod.COST_BASIS, told)
    assert (found.method, found.value) == (EntryMethod.COST_BASIS, D(20))
    source = found.source
    assert (source.covered_quantity, source.unpriced_quantity, source.trade_ids) == (D(4), D(6), ("1",))
    assert [note.code for note in found.notes] == ["deposits_without_price", "fees_not_counted"]
    assert "6 SOL came in without a trade" in found.notes[0].sentence


def test_an_average_cost_is_put_on_the_tick_upwards() -> None:
    told = facts(own_trades=(a_trade(1, "buy", "3", "20", "0.01", "USDT"),))
    assert entry(EntryMethod.COST_BASIS, told).value == D("20.01")  # 60.01 / 3


def test_cost_basis_of_coins_that_partly_left_covers_what_is_held() -> None:
    found = entry(
        EntryMethod.COST_BASIS, facts(own_trades=(a_trade(1, "buy", "4", "20", "0", "USDT"),)), held="3"
    )
    assert (found.source.covered_quantity, found.source.unpriced_quantity) == (D(3), D(0))
    assert found.notes == ()


def test_cost_basis_without_trades_falls_back_and_says_so() -> None:
    found = entry(EntryMethod.COST_BASIS, facts())
    assert found.method is EntryMethod.CURRENT_PRICE
    assert [note.code for note in found.notes] == ["entry_fell_back"]
