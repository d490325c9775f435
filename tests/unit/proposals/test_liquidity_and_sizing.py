"""What selling costs, and how much a plan may take."""

from decimal import Decimal

import pytest

from bot.kernel.market import BookLevel, OrderBook
from bot.proposals.document import SizingLimits
from bot.proposals.liquidity import Liquidity, average_sell_price, measure_liquidity
from bot.proposals.policy import LiquidityPolicy
from bot.proposals.sizing import LimitedBy, Size, size_variant, sizing_limits
from tests.unit.proposals.proposal_facts import NOW, D, rules

BOOK = OrderBook(
    symbol="SOL/USDT",
    bids=(
        BookLevel(price=D(99), quantity=D(1)),
        BookLevel(price=D("98.5"), quantity=D(2)),
        BookLevel(price=D(90), quantity=D(10)),
    ),
    asks=(BookLevel(price=D(101), quantity=D(1)),),
    observed_at=NOW,
)


def liquidity(quantity: str, volume: str = "1000000") -> Liquidity:
    return measure_liquidity(
        BOOK, quantity=D(quantity), volume_24h_usdt=D(volume), policy=LiquidityPolicy(depth_band=D("0.02"))
    )


def test_selling_walks_the_bids_from_the_best_down() -> None:
    assert average_sell_price(BOOK.bids, D(1)) == D(99)
    assert average_sell_price(BOOK.bids, D(2)) == D("98.75")
    assert average_sell_price(BOOK.bids, D(13)) == (D(99) + D(197) + D(900)) / 13
    assert average_sell_price(BOOK.bids, D("13.001")) is None


def test_cost_and_spread_are_measured_against_mid() -> None:
    measured = liquidity("2")
    assert measured.mid_price == D(100)
    assert measured.spread_pct == D(2)
    assert measured.sell_cost_bps == D(125)
    assert measured.depth_1pct_usdt == D(296)  # 99 * 1 + 98.5 * 2; the bid at 90 is out of the band


def test_the_score_falls_with_cost_and_with_weight_in_the_days_volume() -> None:
    cheap, small = liquidity("1"), liquidity("1", "10000")
    assert cheap.score == D("0.30")  # 100 bps cost: the cost part is gone, the volume part is nearly full
    assert small.score == D(0)  # 100 USDT of 10,000 is a whole percent
    assert liquidity("1", "0").score == D(0)


def test_a_book_shorter_than_the_position_is_never_extrapolated() -> None:
    measured = liquidity("14")
    assert measured.sell_cost_bps is None
    assert measured.bid_quantity == D(13)
    assert measured.score <= D("0.3")


def limits(portfolio: str = "10000", concentration: str = "0.25", risk: str = "0.01") -> SizingLimits:
    return sizing_limits(
        portfolio_value=D(portfolio),
        risk_share=D(risk),
        concentration_share=D(concentration),
        investable=D(0),
    )


def size(
    *,
    share: str = "1",
    stop: str = "90",
    base_stop: str = "90",
    requested: str = "10",
    caps: SizingLimits | None = None,
    **rule_changes: object,
) -> Size:
    return size_variant(
        share=D(share),
        base_stop=D(base_stop),
        stop=D(stop),
        reference=D(100),
        requested_quantity=D(requested),
        limits=caps or limits(),
        rules=rules(**rule_changes),
    )


def test_a_small_position_is_taken_whole_to_the_last_step() -> None:
    sized = size(requested="5.017")
    assert (sized.limited_by, sized.quantity) == (LimitedBy.POSITION_VALUE, D("5.017"))
    assert sized.max_allocation_usdt == D("501.7")
    assert sized.max_allocation_pct_of_portfolio == D("5.01")
    assert sized.loss_at_stop_usdt == D("50.17")


def test_the_risk_budget_divided_by_the_stops_distance_is_a_cap() -> None:
    sized = size(requested="100")  # 1 % of 10,000 over a stop 10 % away
    assert (sized.limited_by, sized.max_allocation_usdt) == (LimitedBy.RISK_BUDGET, D(1000))
    assert (sized.quantity, sized.loss_at_stop_usdt) == (D(10), D(100))


def test_the_concentration_is_a_cap() -> None:
    sized = size(requested="100", caps=limits(concentration="0.05"))
    assert (sized.limited_by, sized.max_allocation_usdt) == (LimitedBy.CONCENTRATION_CAP, D(500))


def test_a_cautious_share_takes_its_part_of_the_recommended_allocation() -> None:
    sized = size(share="0.5", requested="10", stop="84")
    assert (sized.limited_by, sized.quantity) == (LimitedBy.VARIANT_SHARE, D(5))


def test_a_share_above_one_is_still_held_by_position_and_risk() -> None:
    assert size(share="1.5", requested="10").limited_by is LimitedBy.POSITION_VALUE
    risky = size(share="1.5", requested="100")
    assert (risky.limited_by, risky.loss_at_stop_usdt) == (LimitedBy.RISK_BUDGET, D(100))


def test_the_largest_market_order_is_a_cap_because_the_exit_is_one() -> None:
    sized = size(requested="10", max_quantity=D(9000), max_market_quantity=D(4))
    assert (sized.limited_by, sized.quantity) == (LimitedBy.EXCHANGE_MAXIMUM, D(4))


@pytest.mark.parametrize(("step", "expected"), [("1", "3"), ("0.1", "3.3"), ("0", "3.33333333")])
def test_quantities_round_down_onto_the_step(step: str, expected: str) -> None:
    sized = size(requested="100", caps=limits(risk="0.0033333333333"), step_size=D(step))
    assert sized.quantity == min(D(expected), sized.max_allocation_usdt / 100)


def test_a_loss_rounds_up_to_the_next_cent() -> None:
    assert size(requested="0.333", stop="99.99", base_stop="99.99").loss_at_stop_usdt == D("0.01")


def test_a_portfolio_worth_nothing_allows_nothing() -> None:
    sized = size(caps=limits(portfolio="0"))
    assert (sized.quantity, sized.max_allocation_pct_of_portfolio) == (Decimal(0), Decimal(0))
