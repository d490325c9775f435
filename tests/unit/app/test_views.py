"""Hints for what was mistyped."""

from bot.app.views import did_you_mean


def test_a_close_name_is_suggested() -> None:
    assert did_you_mean("SOLL", ["BTC", "SOL"]) == "Did you mean SOL?"


def test_nothing_close_gives_no_hint() -> None:
    assert did_you_mean("XYZ", ["BTC", "SOL"]) == ""
    assert did_you_mean("SOL", []) == ""
