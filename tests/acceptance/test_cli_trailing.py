"""A stop that follows the price, by the command line: typed in prices, percents or ATRs, shown in prices."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_cli_override_exit import entry
from tests.acceptance.test_rules_settings import tighten
from tests.fakes.cli_calls import call

D = Decimal


def try_out(home: Path, *words: str) -> Any:
    return call(home, "override", "ETH", *words, "--reason", "let it run", "--dry-run")


def then(home: Path, *words: str) -> str:
    """Return what a dry run shows in the row of the trailing stop."""
    said = try_out(home, *words)
    assert said.code == 0, said
    row = next(line for line in said.out.splitlines() if line.startswith("trailing"))
    return " ".join(row.split()).removeprefix("trailing off off ")


def numbers(home: Path) -> tuple[Decimal, Decimal, Decimal]:
    """Return the reference price, the agreed stop and the ATR."""
    told = entry(home)["entry"]
    return D(str(told["reference_price"])), D(str(told["stop_loss"])), D(str(told["atr"]))


def test_without_numbers_the_distance_is_the_rehearsed_one(home: Path) -> None:
    reference, stop, _ = numbers(home)
    assert then(home, "--trailing", "on") == f"on, {reference - stop} below the highest price"


def test_percents_and_atrs_are_shown_as_the_prices_that_they_become(home: Path) -> None:
    reference, _, atr = numbers(home)
    shown = then(home, "--trailing-activation", "2%", "--trailing-distance", "0.5ATR")
    distance, activation = shown.removeprefix("on, ").split(" below the highest price, from ")
    assert D(activation.removesuffix(" on")) == reference * D("1.02")
    assert D(distance) == atr / 2


def test_numbers_alone_switch_it_on(home: Path) -> None:
    reference, *_ = numbers(home)
    price = (reference * D("1.02")).quantize(D(1))
    shown = then(home, "--trailing-activation", str(price), "--trailing-distance", "50")
    assert shown == f"on, 50 below the highest price, from {price} on"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--trailing", "off", "--trailing-distance", "50"), "trailing_invalid"),
        (("--trailing-activation", "99999"), "trailing_invalid"),
        (("--trailing-distance", "0.1%"), "stop_too_close"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anybody_confirms(
    home: Path, words: tuple[str, ...], code: str
) -> None:
    said = try_out(home, *words)
    assert said.code == 5, said
    assert f"[{code}]" in said.err


@pytest.mark.parametrize("typed", ["far", "-3", "0%", "5 EUR", "%"])
def test_a_distance_that_is_no_number_is_a_typing_error(home: Path, typed: str) -> None:
    assert try_out(home, "--trailing-distance", typed).code == 2


def test_a_confirmed_override_is_kept_and_told(home: Path) -> None:
    words = ("override", "ETH", "--trailing", "on", "--trailing-distance", "60", "--reason", "let it run")
    seen = call(home, *words, "--dry-run").out.split("digest ")[1][:8]
    done = call(home, *words, "--confirm", "ETH:override", "--digest", seen)
    assert done.code == 8, done
    assert call(home, "worker", "--once").code == 0
    assert entry(home)["entry"]["overrides"]["trailing"] == {"enabled": True, "distance": 60}


def test_every_screen_of_the_coin_tells_that_its_stop_follows(home: Path) -> None:
    test_a_confirmed_override_is_kept_and_told(home)
    told = "60 below the highest price, as soon as that is above the agreed stop"
    for words in (("holdings", "show", "ETH"), ("explain", "ETH", "--offline"), ("positions", "show", "ETH")):
        said = call(home, *words)
        assert said.code == 0, said
        row = next(line for line in said.out.splitlines() if line.startswith("trailing"))
        assert " ".join(row.split()) == f"trailing {told}"
    for listing in (("holdings", "ls"), ("status",)):
        data = call(home, *listing, "--json").document()["data"]
        lines = data if isinstance(data, list) else data["holdings"]
        line = next(line for line in lines if line["asset"] == "ETH")
        assert line["trailing"]["live_stop_loss"] == line["stop_loss"]


def test_explain_says_why_nothing_new_is_opened_in_a_coin(home: Path) -> None:
    def left_out(asset: str) -> Any:
        return call(home, "explain", asset, "--offline", "--json").document()["data"].get("left_out")

    assert left_out("ETH") is None
    assert left_out("USDT")["reason"] == "is_quote"
    assert left_out("DOGE")["reason"] == "frozen"
    tighten(home, "risk.blacklist=ETH")
    assert left_out("ETH")["reason"] == "blacklisted"
    assert "nothing new is opened: ETH is on the blacklist [blacklisted]" in (
        " ".join(call(home, "explain", "ETH", "--offline").out.split())
    )
