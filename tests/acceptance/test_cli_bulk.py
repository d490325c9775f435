"""Q-MH-5: many coins at once, one command each, one summary."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from tests.fakes.bot_world import bot_world
from tests.fakes.cli_calls import call


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Path]:
    """ETH and SOL in the bot's hands, DOGE frozen."""
    wallet = {"SOL": Decimal(25), "ETH": Decimal(2), "DOGE": Decimal(12_000), "USDT": Decimal(10_000)}
    with bot_world(tmp_path / "home", clock=SystemClock(), seed=22, wallet=wallet) as world:
        world.hand_over("ETH")
        world.hand_over("SOL")
        world.app.close()
        yield world.root


def states(home: Path) -> dict[str, str]:
    return {
        line["asset"]: line["state"] for line in call(home, "holdings", "ls", "--json").document()["data"]
    }


def test_q_mh_5_pause_all_pauses_each_coin_that_is_traded(two: Path) -> None:
    said = call(two, "pause", "--all", "--exits", "off")
    assert said.code == 0, said
    assert "ETH: managed_active -> managed_paused" in said.out
    assert "SOL: managed_active -> managed_paused" in said.out
    assert said.out.splitlines()[-1] == "2 of 2 done"
    assert (states(two)["ETH"], states(two)["SOL"]) == ("managed_paused", "managed_paused")
    again = call(two, "pause", "--all")
    assert (again.code, again.out) == (0, "No coin is being traded; nothing to pause.\n")


def test_a_pause_of_all_with_exits_off_reaches_what_is_paused_with_exits_on(two: Path) -> None:
    call(two, "pause", "ETH")
    assert call(two, "pause", "--all", "--exits", "off").out.splitlines()[-1] == "2 of 2 done"


def test_some_refused_is_8_and_every_coin_is_told(two: Path) -> None:
    call(two, "pause", "ETH")
    said = call(two, "release", "--all")
    assert said.code == 8
    assert "ETH: managed_paused -> release_pending" in said.out
    assert "[pause_first]" in said.err
    assert said.out.splitlines()[-1] == "1 of 2 done"
    assert (states(two)["ETH"], states(two)["SOL"]) == ("release_pending", "managed_active")


def test_all_refused_is_the_refusals_own_code(two: Path) -> None:
    assert call(two, "release", "--all").code == 5


def test_q_mh_5_release_all_with_pause_takes_every_coin_back(two: Path) -> None:
    said = call(two, "release", "--all", "--pause", "--mode", "immediate")
    assert said.code == 0, said
    call(two, "worker", "--once")
    assert {states(two)[name] for name in ("ETH", "SOL")} == {"frozen"}


def test_the_bulk_is_one_document(two: Path) -> None:
    document = call(two, "release", "--all", "--json").document()
    assert document["schema"] == "bot-bulk-1"
    assert [(item["asset"], item["exit_code"]) for item in document["data"]] == [("ETH", 5), ("SOL", 5)]
    assert document["data"][0]["error"]["code"] == "pause_first"
    assert call(two, "pause", "ETH", "--json").document()["schema"] == "bot-command-1"


def test_several_coins_are_named_and_a_dry_run_changes_nothing(two: Path) -> None:
    said = call(two, "pause", "ETH", "SOL", "--dry-run")
    assert said.out.splitlines()[-1] == "2 of 2 would be done"
    assert states(two)["ETH"] == "managed_active"


def test_the_same_key_gives_each_coin_the_same_answer(two: Path) -> None:
    first = call(two, "pause", "ETH", "SOL", "--key", "k", "--json").document()["data"]
    again = call(two, "pause", "ETH", "SOL", "--key", "k", "--json").document()["data"]
    uids = [[item["answers"][0]["uid"] for item in data] for data in (first, again)]
    assert uids[0] == uids[1]
    assert len(set(uids[0])) == 2


@pytest.mark.parametrize("words", [("pause",), ("pause", "ETH", "--all"), ("release",)])
def test_coins_or_all_but_not_both_and_not_neither(home: Path, words: tuple[str, ...]) -> None:
    assert call(home, *words).code == 2
