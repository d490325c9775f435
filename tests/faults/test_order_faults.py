"""Exits under fire: killed at every call, and random faults by seed (the long form: order_report)."""

from pathlib import Path

import pytest

from bot.kernel.money import ZERO
from bot.lifecycle.states import AssetState
from bot.storage.order_journal import OrderJournal
from tests.fakes.bot_world import bot_world
from tests.fakes.home_checks import assert_home_is_whole
from tests.fakes.hooked_gateway import Killed
from tests.faults.order_scenarios import KINDS, Mortal, Story, mortal_loop

_CALLS = 12
"""More calls than a first cycle with an exit makes; the last ones show that all were tried."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_killed_at_any_call_of_an_exit_sells_once_and_arms_its_stop_again(
    tmp_path: Path, *, after: bool
) -> None:
    died, lived = 0, 0
    for call in range(1, _CALLS + 1):
        with bot_world(tmp_path / f"home-{call}") as world:
            world.hand_over("SOL")
            world.fall_to_stop("SOL")
            world.restart()
            mortal = Mortal()
            mortal.kill_at(call, after=after)
            try:
                mortal_loop(world, mortal).run_once(world.clock.now())
                lived += 1
            except Killed:
                died += 1
            world.restart()
            for _ in range(6):
                world.cycle()
                world.wait(10)
            entry = world.entry("SOL")
            assert entry.state is AssetState.EXIT_EXECUTED, f"killed at call {call}, and never sold"
            sold = 25 - world.balances()["SOL"]
            assert sold == entry.sold_quantity == entry.approved_quantity, f"killed at call {call}"
            journal = OrderJournal(world.app.home.orders_log)
            journal.refresh()
            assert sum((r.filled_quantity for r in journal.records.values()), ZERO) == sold
            assert not any(record.may_be_live for record in journal.records.values())
            assert_home_is_whole(world.app)
    assert died >= 7, "a cycle with an exit makes at least seven calls"
    assert lived, "every call of the cycle was tried"


@pytest.mark.parametrize("seed", range(8))
def test_random_faults_around_an_exit_break_no_promise(tmp_path: Path, seed: int) -> None:
    assert Story(seed).run(tmp_path / "home").losses == []


def test_the_same_seed_tells_the_same_story(tmp_path: Path) -> None:
    one, other = (Story(3).run(tmp_path / name) for name in ("one", "other"))
    assert (one.kinds, one.losses) == (other.kinds, other.losses)


def test_every_kind_of_fault_is_drawn_within_a_hundred_seeds() -> None:
    assert {kind for seed in range(100) for kind in Story.kinds_of(seed)} == set(KINDS)
