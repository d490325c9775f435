"""An exchange that is stopped and started again goes on as if nothing had been."""

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.exchange.box import persistence
from bot.exchange.box.errors import ApiError
from bot.exchange.box.exchange import Exchange
from bot.exchange.box.orders import Kind
from tests.fakes.box_exchange import advance, box_exchange, force, place, place_oco, stopped_time

prices = st.integers(12_000, 17_500).map(lambda value: f"{value // 100}.{value % 100:02d}")
amounts = st.integers(40, 40_000).map(lambda value: f"{value / 1000:.3f}")
steps = st.one_of(
    st.tuples(st.just("MARKET"), st.sampled_from(["BUY", "SELL"]), amounts, prices),
    st.tuples(st.just("LIMIT"), st.sampled_from(["BUY", "SELL"]), amounts, prices),
    st.tuples(st.just("STOP_LOSS"), st.sampled_from(["BUY", "SELL"]), amounts, prices),
    st.tuples(st.just("trail"), st.sampled_from(["BUY", "SELL"]), amounts, prices),
    st.tuples(st.just("oco"), st.just("SELL"), amounts, prices),
    st.tuples(st.just("wipe"), st.just(""), st.just(""), st.just("")),
    st.tuples(st.just("force"), st.just(""), st.just(""), prices),
    st.tuples(st.just("advance"), st.just(""), amounts, st.just("")),
)


def act(exchange: Exchange, step: tuple[str, str, str, str]) -> str | None:
    """Do a step and return the refusal, if any."""
    name, side, amount, price = step
    try:
        if name == "force":
            force(exchange, price)
        elif name == "advance":
            advance(exchange, int(float(amount) * 1_000))
        elif name == "trail":
            place(exchange, side, "STOP_LOSS", amount, trailing_bps=150)
        elif name == "oco":
            above = {"kind": Kind.LIMIT_MAKER, "price": str(Decimal(price) + 20)}
            place_oco(exchange, side, amount, above, {"kind": Kind.STOP_LOSS, "stop_price": "100"})
        elif name == "wipe":
            exchange.wipe()
        else:
            field = {"LIMIT": {"price": price}, "STOP_LOSS": {"stop_price": price}}.get(name, {})
            place(exchange, side, name, amount, **field)
    except ApiError as refused:
        return refused.text
    return None


def restarted(exchange: Exchange) -> Exchange:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box.json"
        persistence.save(path, exchange.snapshot())
        kept = persistence.load(path)
    assert kept is not None
    return Exchange(kept, time_source=stopped_time)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(before=st.lists(steps, max_size=8), after=st.lists(steps, max_size=8))
def test_a_restarted_exchange_continues_identically(before: list[Any], after: list[Any]) -> None:
    exchange = box_exchange()
    for step in before:
        act(exchange, step)
    again = restarted(exchange)
    assert msgspec.to_builtins(again.snapshot()) == msgspec.to_builtins(exchange.snapshot())
    for step in after:
        assert act(again, step) == act(exchange, step)
    assert msgspec.to_builtins(again.snapshot()) == msgspec.to_builtins(exchange.snapshot())
