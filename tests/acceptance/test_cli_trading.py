"""`bot trading`: who may, what is typed, what the screens say."""

from pathlib import Path

import pytest

from tests.fakes.cli_calls import call, call_terminal


def halted(home: Path, *more: str) -> None:
    assert call(home, "trading", "halt", "--reason", "moving house", *more).code == 0


def test_a_halt_is_applied_at_once_and_told_everywhere(home: Path) -> None:
    assert "no halt" in call(home, "trading", "status").out
    halted(home)
    document = call(home, "status", "--json").document()
    halt = document["data"]["trading_halt"]
    assert (halt["code"], halt["text"], halt["exits"]) == ("halted_by_hand", "moving house", "on")
    assert document["warnings"][0].startswith("TRADING IS HALTED: moving house [halted_by_hand]")
    told = call(home, "status").out.splitlines()
    assert told[1].startswith("TRADING IS HALTED"), "right below the header"
    assert "TRADING IS HALTED" in call(home, "explain", "ETH", "--offline").out
    assert "TRADING IS HALTED" not in call(home, "explain", "DOGE", "--offline").out, "it is not the bot's"
    doctor = call(home, "doctor", "--offline", "--json").document()["data"]
    assert [check["verdict"] for check in doctor if check["name"] == "trading"] == ["WARN"]


def test_a_halt_with_exits_off_says_which_coins_are_bare(home: Path) -> None:
    halted(home, "--exits", "off")
    assert "NOT PROTECTED: trading is halted with exits off" in call(home, "holdings", "show", "ETH").out
    assert "exits      off: no new order leaves at all" in call(home, "trading", "status").out
    refused = call(home, "exit", "ETH", "--confirm", "ETH:exit")
    assert (refused.code, "[trading_halted]" in refused.err) == (5, True)


def test_the_halts_code_is_typed_to_resume(home: Path) -> None:
    halted(home)
    alone = call(home, "trading", "resume")
    assert (alone.code, "--confirm resume:halted_by_hand" in alone.err) == (2, True)
    wrong = call(home, "trading", "resume", "--confirm", "resume:stale_data")
    assert (wrong.code, "[confirmation_wrong]" in wrong.err) == (5, True)
    typed = call_terminal(home, "trading", "resume", types="resume:halted_by_hand\n")
    assert typed.code == 8, typed  # it waits on the bus: nobody works in this home
    assert call(home, "worker", "--once").code == 0
    assert call(home, "trading", "status", "--json").document()["data"]["halted"] is False


def test_who_is_not_asked_to_confirm_what_the_rules_forbid(home: Path) -> None:
    refused = call(home, "trading", "resume", "--confirm", "resume:stale_data")
    assert (refused.code, "[trading_not_halted]" in refused.err) == (5, True)
    halted(home)
    again = call(home, "trading", "halt")
    assert (again.code, "[trading_halted_already]" in again.err) == (5, True)


@pytest.mark.parametrize("words", [("halt",), ("resume", "--confirm", "resume:halted_by_hand")])
def test_a_dry_run_changes_nothing(home: Path, words: tuple[str, ...]) -> None:
    if words[0] == "resume":
        halted(home)
    before = call(home, "trading", "status", "--json").document()["data"]
    assert call(home, "trading", *words, "--dry-run").code == 0
    assert call(home, "trading", "status", "--json").document()["data"] == before


def test_the_settings_say_how_a_switched_off_watchdog_is_confirmed(home: Path) -> None:
    refused = call(home, "settings", "set", "watchdog.stale_data_s=0")
    assert refused.code != 0
    confirmed = call(home, "settings", "set", "watchdog.stale_data_s=0", "--confirm", "watchdog.stale_data_s")
    assert confirmed.code in {0, 8}, confirmed
    call(home, "worker", "--once")
    assert "stale_data_s is OFF" in call(home, "trading", "status").out
    doctor = call(home, "doctor", "--offline").out
    assert "watchdog.stale_data_s is off" in doctor
