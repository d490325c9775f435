"""Groups against one by one: any mix of commands ends in the same content, answers and audit."""

import shutil
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.lifecycle.change import records_of
from bot.lifecycle.commands import CommandOutcome, CommandType, NewCommand
from bot.lifecycle.documents import Exits, ManagedAsset, ManagedStateContent
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.storage.rebuild import compare_with_live
from bot.storage.state_store import StateStore
from tests.fakes.command_group import applier_on, command
from tests.fakes.fake_clock import START
from tests.fakes.storage_faults import assert_all_agree, copy_home, new_store, open_store

C = CommandType
ASSETS = ("ADA", "BTC", "SOL")
WORDS: tuple[tuple[CommandType, dict[str, Any]], ...] = (
    (C.PAUSE_MANAGED_ASSET, {"exits": "on"}),
    (C.PAUSE_MANAGED_ASSET, {"exits": "off"}),
    (C.RESUME_MANAGED_ASSET, {"reason": "go on"}),
    (C.RELEASE_MANAGED_ASSET, {"mode": "graceful"}),
    (C.REQUEST_MANAGED_PROPOSAL, {}),
    (C.FORCE_MANAGED_EXIT, {"confirm": "no", "reason": "out"}),
)
PLACE = {"sequence", "hash", "prev", "serial", "serials", "content_digest"}
"""What tells where a record stands, and in which version; all else tells what happened."""

asked = st.lists(st.tuples(st.sampled_from(ASSETS), st.sampled_from(WORDS)), min_size=1, max_size=10)
sizes = st.lists(st.integers(1, 5), min_size=10, max_size=10)
repeats = st.lists(st.integers(0, 9), max_size=3)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A home whose coins are in the bot's hands."""
    folder = Path(tempfile.mkdtemp(prefix="groups-"))
    store = new_store(folder / "template")
    entry = ManagedAsset(
        state=AssetState.MANAGED_ACTIVE,
        exits=Exits.ON,
        current_proposal_id="p-1",
        proposal_digest="a" * 64,
        variant="recommended",
        approved_quantity=Decimal("1.5"),
        reference_price=Decimal(100),
        stop_loss=Decimal(90),
        take_profit=Decimal(140),
        promoted_at=START,
        promoted_by_user_id="ann",
    )
    content = ManagedStateContent(managed_assets=dict.fromkeys(ASSETS, entry))
    events = [
        Event(
            type=EventType.ASSET_PROMOTED,
            asset=asset,
            actor="user_ann",
            command_id="",
            before=records_of(ManagedStateContent(), asset),
            after=records_of(content, asset),
        )
        for asset in ASSETS
    ]
    with store.transaction() as work:
        work.commit(MANAGED_STATE, content, commands=[], events=events)
    yield store.home.root
    shutil.rmtree(folder)


def _one_by_one(store: StateStore, commands: list[NewCommand]) -> list[CommandOutcome]:
    return [applier_on(store).apply(each) for each in commands]


def _in_groups(store: StateStore, commands: list[NewCommand], sizes: list[int]) -> list[CommandOutcome]:
    outcomes: list[CommandOutcome] = []
    turn = iter(sizes * len(commands))
    while len(outcomes) < len(commands):
        outcomes += applier_on(store).apply_group(commands[len(outcomes) :][: next(turn)])
    return outcomes


def _told(outcome: CommandOutcome) -> tuple[Any, ...]:
    detail = {name: value for name, value in outcome.detail.items() if name != "serial"}
    return outcome.state, outcome.code, outcome.reason, detail


def _happened(store: StateStore) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in record.items() if name not in PLACE}
        for record in store.audit.records()
    ]


@given(asked=asked, sizes=sizes, repeats=repeats)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mix_of_commands_in_groups_ends_as_one_by_one(
    template: Path, asked: list[Any], sizes: list[int], repeats: list[int]
) -> None:
    commands = [
        command(f"c-{number}", command_type, asset, words)
        for number, (asset, (command_type, words)) in enumerate(asked)
    ]
    commands += [commands[number % len(commands)] for number in repeats]  # some are delivered again
    with tempfile.TemporaryDirectory(prefix="group-") as folder:
        alone = open_store(copy_home(template, Path(folder) / "alone"))
        together = open_store(copy_home(template, Path(folder) / "together"))
        expected = _one_by_one(alone, commands)
        found = _in_groups(together, commands, sizes)
        assert [_told(outcome) for outcome in found] == [_told(outcome) for outcome in expected]
        assert together.read(MANAGED_STATE).content == alone.read(MANAGED_STATE).content
        assert _happened(together) == _happened(alone)
        refusals = [
            [(record["command_id"], record["code"]) for record in store.refusals.records()]
            for store in (alone, together)
        ]
        assert refusals[0] == refusals[1]
        for store in (alone, together):
            assert_all_agree(store)
            assert compare_with_live(store) == []
