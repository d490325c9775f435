"""C1 and the forced exit through the command line: shown first, typed, then done."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_cli_decisions import files
from tests.fakes.cli_calls import call, call_terminal


def entry(home: Path, asset: str = "ETH") -> dict[str, Any]:
    data: dict[str, Any] = call(home, "holdings", "show", asset, "--json").document()["data"]
    return data


def new_stop(home: Path, share: float = 1.01) -> str:
    return f"{float(entry(home)['entry']['stop_loss']) * share:.2f}"


def digest_shown(home: Path, *words: str) -> str:
    said = call(home, "override", "ETH", *words, "--dry-run")
    assert said.code == 0, said
    return said.out.split("digest ")[1][:8]


def test_c1_an_override_shows_approved_now_and_then_and_sets_the_live_level(home: Path) -> None:
    stop = new_stop(home)
    said = call_terminal(
        home,
        *("override", "ETH", "--stop-loss", stop, "--reason", "support moved"),
        types="ETH:override\n",
        variables={"NO_COLOR": "1"},
    )
    assert said.code == 8, said
    assert "level      approved" in said.out
    assert said.out.index("level      approved") < said.out.index("Type ETH:override to set these levels")
    assert call(home, "worker", "--once").code == 0
    told = entry(home)
    assert str(told["holding"]["stop_loss"]) == stop
    assert str(told["entry"]["stop_loss"]) != stop, "the promotion's own value stays on record"
    assert f"{stop} (by hand; approved" in call(home, "holdings", "show", "ETH").out


def test_without_a_terminal_an_override_needs_words_and_digest(home: Path) -> None:
    words = ("--stop-loss", new_stop(home), "--reason", "x")
    before = files(home)
    assert call(home, "override", "ETH", *words).code == 2
    assert call(home, "override", "ETH", *words, "--confirm", "ETH:override").code == 2
    wrong = call(home, "override", "ETH", *words, "--confirm", "ETH:override", "--digest", "00000000")
    assert (wrong.code, "[digest_mismatch]" in wrong.err) == (6, True)
    seen = digest_shown(home, *words)
    slip = call(home, "override", "ETH", *words, "--confirm", "eth:override", "--digest", seen)
    assert (slip.code, "[confirmation_wrong]" in slip.err) == (5, True)
    assert files(home) == before
    done = call(home, "override", "ETH", *words, "--confirm", "ETH:override", "--digest", seen)
    assert done.code == 8


def test_a_digest_counts_for_the_levels_that_were_seen_only(home: Path) -> None:
    words = ("--stop-loss", new_stop(home), "--reason", "x")
    seen = digest_shown(home, *words)
    other = ("--stop-loss", new_stop(home, 1.02), "--reason", "x")
    said = call(home, "override", "ETH", *other, "--confirm", "ETH:override", "--digest", seen)
    assert said.code == 6
    call(home, "pause", "ETH")
    assert call(home, "override", "ETH", *words, "--confirm", "ETH:override", "--digest", seen).code == 6


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--stop-loss", "999999"), "levels_out_of_order"),
        (("--take-profit", "0.01"), "levels_out_of_order"),
        ((), "nothing_to_change"),
    ],
)
def test_what_the_rules_forbid_is_refused_before_anybody_is_asked(
    home: Path, words: tuple[str, ...], code: str
) -> None:
    before = files(home)
    said = call_terminal(home, "override", "ETH", *words, "--reason", "x")
    assert f"[{code}]" in said.out
    assert "Type ETH:override" not in said.out
    assert files(home) == before


def test_an_override_keeps_the_distance_of_m3(home: Path) -> None:
    close = f"{float(entry(home)['entry']['reference_price']) * 0.9999:.2f}"
    said = call(home, "override", "ETH", "--stop-loss", close, "--reason", "x", "--dry-run")
    assert (said.code, "[stop_too_close]" in said.err) == (5, True), said


def test_an_exit_is_typed_and_applied_here_and_says_how_to_watch(home: Path) -> None:
    said = call_terminal(home, "exit", "ETH", types="ETH:exit\n", variables={"NO_COLOR": "1"})
    assert said.code == 0, said
    assert said.out.index("would be sold") < said.out.index("Type ETH:exit to sell it")
    assert "bot run --once" in said.out
    assert "bot explain ETH" in " ".join(said.out.split())
    assert "in the loop's next cycle: ordered by hand" in call(home, "explain", "ETH", "--offline").out


def test_wrong_words_or_none_sell_nothing(home: Path) -> None:
    before = files(home)
    assert call(home, "exit", "ETH").code == 2
    assert call(home, "exit", "ETH", "--confirm", "ETH:EXIT").code == 5
    assert call_terminal(home, "exit", "ETH", types="\n").code == 5
    assert call_terminal(home, "exit", "ETH", types="yes\n").code == 5
    tried = call(home, "exit", "ETH", "--dry-run")
    assert (tried.code, "nothing was changed (dry run)" in tried.out) == (0, True)
    assert files(home) == before


@pytest.mark.parametrize("words", [("exit", "SOL"), ("override", "SOL", "--stop-loss", "1", "--reason", "x")])
def test_a_coin_that_is_not_in_the_bots_hands_is_refused(home: Path, words: tuple[str, ...]) -> None:
    said = call(home, *words)
    assert (said.code, "[transition_not_allowed]" in said.err) == (5, True)


def test_hands_off_refuses_an_exit(home: Path) -> None:
    call(home, "pause", "ETH", "--exits", "off")
    said = call(home, "exit", "ETH", "--confirm", "ETH:exit")
    assert (said.code, "[exits_are_off]" in said.err) == (5, True)
