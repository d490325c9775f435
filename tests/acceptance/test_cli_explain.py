"""`bot explain`: why it is so, and what comes next."""

from pathlib import Path

import pytest

from bot.storage.home import Home
from tests.fakes.bot_world import BotWorld
from tests.fakes.cli_calls import call


def test_a_coin_in_the_bots_hands_is_explained_with_price_and_distance(
    prepared: BotWorld, home: Path
) -> None:
    said = call(home, "explain", "eth")
    assert said.code == 0, said
    assert f"price now    {prepared.box.control.price('ETH/USDT').normalize():f}" in said.out
    assert "when the last price is at or below" in said.out
    assert "% away" in said.out
    assert "NOT PROTECTED" in said.out
    assert "You can: bot pause ETH" in said.out
    data = call(home, "explain", "ETH", "--json").document()["data"]
    assert {step["price"] for step in data["next_steps"]} == {
        data["holding"]["stop_loss"],
        data["holding"]["take_profit"],
    }


def test_it_works_from_the_files_alone_where_the_exchange_is_silent(home: Path) -> None:
    said = call(home, "explain", "ETH", "--offline")
    assert said.code == 0
    assert "% away" not in said.out
    assert "at or below" in said.out


@pytest.mark.parametrize(
    ("asset", "tells"), [("SOL", "when its time is over"), ("DOGE", "nobody handed it over")]
)
def test_what_waits_and_what_is_frozen_is_explained(home: Path, asset: str, tells: str) -> None:
    said = call(home, "explain", asset)
    assert (said.code, tells in said.out) == (0, True)


def test_the_last_refusal_of_a_coin_is_told_with_rule_and_numbers(home: Path) -> None:
    call(home, "release", "ETH")
    said = call(home, "explain", "ETH", "--offline")
    assert "The last refusal" in said.out
    assert "[pause_first]" in said.out
    assert "to do: bot pause ETH, then bot release ETH" in said.out


def test_a_command_that_the_database_never_took_is_explained_from_the_audit(home: Path) -> None:
    place = Home(home).sql
    for path in place.parent.glob(f"{place.name}*"):
        path.unlink()
    place.mkdir()
    uid = call(home, "pause", "ETH", "--json").document()["data"]["uid"]
    place.rmdir()
    shown = call(home, "commands", "show", uid)
    assert (shown.code, f"bot explain {uid}" in shown.err) == (2, True), shown
    told = call(home, "explain", uid)
    assert told.code == 0, told
    assert "the audit does" in told.out
    assert "managed.asset_paused" in told.out


def test_a_command_is_explained_by_the_beginning_of_its_id(home: Path) -> None:
    refused = call(home, "pause", "SOL", "--json").document()["data"]["uid"]
    said = call(home, "explain", refused[:8])
    assert said.code == 0, said
    assert refused in said.out
    assert "rule" in said.out
    assert "The asset's state does not allow this step." in said.out
    applied = call(home, "pause", "ETH", "--json").document()["data"]["uid"]
    assert "managed_active -> managed_paused (T07)" in call(home, "explain", applied[:13]).out


def test_a_command_is_explained_from_the_logs_where_the_database_is_silent(home: Path) -> None:
    refused = call(home, "pause", "SOL", "--json").document()["data"]["uid"]
    applied = call(home, "pause", "ETH", "--json").document()["data"]["uid"]
    for path in Home(home).sql.parent.glob(f"{Home(home).sql.name}*"):
        path.unlink()
    Home(home).sql.mkdir()
    assert "The asset's state does not allow this step." in call(home, "explain", refused).out
    assert "managed.asset_paused" in call(home, "explain", applied).out


def test_a_reason_is_explained_with_where_it_was_met(home: Path) -> None:
    call(home, "release", "ETH")
    said = call(home, "explain", "PAUSE_FIRST")
    assert said.code == 0
    assert "exit code  5" in said.out
    assert "release_managed_asset by user_" in said.out


@pytest.mark.parametrize(
    ("word", "hint"),
    [("ETHH", "Did you mean ETH?"), ("pause_frist", "Did you mean pause_first?"), ("zzzz", "")],
)
def test_an_unknown_word_gets_a_hint(home: Path, word: str, hint: str) -> None:
    said = call(home, "explain", word)
    assert (said.code, hint in said.err, len(said.err.splitlines())) == (2, True, 4)
