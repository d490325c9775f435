"""Rule 4: what is older than its limit is marked, and coins without protection are named."""

import datetime as dt
from pathlib import Path

from bot.app.clock import SystemClock
from bot.storage.heartbeat import Heartbeat, write_heartbeat
from bot.storage.home import Home
from bot.storage.process_info import start_token, this_process
from tests.fakes.cli_calls import call
from tests.fakes.cli_screens import screen_at
from tests.fakes.fake_clock import FakeClock


def beat(home: Path, *, age_s: float, loop_age_s: float) -> None:
    me = this_process("0")
    now = SystemClock().now()
    write_heartbeat(
        Home(home),
        Heartbeat(
            pid=me.pid,
            host=me.host,
            process_started_at=me.process_started_at,
            start_token=start_token(me.pid),
            version="0",
            what="run",
            at=now - dt.timedelta(seconds=age_s),
            loop_at=now - dt.timedelta(seconds=loop_age_s),
        ),
    )


def test_a_fresh_heartbeat_is_told_with_its_age_and_the_coins_are_protected(home: Path) -> None:
    beat(home, age_s=1, loop_age_s=1)
    said = call(home, "status").out
    assert "heartbeat 1 s ago |" in said
    assert "STALE" not in said
    assert "NOT PROTECTED" not in said


def test_an_old_heartbeat_and_an_old_cycle_are_marked_stale_with_their_age(home: Path) -> None:
    beat(home, age_s=300, loop_age_s=400)
    said = call(home, "status").out
    assert "heartbeat 5 min ago STALE" in said
    assert "last cycle of the loop 6 min ago STALE" in said
    assert "NOT PROTECTED" in said
    assert "NOT PROTECTED" in call(home, "holdings", "ls").out
    assert "NOT PROTECTED" in call(home, "explain", "ETH", "--offline").out


def test_a_proposal_that_ran_out_but_was_not_taken_away_is_marked_stale(home: Path) -> None:
    later = FakeClock(SystemClock().now() + dt.timedelta(days=10))
    for words in (("status",), ("proposals", "ls")):
        assert "ran out 3 d ago STALE" in screen_at(home, *words, columns=None, clock=later)
