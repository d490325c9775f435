"""What lies behind a proposal, on the command line: explain, diff, verify, report, suggestions."""

import stat
from pathlib import Path

import pytest

from bot.lifecycle.commands import CommandType
from bot.storage.home import Home
from bot.storage.proposal_reader import input_path, list_proposal_ids, read_proposal
from tests.fakes.bot_world import bot_world
from tests.fakes.cli_calls import Said, call, call_terminal


def current(home: Path) -> str:
    return str(call(home, "proposals", "show", "SOL", "--json").document()["data"]["proposal_id"])


def in_four_lines(said: Said) -> bool:
    lines = said.err.strip().splitlines()[-4:]
    return [line.split(":")[0].strip() for line in lines] == ["Error", "why", "unchanged", "to do"]


def test_show_has_a_rehearsal_line_for_each_variant(home: Path) -> None:
    said = call(home, "proposals", "show", "SOL")
    assert said.code == 0
    lines = said.out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("rehearsed"))
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == [
        "recommended",
        "conservative",
        "aggressive",
    ]
    assert "The past promises nothing." in said.out


def test_explain_tells_formula_what_enters_and_the_inputs(home: Path) -> None:
    said = call(home, "proposals", "explain", "SOL", "stop_loss")
    assert said.code == 0
    assert "variants.recommended.stop_loss = " in said.out
    assert "reference - k x ATR" in said.out
    assert "policy.variants.recommended.stop_atr 1.9" in said.out
    assert "candles_daily 1d (" in said.out
    lines = call(home, "proposals", "explain", "SOL", "--json").document()["data"]
    assert len(lines) > 100
    assert {"path", "value", "unit", "formula", "enters", "sources"} == set(lines[0])
    wrong = call(home, "proposals", "explain", "SOL", "nonsense")
    assert (wrong.code, in_four_lines(wrong)) == (2, True)


def test_verify_holds_for_what_was_left_alone(home: Path) -> None:
    said = call(home, "proposals", "verify", "SOL")
    assert said.code == 0, said
    assert "made again from its inputs: the same bytes" in said.out
    everything = call(home, "proposals", "verify", "--all", "--json").document()["data"]
    assert [check["code"] for check in everything] == ["ok"] * len(list_proposal_ids(Home(home)))


def test_verify_names_the_input_that_is_missing_and_ends_with_3(home: Path) -> None:
    document = read_proposal(Home(home), current(home))
    sha = next(one["sha256"] for one in document["inputs"] if one["source"] == "order_book")
    input_path(Home(home), sha).unlink()
    said = call(home, "proposals", "verify", "SOL")
    assert (said.code, in_four_lines(said)) == (3, True)
    assert "[proposal_input_invalid]" in said.err
    assert "input order_book" in said.err
    assert call(home, "proposals", "verify", "SOL", "--json").code == 3
    assert call(home, "proposals", "verify", "--all").code == 3


@pytest.mark.parametrize("words", [(), ("SOL", "--all")])
def test_verify_wants_one_proposal_or_all(home: Path, words: tuple[str, ...]) -> None:
    assert call(home, "proposals", "verify", *words).code == 2


def test_verify_of_a_damaged_file_is_an_answer_and_no_crash(home: Path) -> None:
    path = home / "risk_proposals" / f"{current(home)}.json"
    path.chmod(0o600)
    path.write_text("{", encoding="utf-8")
    said = call(home, "proposals", "verify", "SOL")
    assert said.code == 3
    assert "[proposal_file_invalid]" in said.err


def test_diff_of_a_first_proposal_says_that_there_is_none_before(home: Path) -> None:
    said = call(home, "proposals", "diff", "SOL")
    assert (said.code, in_four_lines(said)) == (5, True)
    assert "first proposal of SOL" in said.err


def test_diff_tells_what_moved_since_the_proposal_before_and_has_an_exit_code(tmp_path: Path) -> None:
    with bot_world(tmp_path / "home") as world:
        first = world.propose("SOL").current_proposal_id
        world.ask(CommandType.REJECT_MANAGED_PROPOSAL, "SOL", proposal_id=first, reason="later")
        world.advance(25 * 3_600)
        world.app.scheduler.run_due(world.clock.now())
        second = world.propose("SOL").current_proposal_id
        home = world.root
        said = call(home, "proposals", "diff", "SOL")
        assert said.code == 0
        assert f"version 1 ({str(first)[:8]}" in said.out
        assert f"version 2 ({str(second)[:8]}" in said.out
        moved, followed = said.out.index("Moved by itself"), said.out.index("Followed from that")
        assert moved < said.out.index("market_context.current_price") < followed
        assert said.out.index("variants.recommended.stop_loss ") > followed
        assert call(home, "proposals", "diff", "SOL", "--exit-code").code == 10
        assert call(home, "proposals", "diff", str(first), str(second), "--json").code == 0
        assert len(call(home, "proposals", "diff", "SOL", "--all").out) > len(said.out)
        assert call(home, "proposals", "verify", "--all").code == 0


def test_diff_of_one_with_itself_finds_nothing_and_of_two_coins_is_refused(home: Path) -> None:
    one = current(home)
    same = call(home, "proposals", "diff", one, one, "--exit-code")
    assert (same.code, "Nothing moved." in same.out) == (0, True)
    lines = call(home, "proposals", "ls", "--json").document()["data"]
    other = next(line["proposal_id"] for line in lines if line["asset"] == "ETH")
    assert call(home, "proposals", "diff", one, other).code == 2


def test_a_report_is_written_into_the_home_or_where_it_is_wanted(home: Path, tmp_path: Path) -> None:
    said = call(home, "proposals", "report", "SOL")
    written = home / "risk_proposals" / "reports" / f"{current(home)}.html"
    assert (said.code, said.out.strip()) == (0, str(written))
    assert written.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    elsewhere = tmp_path / "new" / "sol.html"
    assert call(home, "proposals", "report", "SOL", "--output", str(elsewhere)).code == 0
    assert elsewhere.read_bytes() == written.read_bytes()
    assert call(home, "state", "check").code == 0
    assert len(list_proposal_ids(Home(home))) == len(list((home / "risk_proposals").glob("*.json")))


def test_a_report_that_cannot_be_written_is_an_error_and_nothing_else(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = call(home, "proposals", "report", "SOL", "--output", str(tmp_path / "file" / "sol.html"))
    assert (said.code, in_four_lines(said)) == (3, True)
    assert call(home, "proposals", "verify", "SOL").code == 0


def test_suggestions_are_off_and_then_on_by_setting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Suggestions are off" in call(home, "suggestions").out
    monkeypatch.setenv("BOT_PROPOSALS_SUGGESTIONS", "on")
    said = call(home, "suggestions")
    assert (said.code, "bot propose DOGE" in said.out) == (0, True)
    data = call(home, "suggestions", "--json").document()["data"]
    assert [coin["asset"] for coin in data["coins"]] == ["DOGE"]


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_no_line_of_show_is_wider_than_the_terminal(home: Path, columns: int) -> None:
    said = call_terminal(home, "proposals", "show", "SOL", columns=columns, variables={"NO_COLOR": "1"})
    assert said.code == 0
    talk = "To approve"  # what is said beside the data is left to the terminal to wrap
    lines = said.out[said.out.index("Proposal for") :].splitlines()
    assert [line for line in lines if len(line) > columns and not line.startswith(talk)] == []
