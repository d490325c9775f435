"""Card: a single pass and a daemon come to the same end for the same commands (Q-MH-14)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bot.app.clock import SystemClock
from bot.lifecycle.commands import CommandRow
from bot.lifecycle.states import AssetState
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE, POSITIONS, RUNTIME_CONFIG
from tests.fakes.bot_process import bot_process, until
from tests.fakes.bot_world import BotWorld, bot_world
from tests.fakes.cli_calls import call
from tests.fakes.home_checks import assert_home_is_whole, audit_types, refusal_codes

CLOCK = SystemClock()
OF_EACH_HOME = {"current_proposal_id", "proposal_digest", "history", "promoted_at", "cooldown_until"}
"""Ids and moments: what no two homes have in common."""
COINS = ("SOL", "ETH", "XRP")
Settle = Callable[[], object]


def steps(world: BotWorld) -> Iterator[tuple[str, ...]]:
    """What a person asks for, one after the other; among it what is refused."""
    yield ("settings", "set", "lifecycle.proposal_ttl_hours=24")
    yield ("propose", "SOL")
    yield ("resume", "SOL")
    digest = (world.entry("SOL").proposal_digest or "")[:8]
    approve = ("approve", "SOL", "--confirm", "SOL:recommended", "--digest", digest)
    yield approve
    yield approve
    yield ("release", "SOL")
    yield ("pause", "SOL", "--exits", "off")
    yield ("resume", "SOL", "--reason", "go on")
    yield ("propose", "ETH")
    yield ("reject", "ETH", "--reason", "not now")
    yield ("propose", "XRP")
    yield ("pause", "SOL")
    yield ("release", "SOL", "--mode", "immediate")


def act(world: BotWorld, settle: Settle) -> None:
    for words in steps(world):
        call(world.root, *words, "--no-wait")
        settle()


def is_settled(world: BotWorld) -> bool:
    """Say whether nothing is left for anybody to do now."""
    waits = {AssetState.PROPOSAL_PENDING, AssetState.PROPOSAL_ABORTED, AssetState.RELEASE_PENDING}
    states = {entry.state for entry in world.managed.managed_assets.values()}
    return all(row.outcome is not None for row in world.app.queue.list(limit=1_000)) and not states & waits


@contextmanager
def home_of(root: Path, start: Any) -> Iterator[BotWorld]:
    with bot_world(root, clock=CLOCK, start=start, seed=22) as world:
        yield world
        world.app.recover()
        assert_home_is_whole(world.app)


def ended(row: CommandRow) -> tuple[str, ...]:
    assert row.outcome is not None
    return row.type, row.asset, row.outcome.state, row.outcome.code


def end_of(world: BotWorld) -> dict[str, Any]:
    """Return everything that the two ways must have in common."""
    store = world.app.store
    managed = store.read(MANAGED_STATE).content
    of_home = audit_types(world.app, "*")
    # A daemon writes down when it began and ended, each with a serial; a pass is no process to watch.
    done = [event for event in of_home if not event.startswith("system.process_")]
    return {
        "entries": {
            asset: {k: v for k, v in msgspec.to_builtins(entry).items() if k not in OF_EACH_HOME}
            for asset, entry in managed.managed_assets.items()
        },
        "ways": {
            asset: [(h.from_state, h.to_state, h.actor, h.event_type) for h in entry.history]
            for asset, entry in managed.managed_assets.items()
        },
        "serials": [
            store.read(MANAGED_STATE).meta.serial - (len(of_home) - len(done)),
            store.read(BASELINE_HOLDINGS).meta.serial,
            store.read(RUNTIME_CONFIG).meta.serial,
            store.read(POSITIONS).meta.serial,
        ],
        "settings": dict(store.read(RUNTIME_CONFIG).content.settings),
        "audit": {asset: audit_types(world.app, asset) for asset in COINS},
        "audit_of_home": done,
        "refusals": refusal_codes(world.app),
        "commands": sorted(ended(row) for row in world.app.queue.list(limit=1_000)),
        "proposals": len(list(world.app.home.proposals.glob("*.json"))),
    }


def test_q_mh_14_a_single_pass_and_a_daemon_come_to_the_same_end(tmp_path: Path) -> None:
    start = CLOCK.now()
    with home_of(tmp_path / "passes", start) as world:
        act(world, lambda: call(world.root, "worker", "--once"))
        # What the last command left for the system is done by the next pass, the daemon's or this one.
        call(world.root, "worker", "--once")
        assert is_settled(world)
        by_passes = end_of(world)
    with home_of(tmp_path / "daemon", start) as world:
        with bot_process(world.root, "worker") as daemon:
            act(world, lambda: until(lambda: is_settled(world), "the daemon"))
            assert daemon.end() == 0
        by_daemon = end_of(world)
    assert by_daemon == by_passes
    assert by_passes["entries"]["SOL"]["state"] == "frozen"
    assert by_passes["entries"]["ETH"]["state"] == "proposal_rejected"
    assert by_passes["entries"]["XRP"]["state"] == "frozen"
    assert by_passes["refusals"] == ["transition_not_allowed", "proposal_already_decided", "pause_first"]
