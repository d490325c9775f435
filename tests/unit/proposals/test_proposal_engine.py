"""The engine as a whole: each abort, each rule on variants, no look-ahead, the same bytes."""

import datetime as dt
from decimal import Context, Decimal, localcontext

import msgspec
import pytest

from bot.holdings.wallet import Balance, WalletSnapshot
from bot.kernel.errors import ExchangeAnswerError, RefusedError
from bot.kernel.market import Candle, OrderBook
from bot.lifecycle.command_payloads import EntryMethod
from bot.proposals.document import Proposal, to_document, variants_of
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.policy import ProposalPolicy, VariantName, policy_for
from tests.unit.proposals.proposal_facts import (
    NOW,
    D,
    aborted,
    book_around,
    facts,
    propose,
    proposed,
    rules,
    walk,
    wallet_of,
)


def without(told: ProposalFacts, name: str) -> OrderBook:
    return msgspec.structs.replace(told.book, **{name: ()})


def scaled(candles: tuple[Candle, ...], factor: Decimal) -> tuple[Candle, ...]:
    return tuple(
        msgspec.structs.replace(
            bar,
            open=bar.open * factor,
            high=bar.high * factor,
            low=bar.low * factor,
            close=bar.close * factor,
            volume=bar.volume / factor,
        )
        for bar in candles
    )


def still_coin(price: str, bars: int = 100) -> tuple[Candle, ...]:
    value = D(price)
    return tuple(
        msgspec.structs.replace(bar, open=value, high=value, low=value, close=value) for bar in walk(bars)
    )


# ---- aborts ------------------------------------------------------------------------------------------


def test_without_a_risk_model_version_nothing_is_proposed() -> None:
    assert aborted(policy=ProposalPolicy(risk_model_version="")).code == "model_version_missing"


def test_a_blacklisted_coin_aborts() -> None:
    result = aborted(facts(blacklist=("DOGE", "SOL")))
    assert (result.code, result.sentence) == ("blacklisted", "SOL is on the blacklist.")
    assert "settings" in result.help


def test_a_listed_stablecoin_aborts() -> None:
    result = aborted(request=ProposalRequest(asset="USDC"))
    assert result.code == "stablecoin"


def test_an_unlisted_coin_that_behaves_like_a_stablecoin_aborts_with_its_numbers() -> None:
    told = facts(daily=still_coin("1"), price=D("1.0002"), book=book_around(D("1.0002"), levels=9))
    result = aborted(told)
    assert result.code == "stablecoin"
    assert "price 1.0002, daily volatility 0 %" in result.sentence


def test_an_unknown_balance_is_not_zero() -> None:
    nothing_told = WalletSnapshot(balances={}, observed_at=NOW, complete=False)
    assert aborted(facts(wallet=nothing_told)).code == "balance_unknown"


@pytest.mark.parametrize(
    "wallet", [wallet_of(D(0)), WalletSnapshot(balances={}, observed_at=NOW, complete=True)]
)
def test_no_balance_aborts(wallet: WalletSnapshot) -> None:
    assert aborted(facts(wallet=wallet)).code == "no_balance"


def test_a_closed_market_aborts() -> None:
    assert aborted(facts(rules=rules(active=False))).code == "market_unavailable"


@pytest.mark.parametrize("side", ["bids", "asks"])
def test_a_book_with_an_empty_side_aborts(side: str) -> None:
    told = facts()
    result = aborted(msgspec.structs.replace(told, book=without(told, side)))
    assert (result.code, "order book" in result.sentence) == ("market_unavailable", True)


def test_a_price_of_zero_aborts() -> None:
    told = facts()
    assert (
        aborted(msgspec.structs.replace(told, ticker=msgspec.structs.replace(told.ticker, last=D(0)))).code
        == "market_unavailable"
    )


def test_the_running_candle_does_not_count_as_history() -> None:
    result = aborted(facts(bars=60))
    assert result.code == "not_enough_history"
    assert "59 closed daily candles, at least 60" in result.sentence
    assert isinstance(propose(facts(bars=61)), Proposal)


def test_old_candles_abort() -> None:
    old = walk(200, until=NOW - dt.timedelta(days=6))
    result = aborted(facts(daily=old))
    assert (result.code, "5 days old" in result.sentence) == ("market_unavailable", True)


def test_a_market_that_never_moves_has_no_risk_to_measure() -> None:
    told = facts(daily=still_coin("50"), price=D(50), book=book_around(D(50)))
    assert aborted(told).code == "not_enough_history"


def test_when_no_variant_fits_the_filters_the_reasons_are_told() -> None:
    result = aborted(facts(wallet=wallet_of(D("0.1"))))
    assert result.code == "price_out_of_filters"
    assert "recommended: At the stop the quantity is worth" in result.sentence
    assert result.sentence.count("minimum of 5") == 3


def test_a_quantity_below_the_smallest_lot_is_told_as_such() -> None:
    result = aborted(facts(rules=rules(min_quantity=D(50))))
    assert "below the exchange's minimum of 50" in result.sentence


def test_an_allow_list_without_the_core_group_aborts() -> None:
    result = aborted(policy=ProposalPolicy(allowed_strategy_groups=("t3_copy_trading",)))
    assert (result.code, "t1_core" in result.sentence) == ("strategy_not_allowed", True)


@pytest.mark.parametrize("quantity", [D(0), D(-1)])
def test_a_request_of_nothing_is_refused(quantity: Decimal) -> None:
    with pytest.raises(RefusedError) as caught:
        propose(request=ProposalRequest(asset="SOL", requested_quantity=quantity))
    assert caught.value.code == "quantity_invalid"


def test_facts_of_another_market_are_never_computed_with() -> None:
    told = facts()
    mixed = msgspec.structs.replace(told, book=msgspec.structs.replace(told.book, symbol="ETH/USDT"))
    with pytest.raises(ExchangeAnswerError, match="ETH/USDT, SOL/USDT"):
        propose(mixed)


def test_candles_that_cannot_be_right_are_never_computed_with() -> None:
    told = facts()
    broken = msgspec.structs.replace(told.daily[5], low=D(0))
    with pytest.raises(ExchangeAnswerError, match="daily candles"):
        propose(msgspec.structs.replace(told, daily=(*told.daily[:5], broken, *told.daily[6:])))
    with pytest.raises(ExchangeAnswerError, match="hourly candles"):
        propose(msgspec.structs.replace(told, hourly=tuple(reversed(told.hourly))))


# ---- variants ----------------------------------------------------------------------------------------


def test_a_sound_market_allows_all_three_variants_in_the_sandbox() -> None:
    proposal = proposed()
    assert [terms.variant for terms in variants_of(proposal)] == list(VariantName)
    assert all(terms.allowed and terms.not_allowed is None for terms in variants_of(proposal))


def test_mainnet_switches_the_aggressive_variant_and_t2_off() -> None:
    told = facts(environment="mainnet")
    terms = {terms.variant: terms for terms in variants_of(proposed(told))}
    refused = terms[VariantName.AGGRESSIVE].not_allowed
    assert refused is not None
    assert refused.code == "variant_not_allowed"
    assert policy_for("mainnet").min_stop_distance_pct == D(5)
    assert proposed(told).strategy_recommendation.alternative_groups == ()


def test_an_entry_just_above_the_stop_forbids_the_variant() -> None:
    stop = proposed().risk_recommendation.stop_loss
    request = ProposalRequest(
        asset="SOL",
        synthetic_entry_method=EntryMethod.MANUAL,
        synthetic_entry_value=stop * D("1.005"),
    )
    reason = proposed(request=request).risk_recommendation.not_allowed
    assert reason is not None
    assert reason.code == "stop_too_close"


def test_a_holding_far_in_profit_can_still_be_handed_over() -> None:
    request = ProposalRequest(
        asset="SOL", synthetic_entry_method=EntryMethod.MANUAL, synthetic_entry_value=D(2)
    )
    proposal = proposed(request=request)
    assert proposal.risk_recommendation.allowed
    assert proposal.risk_recommendation.stop_loss == proposed().risk_recommendation.stop_loss


def test_a_stop_under_zero_forbids_one_variant_and_leaves_the_others() -> None:
    wild = facts(daily=walk(400, seed=3, sigma=0.30, start=5000.0))
    terms = {terms.variant: terms for terms in variants_of(proposed(wild))}
    reason = terms[VariantName.CONSERVATIVE].not_allowed
    assert reason is not None
    assert reason.code == "price_out_of_filters"
    assert terms[VariantName.AGGRESSIVE].allowed


def test_only_the_requested_quantity_is_taken() -> None:
    proposal = proposed(request=ProposalRequest(asset="SOL", requested_quantity=D("4.5")))
    assert proposal.requested_quantity == D("4.5")
    assert proposal.risk_recommendation.quantity == D("4.5")
    assert proposal.wallet.quantity == D(10)


def test_a_request_above_the_wallet_is_cut_and_noted() -> None:
    proposal = proposed(request=ProposalRequest(asset="SOL", requested_quantity=D(99)))
    assert proposal.requested_quantity == D(10)
    assert "less_than_requested" in [note.code for note in proposal.context_warnings.notes]


def test_coins_locked_in_orders_belong_to_the_holding() -> None:
    wallet = WalletSnapshot(
        balances={"SOL": Balance(free=D(4), used=D(6), total=D(10))}, observed_at=NOW, complete=True
    )
    record = proposed(facts(wallet=wallet)).wallet
    assert (record.quantity, record.free, record.used) == (D(10), D(4), D(6))


def test_the_investable_capital_is_noted_and_cuts_nothing() -> None:
    with_cap = proposed(facts(investable_capital_usdt=D(50)))
    notes = [note.code for note in with_cap.context_warnings.notes]
    assert "above_investable" in notes
    assert with_cap.risk_recommendation.quantity == proposed().risk_recommendation.quantity
    assert "above_investable" not in [note.code for note in proposed().context_warnings.notes]


# ---- reproducible, without look-ahead ----------------------------------------------------------------


def test_the_same_facts_give_the_same_digest_whatever_the_ambient_decimal_context() -> None:
    first = proposed()
    with localcontext(Context(prec=6)):
        second = proposed()
    assert first.digest == second.digest
    assert first.digest != proposed(language="de").digest


def test_what_happens_after_now_changes_no_number() -> None:
    told = facts()
    later = told.daily[-1].opened_at + dt.timedelta(days=1)
    crash = Candle(opened_at=later, open=D(1), high=D(900), low=D("0.5"), close=D(3), volume=D(10**9))
    running = msgspec.structs.replace(told.daily[-1], high=D(900), low=D("0.5"), close=D(3))
    disturbed = msgspec.structs.replace(told, daily=(*told.daily[:-1], running, crash))
    before, after = to_document(proposed(told)), to_document(proposed(disturbed))
    assert before.pop("inputs") != after.pop("inputs")
    assert before.pop("digest") != after.pop("digest")
    assert before == after


def test_prices_times_a_thousand_give_the_same_plan() -> None:
    thousand, told = D(1000), facts(price=D("23.62"), portfolio_value_usdt=D(2_000))
    last = told.ticker.last * thousand
    large = msgspec.structs.replace(
        told,
        rules=rules(
            tick_size=D(10),
            min_price=D(10),
            max_price=None,
            step_size=D("0.000001"),
            min_quantity=D("0.000001"),
        ),
        ticker=msgspec.structs.replace(told.ticker, last=last),
        book=book_around(last, size=D("0.2"), tick=D(10)),
        daily=scaled(told.daily, thousand),
        hourly=scaled(told.hourly, thousand),
        wallet=wallet_of(D("0.01")),
    )
    small_plan, large_plan = variants_of(proposed(told)), variants_of(proposed(large))
    for small, big in zip(small_plan, large_plan, strict=True):
        assert big.stop_loss == small.stop_loss * thousand
        assert big.take_profit == small.take_profit * thousand
        assert big.quantity * thousand == small.quantity
        assert (big.max_allocation_usdt, big.loss_at_stop_usdt) == (
            small.max_allocation_usdt,
            small.loss_at_stop_usdt,
        )


def test_the_levels_can_be_recomputed_from_the_document_alone() -> None:
    proposal = proposed()
    context, terms = proposal.market_context, proposal.risk_recommendation
    assert context.support_level is None
    raw_stop = terms.reference_price - D("1.9") * context.atr_14d
    assert D(0) <= terms.stop_loss - raw_stop < D("0.01")


def test_times_are_the_callers() -> None:
    proposal = proposed()
    assert proposal.generated_at == NOW
    assert proposal.expires_at == NOW + dt.timedelta(days=7)
