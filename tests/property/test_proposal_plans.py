"""Whatever the market and the holding: levels in order, sizes under every cap, exact numbers, one digest."""

import datetime as dt
from decimal import Decimal

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.kernel.market import MarketRules, Ticker
from bot.kernel.money import HUNDRED, ZERO, floor_to_step, is_on_step
from bot.proposals.document import Proposal, VariantTerms, variants_of
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.inputs import collect_inputs
from bot.proposals.policy import ProposalPolicy, VariantName
from bot.proposals.remake import remake
from tests.unit.proposals.proposal_facts import NOW, D, book_around, facts, propose, rules, walk, wallet_of

POLICY = ProposalPolicy()
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def markets(draw: st.DrawFn) -> tuple[ProposalFacts, ProposalRequest]:
    """Draw a market of any price, grid and temper, with a holding and a request of any size."""
    start = draw(st.sampled_from([0.00002, 0.07, 1.5, 24.0, 145.0, 3_000.0, 68_000.0]))
    tick = Decimal(1).scaleb(Decimal(repr(start)).adjusted() - draw(st.integers(1, 6)))
    daily = walk(
        draw(st.integers(61, 130)),
        seed=draw(st.integers(0, 10_000)),
        start=start,
        drift=draw(st.sampled_from([-0.01, 0.0, 0.01])),
        sigma=draw(st.sampled_from([0.005, 0.02, 0.05, 0.12])),
        tick=tick,
    )
    price = daily[-1].close
    step = Decimal(1).scaleb((1 / price).adjusted() - draw(st.integers(0, 5)))
    held = (draw(st.decimals("1", "500000", places=2)) / price).quantize(Decimal("0.00000001"))
    part = draw(st.one_of(st.none(), st.decimals("0.05", "1.5", places=2)))
    wanted = None if part is None else held * part
    portfolio = held * price + draw(st.decimals("0", "1000000", places=2))
    market: MarketRules = rules(
        tick_size=tick,
        min_price=tick,
        max_price=draw(st.one_of(st.none(), st.just(floor_to_step(price * 2, tick) + tick))),
        step_size=step,
        min_quantity=step,
        max_market_quantity=draw(st.one_of(st.none(), st.just(step * 5_000))),
    )
    told = facts(
        daily=daily,
        hourly=(),
        rules=market,
        book=book_around(price, levels=3, size=D(100_000), tick=price / 1_000),
        wallet=wallet_of(held),
        portfolio_value_usdt=portfolio,
    )
    return told, ProposalRequest(asset="SOL", requested_quantity=wanted)


def check_levels(terms: VariantTerms, reference: Decimal, market: MarketRules) -> None:
    assert terms.stop_loss < reference < terms.take_profit
    assert is_on_step(terms.stop_loss, market.tick_size)
    assert is_on_step(terms.take_profit, market.tick_size)
    if terms.allowed:
        assert terms.stop_loss >= market.min_price
        assert market.max_price is None or terms.take_profit <= market.max_price
        assert (reference - terms.stop_loss) / reference * HUNDRED >= POLICY.min_stop_distance_pct


def check_size(
    terms: VariantTerms, told: ProposalFacts, request: ProposalRequest, reference: Decimal
) -> None:
    portfolio, market = told.portfolio_value_usdt, told.rules
    held = told.wallet.balances["SOL"].total
    assert is_on_step(terms.quantity, market.step_size)
    assert terms.quantity <= min(request.requested_quantity or held, held)
    assert terms.quantity * reference <= terms.max_allocation_usdt
    assert terms.max_allocation_usdt <= portfolio * POLICY.concentration_cap_share
    budget = floor_to_step(portfolio * POLICY.risk_per_trade_share, D("0.01"))
    assert terms.quantity * (reference - terms.stop_loss) <= budget
    assert terms.loss_at_stop_usdt <= budget
    assert market.max_market_quantity is None or terms.quantity <= market.max_market_quantity
    if terms.allowed:
        assert terms.quantity >= market.min_quantity
        assert terms.quantity * terms.stop_loss >= market.min_notional


@QUICK
@given(markets())
def test_every_plan_is_in_order_on_the_grid_and_under_every_cap(
    drawn: tuple[ProposalFacts, ProposalRequest],
) -> None:
    told, request = drawn
    result = propose(told, request=request)
    if not isinstance(result, Proposal):
        # Too small to sell, like a stablecoin, or on so coarse a grid that the price never moved.
        assert result.code in {"price_out_of_filters", "stablecoin", "not_enough_history"}
        return
    reference = result.risk_recommendation.reference_price
    assert any(terms.allowed for terms in variants_of(result))
    for terms in variants_of(result):
        check_levels(terms, reference, told.rules)
        check_size(terms, told, request, reference)
        assert (terms.not_allowed is None) == terms.allowed


@QUICK
@given(markets())
def test_more_appetite_never_takes_less(drawn: tuple[ProposalFacts, ProposalRequest]) -> None:
    told, request = drawn
    result = propose(told, request=request)
    if not isinstance(result, Proposal):
        return
    by_name = {terms.variant: terms for terms in variants_of(result)}
    cautious, middle, bold = (
        by_name[VariantName.CONSERVATIVE],
        by_name[VariantName.RECOMMENDED],
        by_name[VariantName.AGGRESSIVE],
    )
    assert cautious.quantity <= middle.quantity <= bold.quantity
    assert cautious.stop_loss <= middle.stop_loss <= bold.stop_loss
    assert cautious.take_profit <= middle.take_profit <= bold.take_profit


@QUICK
@given(markets(), st.sampled_from([D("1.5"), D(3)]))
def test_a_policy_with_more_appetite_never_takes_less_and_moves_no_level(
    drawn: tuple[ProposalFacts, ProposalRequest], factor: Decimal
) -> None:
    told, request = drawn
    bolder = msgspec.structs.replace(
        POLICY,
        risk_per_trade_share=POLICY.risk_per_trade_share * factor,
        concentration_cap_share=min(D(1), POLICY.concentration_cap_share * factor),
    )
    careful, bold = propose(told, request=request), propose(told, request=request, policy=bolder)
    if not isinstance(careful, Proposal):
        return
    assert isinstance(bold, Proposal)
    for one, other in zip(variants_of(careful), variants_of(bold), strict=True):
        assert one.quantity <= other.quantity
        assert (one.stop_loss, one.take_profit) == (other.stop_loss, other.take_profit)
        assert other.loss_at_stop_usdt <= told.portfolio_value_usdt * bolder.risk_per_trade_share
        assert other.max_allocation_usdt <= told.portfolio_value_usdt * bolder.concentration_cap_share


def times(told: ProposalFacts, factor: Decimal) -> ProposalFacts:
    """Return the same market in another unit: prices times the factor, quantities over it, both grids too."""
    market, replace = told.rules, msgspec.structs.replace
    priced = [
        replace(
            bar,
            open=bar.open * factor,
            high=bar.high * factor,
            low=bar.low * factor,
            close=bar.close * factor,
            volume=bar.volume / factor,
        )
        for bar in told.daily
    ]
    sides = {
        side: tuple(
            replace(level, price=level.price * factor, quantity=level.quantity / factor)
            for level in getattr(told.book, side)
        )
        for side in ("bids", "asks")
    }
    return replace(
        told,
        daily=tuple(priced),
        ticker=replace(told.ticker, last=told.ticker.last * factor),
        book=replace(told.book, **sides),
        wallet=wallet_of(told.wallet.balances["SOL"].total / factor),
        rules=replace(
            market,
            tick_size=market.tick_size * factor,
            min_price=market.min_price * factor,
            max_price=None if market.max_price is None else market.max_price * factor,
            step_size=market.step_size / factor,
            min_quantity=market.min_quantity / factor,
            max_market_quantity=(
                None if market.max_market_quantity is None else market.max_market_quantity / factor
            ),
        ),
    )


@settings(max_examples=100, deadline=None)
@given(markets())
def test_the_same_market_in_another_unit_gives_the_same_plan(
    drawn: tuple[ProposalFacts, ProposalRequest],
) -> None:
    told, request = drawn
    thousand, asked = D(1_000), request.requested_quantity
    small = propose(told, request=request)
    large = propose(
        times(told, thousand),
        request=msgspec.structs.replace(
            request, requested_quantity=None if asked is None else asked / thousand
        ),
    )
    if not isinstance(small, Proposal) or not isinstance(large, Proposal):
        return  # only the peg to one, an absolute price, may tell the units apart
    for one, other in zip(variants_of(small), variants_of(large), strict=True):
        assert other.stop_loss == one.stop_loss * thousand
        assert other.take_profit == one.take_profit * thousand
        assert other.quantity * thousand == one.quantity
        for name in ("rr_ratio", "max_allocation_usdt", "loss_at_stop_usdt", "allowed", "stop_loss_pct"):
            assert getattr(one, name) == getattr(other, name), name
    assert small.market_context.regime is large.market_context.regime
    assert small.confidence.parts == large.confidence.parts


@settings(max_examples=60, deadline=None)
@given(markets())
def test_kept_inputs_give_the_same_digest(drawn: tuple[ProposalFacts, ProposalRequest]) -> None:
    told, request = drawn
    result = propose(told, request=request)
    if not isinstance(result, Proposal):
        return
    payloads = {item.record.sha256: item.payload for item in collect_inputs(told, POLICY)}
    again = remake(result, payloads)
    assert isinstance(again, Proposal)
    assert again.digest == result.digest


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000), cut=st.integers(62, 150))
def test_cutting_the_data_equals_never_having_had_it(seed: int, cut: int) -> None:
    long = walk(200, seed=seed)
    now = long[cut].opened_at + dt.timedelta(hours=12)
    told = facts(daily=long[: cut + 1], hourly=())
    ticker: Ticker = msgspec.structs.replace(told.ticker, observed_at=now)
    short = msgspec.structs.replace(told, ticker=ticker)
    whole = msgspec.structs.replace(short, daily=long)
    one, other = propose(short), propose(whole)
    assert isinstance(one, Proposal)
    assert isinstance(other, Proposal)
    assert one.market_context == other.market_context
    assert variants_of(one) == variants_of(other)
    assert one.confidence == other.confidence
    assert one.rehearsal == other.rehearsal
    assert one.rehearsal is not None


def test_the_facts_of_these_tests_are_sound_ones() -> None:
    assert isinstance(propose(facts()), Proposal)
    assert facts().ticker.observed_at == NOW
    assert facts().portfolio_value_usdt > ZERO
