"""Weight, order counts and bans, in fixed windows of wall time."""

import pytest

from bot.exchange.box.errors import ApiError
from bot.exchange.box.limits import Limits, RateLimits

NOON = 1_800_000_000_000 // 86_400_000 * 86_400_000 + 43_200_000


def refusal(rates: RateLimits, now_ms: int, new_orders: int = 0) -> ApiError | None:
    try:
        rates.check(new_orders, now_ms)
    except ApiError as error:
        return error
    return None


def test_without_limits_everything_is_counted_and_nothing_refused() -> None:
    rates = RateLimits(Limits())
    rates.weigh(10**6, NOON)
    rates.ordered(500, NOON)
    assert refusal(rates, NOON, 1) is None
    assert rates.weight_headers(NOON)["X-MBX-USED-WEIGHT-1M"] == "1000000"
    assert rates.order_headers(NOON) == {"X-MBX-ORDER-COUNT-10S": "500", "X-MBX-ORDER-COUNT-1D": "500"}


def test_weight_starts_anew_with_every_minute() -> None:
    rates = RateLimits(Limits(weight_per_minute=100))
    rates.weigh(100, NOON)
    assert refusal(rates, NOON) is None
    rates.weigh(1, NOON + 20_000)
    refused = refusal(rates, NOON + 20_000)
    assert refused is not None
    assert (refused.status, refused.code, refused.retry_after_s) == (429, -1003, 40)
    assert refusal(rates, NOON + 60_000) is None


@pytest.mark.parametrize(
    ("limits", "window", "rest_s"),
    [(Limits(orders_per_10s=3), "10 SECOND", 10), (Limits(orders_per_day=3), "1 DAY", 43_200)],
)
def test_orders_are_counted_over_ten_seconds_and_over_a_day(limits: Limits, window: str, rest_s: int) -> None:
    rates = RateLimits(limits)
    rates.ordered(2, NOON)
    assert refusal(rates, NOON, 1) is None
    refused = refusal(rates, NOON, 2)
    assert refused is not None
    assert refused.text == f"Too many new orders; current limit is 3 orders per {window}."
    assert (refused.status, refused.code, refused.retry_after_s) == (429, -1015, rest_s)
    assert refusal(rates, NOON, 0) is None, "only new orders are refused"


def test_who_goes_on_is_banned_longer_every_time() -> None:
    rates, now, waits = RateLimits(Limits(weight_per_minute=0)), NOON, []
    for _ in range(3):
        refused = refusal(rates, now)
        for _ in range(20):
            rates.weigh(1, now)
            refused = refusal(rates, now)
        assert refused is not None
        assert refused.status == 418
        assert refused.retry_after_s is not None
        until = now + refused.retry_after_s * 1_000
        assert refused.text.startswith(f"Way too much request weight used; IP banned until {until}. ")
        waits.append(refused.retry_after_s)
        now += refused.retry_after_s * 1_000 + 60_000
    assert waits == [120, 240, 480]


def test_a_ban_ends() -> None:
    rates = RateLimits(Limits())
    rates.ban(5, NOON)
    refused = refusal(rates, NOON + 1)
    assert refused is not None
    assert (refused.status, refused.retry_after_s) == (418, 5)
    assert refusal(rates, NOON + 5_000) is None
