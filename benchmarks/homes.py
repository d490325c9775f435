"""Homes to measure on: real files and a real database, with as many coins in hand as wanted."""

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from benchmarks.bare import Recorder
from bot import __version__
from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType
from bot.lifecycle.documents import HISTORY_KEPT, Exits, HistoryEntry, ManagedAsset, ManagedStateContent
from bot.lifecycle.states import AssetState
from bot.storage.documents import MANAGED_STATE
from bot.storage.files.file_ops import FileOps
from bot.storage.home import file_system_of
from bot.storage.process_info import this_process
from bot.storage.schema_check import SchemaCheck
from bot.storage.sql.home_queue import HomeQueue
from bot.storage.state_store import StateStore

REPOSITORY = Path(__file__).resolve().parents[1]
_START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class BenchApp(App):
    """The bot's own wiring, with its disk calls and its calls to the database in view."""

    file_ops = FileOps()
    schemas: SchemaCheck | None = None

    @cached_property
    def queue(self) -> HomeQueue:
        """Return the commands, over the recorder's driver if there is one."""
        return HomeQueue(
            self.home,
            clock=self.clock,
            lineage=self.store.read(MANAGED_STATE).meta.lineage,
            driver=self.file_ops.driver if isinstance(self.file_ops, Recorder) else None,
        )

    @cached_property
    def store(self) -> StateStore:
        """Return the state of this home over `file_ops`."""
        return StateStore(
            self.home,
            clock=self.clock,
            ids=self.ids,
            writer=this_process(__version__),
            environment="sandbox",
            file_ops=self.file_ops,
            schemas=self.schemas,
        )


@contextmanager
def bench_folder() -> Iterator[Path]:
    """Yield an empty folder on a real disk: the system's own for temporary files unless it is memory."""
    in_memory = file_system_of(Path(tempfile.gettempdir())) in {"tmpfs", "ramfs"}
    folder = Path(tempfile.mkdtemp(prefix=".bench-", dir=REPOSITORY if in_memory else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_home(
    root: Path, *, assets: int, file_ops: FileOps | None = None, schemas: SchemaCheck | None = None
) -> BenchApp:
    """Make a home with this many coins in the bot's hands, each with its full inline history."""
    initialise_home(root, environment="sandbox")
    app = BenchApp(root, environ={})
    if file_ops is not None:
        app.file_ops = file_ops
    app.schemas = schemas
    with app.store.transaction() as work:
        work.commit(MANAGED_STATE, content(assets), commands=(), events=())
    return app


def asset_name(number: int) -> str:
    """Return the name of the n-th coin, counted from 0."""
    return f"COIN{number:04d}"


def content(assets: int) -> ManagedStateContent:
    """Return a managed state with this many coins in hand."""
    return ManagedStateContent(
        managed_assets={asset_name(number): _managed(number) for number in range(assets)}
    )


def _managed(number: int) -> ManagedAsset:
    history = tuple(
        HistoryEntry(
            ts=_START + dt.timedelta(hours=step, seconds=number),
            from_state=AssetState.MANAGED_PAUSED if step % 2 else AssetState.MANAGED_ACTIVE,
            to_state=AssetState.MANAGED_ACTIVE if step % 2 else AssetState.MANAGED_PAUSED,
            actor="user_operator",
            event_type="managed.asset_resumed" if step % 2 else "managed.asset_paused",
        )
        for step in range(HISTORY_KEPT)
    )
    return ManagedAsset(
        state=AssetState.MANAGED_ACTIVE,
        exits=Exits.ON,
        current_proposal_id=f"00000000-0000-4000-8000-{number:012d}",
        proposal_digest="c" * 64,
        variant="recommended",
        approved_quantity=Decimal("12.3456789") + number,
        reference_price=Decimal("101.25"),
        reference_regime="SIDEWAYS",
        atr=Decimal("3.125"),
        synthetic_entry=Decimal("100.5"),
        synthetic_entry_method="current_price",
        stop_loss=Decimal("92.75"),
        take_profit=Decimal("118.5"),
        max_allocation_usdt=Decimal(1_500),
        strategy_group="t1_core",
        promoted_at=_START,
        promoted_by_user_id="operator",
        transitions=HISTORY_KEPT,
        history=history,
    )


class Toggle:
    """Pauses and resumes coins in turn: two real commands without anything from outside."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._paused: set[str] = set()

    def enqueue(self, asset: str) -> CommandRow:
        """Put the coin's next command on the bus."""
        app = self._app
        if asset in self._paused:
            kind, words = CommandType.RESUME_MANAGED_ASSET, {"reason": "measured"}
        else:
            kind, words = CommandType.PAUSE_MANAGED_ASSET, {"exits": "on", "reason": "measured"}
        row = app.queue.enqueue(app.maker.make(kind, asset, words, actor=app.actor))
        self._paused ^= {asset}
        return row


def must_be_applied(outcomes: list[CommandOutcome], expected: int) -> None:
    """Refuse figures of commands that were not applied.

    Raises:
        RuntimeError: Another count, or another outcome.
    """
    states = [outcome.state for outcome in outcomes]
    if states != [CommandState.APPLIED] * expected:
        told = {outcome.code for outcome in outcomes}
        raise RuntimeError(f"expected {expected} applied commands, got {len(states)}: {told}")
