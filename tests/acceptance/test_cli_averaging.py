"""Averaging by the command line: agreed in two steps by an admin, shown wherever the coin is shown."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.kernel.exit_codes import ExitCode
from tests.fakes.bot_world import BotWorld, words_of
from tests.fakes.buying_world import CAPITAL, TERMS, buying_world, fall_to_step
from tests.fakes.cli_calls import Said, call

D = Decimal
ASKED = ("override", "ETH", "--dca", "steps=3,step=5%,max=300", "--reason", "lower")


def shown(said: Said) -> str:
    return " ".join(said.out.split())


def test_averaging_is_agreed_in_two_steps_and_says_what_it_may_cost(home: Path) -> None:
    tried = call(home, *ASKED, "--dry-run")
    assert tried.code == 0, tried
    assert "3 steps of 5 %, 300 in all" in tried.out
    assert "may buy ETH for up to 300 by itself" in tried.out
    assert "risk.investable_capital_usdt" in tried.out, "by default nothing is bought"
    assert call(home, *ASKED).code != 0, "it raises risk: a confirmation is asked for"
    digest = re.search(r"digest ([0-9a-f]{8})", tried.out)
    assert digest is not None
    done = call(home, *ASKED, "--confirm", "ETH:override", "--digest", digest[1])
    assert done.code == ExitCode.PARTLY_OR_UNKNOWN, "queued: no worker runs here"
    assert call(home, "worker", "--once").code == 0
    assert "0 of 3 steps bought" in shown(call(home, "positions", "show", "ETH"))
    assert call(home, "override", "ETH", "--dca", "off", "--reason", "enough", "--dry-run").code == 0


@pytest.mark.parametrize("words", ["3", "steps=3", "steps=3,step=5%,max=many", "steps=x,step=5,max=3", "on"])
def test_other_words_are_refused_with_the_right_ones(home: Path, words: str) -> None:
    said = call(home, "override", "ETH", "--dca", words, "--reason", "x")
    assert said.code == 2
    assert "steps=3,step=5%,max=300" in said.err


@pytest.mark.parametrize("words", ["steps=0,step=5,max=3", "steps=40,step=1,max=3", "steps=3,step=40,max=9"])
def test_terms_out_of_range_are_refused_by_name(home: Path, words: str) -> None:
    said = call(home, "override", "ETH", "--dca", words, "--reason", "x", "--dry-run")
    assert said.code != 0
    assert "averaging cannot be agreed like that" in said.err or "payload" in said.err


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BotWorld]:
    with pytest.MonkeyPatch.context() as patch, buying_world(tmp_path / "home") as made:
        for name, value in CAPITAL.items():
            patch.setenv(name, value)
        yield made


def test_positions_explain_and_orders_tell_what_was_bought_and_what_is_left(world: BotWorld) -> None:
    told = shown(call(world.root, "explain", "SOL"))
    assert "buy step 1 of 3, for 200.00 at most" in told
    fall_to_step(world, 1)
    assert "buy_filled" in words_of(world.cycle())
    world.cycle()
    entry = world.entry("SOL")
    told = shown(call(world.root, "positions", "show", "SOL"))
    assert "1 of 3 steps bought" in told
    left = TERMS["max_additional_usdt"] - (entry.bought_quote or D(0))
    assert f"{left:.2f} left" in told
    assert "average cost" in told
    document = call(world.root, "positions", "show", "SOL", "--json").document()
    line = document.get("data", document)
    assert D(str(line["bought_quantity"])) == entry.bought_quantity
    assert line.get("journal_agrees", True) is True
    average = (D(5) * (entry.synthetic_entry or 0) + (entry.bought_quote or 0)) / (
        5 + (entry.bought_quantity or 0)
    )
    assert abs(D(str(line["average_cost"])) - average) < D("0.00000001")
    orders = shown(call(world.root, "orders", "ls"))
    assert "buy" in orders
    assert "dca_step_1" in orders
    told = shown(call(world.root, "explain", "SOL"))
    assert "buy step 2 of 3" in told
    world.fall_to_stop("SOL")
    world.cycle()
    line = call(world.root, "positions", "ls", "--json").document()
    assert "SOL" in str(line)
