"""Approving and rejecting: exact words about exact bytes, or nothing happens (rule 5)."""

import datetime as dt
import shutil
import uuid
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.cli_calls import Said, call, call_terminal
from tests.fakes.fake_clock import FakeClock


def digest(home: Path, asset: str = "SOL") -> str:
    said = call(home, "proposals", "show", asset, "--json")
    return str(said.document()["data"]["digest"])


def state_of(home: Path, asset: str = "SOL") -> str:
    return str(call(home, "holdings", "show", asset, "--json").document()["data"]["holding"]["state"])


def files(home: Path) -> dict[str, bytes]:
    """Return all that a decision could change."""
    watched = [*(home / "state").glob("*.json"), *(home / "state" / "audit").iterdir()]
    return {str(path): path.read_bytes() for path in watched}


@pytest.mark.parametrize("variant", ["recommended", "conservative"])
def test_on_a_terminal_the_proposal_is_shown_and_the_typed_words_approve(home: Path, variant: str) -> None:
    said = call_terminal(home, "approve", "SOL", types=f"SOL:{variant}\n", variables={"NO_COLOR": "1"})
    assert "Proposal for SOL" in said.out
    assert said.out.index("recommended") < said.out.index("Type SOL:recommended")
    assert said.code == 8, "no worker runs: it is queued, and says so"
    assert "bot worker --once" in said.out
    done = call(home, "worker", "--once")
    assert done.code == 0, done
    assert "risk_proposed -> managed_active" in done.out
    assert call(home, "holdings", "show", "SOL", "--json").document()["data"]["entry"]["variant"] == variant


@pytest.mark.parametrize("typed", ["sol:recommended", "SOL", "yes", "SOL:recommended ", "ETH:recommended"])
def test_wrong_words_change_nothing(home: Path, typed: str) -> None:
    before = files(home)
    said = call_terminal(home, "approve", "SOL", types=f"{typed}\n")
    assert said.code == 5, said
    assert "[confirmation_wrong]" in said.out
    assert files(home) == before
    assert call(home, "worker", "--once").out == "Nothing was waiting.\n"


def test_nothing_typed_is_a_cancellation(home: Path) -> None:
    before = files(home)
    said = call_terminal(home, "approve", "SOL", types="\n")
    assert (said.code, "[cancelled]" in said.out) == (5, True)
    assert files(home) == before


def test_ctrl_c_at_the_question_is_an_interruption(home: Path) -> None:
    before = files(home)
    assert call_terminal(home, "approve", "SOL", types="\x03").code == 130
    assert files(home) == before


def test_without_a_terminal_nobody_is_asked(home: Path) -> None:
    said = call(home, "approve", "SOL")
    assert (said.code, said.out) == (2, "")
    assert "--confirm SOL:recommended --digest" in said.err
    assert digest(home)[:8] not in said.err, "the digest is read, not copied from a hint"


def test_without_a_terminal_words_and_digest_approve(home: Path) -> None:
    said = call(home, "approve", "SOL", "--confirm", "SOL:recommended", "--digest", digest(home)[:8])
    assert said.code == 8
    call(home, "worker", "--once")
    assert state_of(home) == "managed_active"


def approve(home: Path, confirm: str, digest_words: str) -> Said:
    return call(home, "approve", "SOL", "--confirm", confirm, "--digest", digest_words)


def test_wrong_words_or_a_wrong_digest_without_a_terminal_change_nothing(home: Path) -> None:
    right = digest(home)
    before = files(home)
    assert approve(home, "SOL:reckless", right[:8]).code == 5
    assert approve(home, "DOGE:recommended", right[:8]).code == 5
    assert approve(home, "SOL:recommended", "00000000").code == 6
    assert approve(home, "SOL:recommended", right[:7]).code == 6
    assert call(home, "approve", "SOL", "--confirm", "SOL:recommended").code == 2
    assert files(home) == before
    assert state_of(home) == "risk_proposed"


def test_a_decided_proposal_is_not_asked_about_again(home: Path) -> None:
    said = call_terminal(home, "approve", "ETH")
    assert (said.code, "[proposal_already_decided]" in said.out) == (5, True)


def test_a_coin_without_a_proposal_cannot_be_approved(home: Path) -> None:
    said = call(home, "approve", "DOGE", "--confirm", "DOGE:recommended", "--digest", "12345678")
    assert (said.code, "[no_such_proposal]" in said.err) == (5, True)


def test_an_expired_proposal_is_refused_as_stale(tmp_path: Path) -> None:
    a_year_ago = FakeClock(SystemClock().now() - dt.timedelta(days=365))
    with bot_world(tmp_path / "old", clock=a_year_ago, seed=22) as world:
        world.propose("SOL")
        words = ("--confirm", "SOL:recommended", "--digest", digest(world.root)[:8])
        said = call(world.root, "approve", "SOL", *words, "--dry-run")
        assert (said.code, "[proposal_expired]" in said.err) == (6, True), said
        call(world.root, "worker", "--once")
        assert state_of(world.root) != "risk_proposed", "the timed pass takes it away"


def test_a_proposal_of_another_home_cannot_be_approved(home: Path, tmp_path: Path) -> None:
    foreign = digest(home)
    with bot_world(tmp_path / "other", clock=SystemClock(), seed=23) as world:
        world.propose("SOL")
        for path in (home / "risk_proposals").glob("*.json"):
            shutil.copy(path, world.root / "risk_proposals" / f"{uuid.UUID(int=99)}.json")
        words = ("--confirm", "SOL:recommended", "--digest", foreign[:8])
        assert call(world.root, "approve", "SOL", *words).code == 6
        shown = call(world.root, "proposals", "show", str(uuid.UUID(int=99)))
        assert (shown.code, "[proposal_file_invalid]" in shown.err) == (3, True)
        assert state_of(world.root) == "risk_proposed"


def test_a_proposal_whose_ground_moved_is_stale(prepared: BotWorld, home: Path) -> None:
    price = prepared.box.control.price("SOL/USDT")
    words = ("--confirm", "SOL:recommended", "--digest", digest(home)[:8])
    try:
        prepared.set_price("SOL", price * 3)
        tried = call(home, "approve", "SOL", *words, "--dry-run")
    finally:
        prepared.set_price("SOL", price)
    assert (tried.code, "[proposal_stale]" in tried.err) == (6, True)
    assert state_of(home) == "risk_proposed"


def test_an_edited_proposal_file_is_not_trusted(home: Path) -> None:
    words = digest(home)[:8]
    for path in (home / "risk_proposals").glob("*.json"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes().replace(b'"confidence"', b'"confidense"'))
    said = approve(home, "SOL:recommended", words)
    assert (said.code, "[proposal_file_invalid]" in said.err) == (3, True)


def test_rejecting_starts_the_cool_down(home: Path) -> None:
    assert call(home, "reject", "SOL", "--reason", "too wide", "--no-wait").code == 0
    call(home, "worker", "--once")
    assert state_of(home) == "proposal_rejected"
    again = call(home, "propose", "SOL", "--dry-run")
    assert again.code == 5


def test_ids_are_found_by_a_unique_prefix(home: Path) -> None:
    ids = [line["proposal_id"] for line in call(home, "proposals", "ls", "--json").document()["data"]]
    common = next(ids[0][:length] for length in range(36, -1, -1) if _all_begin(ids, ids[0][:length]))
    for proposal in ids:
        prefix = proposal[: len(common) + 1].upper()
        shown = call(home, "proposals", "show", prefix, "--json").document()["data"]
        assert shown["proposal_id"] == proposal
    several = call(home, "proposals", "show", common)
    assert (several.code, all(proposal in several.err for proposal in ids)) == (5, True)
    command = call(home, "pause", "ETH", "--no-wait", "--json").document()["data"]["uid"]
    assert call(home, "commands", "show", command[:8], "--json").document()["data"]["uid"] == command


def _all_begin(ids: list[str], prefix: str) -> bool:
    return all(name.startswith(prefix) for name in ids)


def test_a_slip_gets_a_hint(home: Path) -> None:
    assert "Did you mean SOL?" in call(home, "proposals", "show", "SOLL").err
    assert "Did you mean ETH?" in call(home, "holdings", "show", "ETHH").err
    assert "Did you mean ETH?" in call(home, "audit", "show", "ETHH").err
    assert "Did you mean DOGE?" in call(home, "propose", "DOGEE", "--no-wait").err
    for words in (("pause", "ETHH"), ("resume", "ETHH"), ("exit", "ETHH"), ("release", "--pause", "ETHH")):
        said = call(home, *words)
        assert (said.code, "Did you mean ETH?" in said.err) == (5, True)
    assert call(home, "commands", "ls", "--asset", "ETHH", "--json").document()["data"] == [], (
        "nothing was sent"
    )
    assert "Did you mean 'status'?" in call(home, "staus").err
    assert "Did you mean 'ls'?" in call(home, "holdings", "lss").err
