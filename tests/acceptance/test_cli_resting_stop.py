"""Where a stop rests and what happens if the bot dies, on every screen that shows the coin."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.cli_calls import call


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotWorld]:
    home = tmp_path_factory.mktemp("resting") / "home"
    with bot_world(home, environ={"BOT_TRADING_RESTING_STOP": "on"}) as made:
        made.hand_over("SOL")
        made.hand_over("ETH", quantity=1)
        stop = made.entry("ETH").resting_stop
        assert stop is not None
        made.pause("ETH", "off")
        yield made


def screen(world: BotWorld, *words: str) -> str:
    """Return what a command prints, as one line."""
    said = call(world.root, *words)
    assert said.code == 0, said
    return " ".join(said.out.split())


@pytest.mark.parametrize(
    "words",
    [("holdings", "show", "SOL"), ("explain", "SOL", "--offline"), ("positions", "show", "SOL", "--offline")],
)
def test_a_screen_of_one_coin_says_what_the_exchange_does_if_the_bot_dies(
    world: BotWorld, words: tuple[str, ...]
) -> None:
    stop = world.entry("SOL").resting_stop
    assert stop is not None
    sale = f"the exchange sells {stop.quantity} SOL at {stop.stop_price}, down to {stop.limit_price}"
    told = screen(world, *words)
    assert sale in told
    assert "f the bot dies" in told
    assert "NOT PROTECTED" not in told


def test_the_first_screen_shows_where_it_rests_and_that_nothing_else_guards_it(world: BotWorld) -> None:
    told = screen(world, "status")
    stop = world.entry("SOL").resting_stop
    assert stop is not None
    assert f"stop rests at the exchange at {stop.stop_price}" in told
    assert "no loop runs: of SOL only the stop works, at the exchange" in told


def test_a_stop_that_must_go_is_shown_as_resting_until_that_is_confirmed(world: BotWorld) -> None:
    told = screen(world, "holdings", "show", "ETH")
    assert "the exchange may still sell" in told
    assert "its stop must go (exits_are_off), and rests till it has" in told
    assert "NOT PROTECTED" in told
    assert "ETH: if the bot dies, the exchange may still sell" in screen(world, "status")


def test_the_orders_say_at_which_price_it_rests(world: BotWorld) -> None:
    stop = world.entry("SOL").resting_stop
    assert stop is not None
    assert f"stop_loss, rests at {stop.stop_price}" in screen(
        world, "orders", "ls", "--asset", "SOL", "--live"
    )


def test_a_coin_whose_stop_does_not_rest_says_so(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as plain:
        plain.hand_over("SOL")
        told = screen(plain, "holdings", "show", "SOL")
    assert "If the bot dies, nobody sells it at its stop (setting trading.resting_stop)." in told


def test_programs_get_the_same_facts(world: BotWorld) -> None:
    holding = call(world.root, "holdings", "show", "SOL", "--json").document()["data"]["holding"]
    stop = world.entry("SOL").resting_stop
    assert stop is not None
    assert holding["resting_stop"]["client_order_id"] == stop.client_order_id
    assert holding["resting_stop"]["is_confirmed"] is True
    assert holding["if_the_bot_dies"].startswith("the exchange sells")


def test_a_coin_whose_exits_are_off_has_nothing_to_lose_by_it(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as plain:
        plain.hand_over("SOL")
        plain.pause("SOL", "off")
        told = screen(plain, "explain", "SOL", "--offline")
    assert "If the bot dies, nothing changes for it: no exit leaves now anyway (exits_are_off)." in told
