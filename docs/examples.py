"""Real state files, one for each state in which a coin can stand: `docs/examples/`.

A bot, an exchange in a box and a home do what a person asks them to; after each step the public file is
taken as it lies there. Clock and ids count, so the same code gives the same files on any day.
"""

import functools
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from bot.app.environment import account
from bot.lifecycle.commands import CommandType
from bot.lifecycle.states import AssetState
from bot.storage.home import Home, create_home
from bot.storage.private_files import create_text
from tests.fakes.bot_world import BotWorld, bot_world

COIN = "SOL"
FOLDER = "examples"
DOCS = Path(__file__).resolve().parent
_SETTINGS = 'environment = "sandbox"\n\n[users.ann]\nrole = "admin"\nos_user = "{account}"\n'
_STEP_S = 60

Files = Mapping[AssetState, str]


@functools.cache
def example_files() -> Files:
    """Return the text of `managed_state.json` for each state of the coin; takes some seconds."""
    taken: dict[AssetState, str] = {}
    for life in (_handed_over_and_back, _sold, _declined, _not_possible):
        with _world() as world:
            for state in life(world):
                taken[state] = _public_file(world, state)
    return {state: taken[state] for state in AssetState}


def file_name(state: AssetState) -> str:
    """Return where an example lies below `docs/`."""
    return f"{FOLDER}/managed_state.{state}.json"


def content_of(text: str, coin: str | None = None) -> str:
    """Return what a file says of the coins, or of one coin alone, as readable JSON without `_meta`."""
    document: dict[str, dict[str, object]] = json.loads(text)
    parts = {name: document[name] for name in ("managed_assets", "pending_proposals")}
    if coin is not None:
        parts = {name: {coin: part[coin]} for name, part in parts.items() if coin in part}
    return json.dumps(parts, indent=2, ensure_ascii=False)


def comparable(text: str) -> str:
    """Return what two runs of the same code have in common: the content, but for the proposals' digests.

    `_meta` tells of a process; a digest changes with any word of a proposal, which is not told of here.
    """
    return re.sub(r'("proposal_digest": ")[0-9a-f]+', r"\1", content_of(text))


def kept_files() -> Files:
    """Return each example as it is kept, or as the bot writes it today where that says something else."""
    files = {}
    for state, text in example_files().items():
        path = DOCS / file_name(state)
        kept = path.read_text(encoding="utf-8") if path.exists() else None
        files[state] = kept if kept is not None and comparable(kept) == comparable(text) else text
    return files


def _handed_over_and_back(world: BotWorld) -> Iterator[AssetState]:
    """From the request to the release, with a pause and a drift on the way."""
    _ask(world, CommandType.REQUEST_MANAGED_PROPOSAL, synthetic_entry_method="current_price")
    yield AssetState.PROPOSAL_PENDING
    world.app.engine.make_waiting()
    yield AssetState.RISK_PROPOSED
    _ask(world, CommandType.APPROVE_MANAGED_PROPOSAL, **world.approval(COIN))
    world.cycle()
    yield AssetState.MANAGED_ACTIVE
    _ask(world, CommandType.PAUSE_MANAGED_ASSET, exits="off", reason="rate decision")
    yield AssetState.MANAGED_PAUSED
    _ask(world, CommandType.RESUME_MANAGED_ASSET, reason="it is over")
    world.box.control.withdraw(COIN, Decimal(15))
    world.wait(_STEP_S)
    world.cycle()
    yield AssetState.MANAGED_DRIFT_ALERT
    _ask(world, CommandType.RELEASE_MANAGED_ASSET, mode="immediate")
    yield AssetState.RELEASE_PENDING
    world.wait(_STEP_S)
    world.cycle()
    world.app.scheduler.run_due(world.clock.now())
    yield AssetState.FROZEN


def _sold(world: BotWorld) -> Iterator[AssetState]:
    """The price falls to the agreed stop."""
    world.hand_over(COIN)
    world.wait(_STEP_S)
    world.fall_to_stop(COIN)
    world.cycle()
    yield AssetState.EXIT_EXECUTED


def _declined(world: BotWorld) -> Iterator[AssetState]:
    """A person says no."""
    entry = world.propose(COIN)
    _ask(
        world, CommandType.REJECT_MANAGED_PROPOSAL, proposal_id=entry.current_proposal_id, reason="too risky"
    )
    yield AssetState.PROPOSAL_REJECTED


def _not_possible(world: BotWorld) -> Iterator[AssetState]:
    """The coins leave the wallet before the engine looks."""
    _ask(world, CommandType.REQUEST_MANAGED_PROPOSAL, synthetic_entry_method="current_price")
    world.box.control.withdraw(COIN, Decimal(25))
    world.app.engine.make_waiting()
    yield AssetState.PROPOSAL_ABORTED


def _ask(world: BotWorld, command: CommandType, **payload: object) -> None:
    world.wait(_STEP_S)
    outcome = world.ask(command, COIN, **payload)
    if outcome.code != "applied":
        raise RuntimeError(f"{command}: {outcome}")


def _public_file(world: BotWorld, state: AssetState) -> str:
    stands_at = world.entry(COIN).state
    if stands_at is not state:
        raise RuntimeError(f"{COIN} stands at {stands_at}, not at {state}")
    return Home(world.root).managed_state.read_text(encoding="utf-8")


@contextmanager
def _world() -> Iterator[BotWorld]:
    """Yield a home whose first admin is called ann, whoever runs this."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "home"
        create_text(create_home(root).settings_file, _SETTINGS.format(account=account()))
        with bot_world(root) as world:
            yield world
