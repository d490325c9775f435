"""Our bus and four known queues behind one small interface, each at the same durability.

Every put and every completion is flushed before it returns: SQLite `synchronous=FULL`, PostgreSQL
`synchronous_commit=on`. All else is each library's own default, but for the pause between two looks
where a library leaves looking to its user.
"""

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bot.app.clock import RandomIds, SystemClock
from bot.kernel.canonical import digest
from bot.lifecycle.commands import CommandOutcome, CommandRow, CommandState, CommandType, NewCommand
from bot.storage.sql.command_table import CommandTable
from bot.storage.sql.engine import open_engine
from bot.storage.sql.layout import prepare_layout
from bot.storage.sql.waking import open_wakeup

LOOK_EVERY_S = 0.01
"""Between two looks at a queue that has no way to wake its worker."""

Handle = Callable[[str], None]


class Peer(Protocol):
    """One queue in one place; a worker process opens the same place again."""

    def put(self, word: str) -> None:
        """Keep a task durably."""
        ...

    def work(self, handle: Handle, *, only_what_waits: bool = False) -> None:
        """Handle tasks one by one as the library's own worker does; for ever, or until none waits."""
        ...

    def left(self) -> int:
        """Return how many unfinished tasks are still in its files."""
        ...

    def close(self) -> None:
        """Release what was opened."""
        ...


class Ours:
    """`bot/storage/sql` alone: enqueue, claim with a counted attempt, finish."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self._path, self._url = folder / "commands.db", url
        engine = open_engine(self._path, database_url=url)
        prepare_layout(engine, upgrade=True)
        self._table = CommandTable(engine, clock=SystemClock())
        self._ids = RandomIds()

    def put(self, word: str) -> None:
        """Enqueue a command."""
        uid = self._ids.new_id()
        new = NewCommand(
            uid=uid,
            type=CommandType.PAUSE_MANAGED_ASSET,
            asset="SOL",
            priority=0,
            payload={"reason": word},
            actor="system",
            idempotency_key=uid,
            request_hash=digest(word),
            created_at=SystemClock().now(),
        )
        self._table.enqueue(new)

    def work(self, handle: Handle, *, only_what_waits: bool = False) -> None:
        """Wake up, claim, handle, finish."""
        with open_wakeup(self._path, database_url=self._url) as wakeup:
            while True:
                while rows := self._table.queued(limit=1):
                    self._work_on(rows[0], handle)
                if only_what_waits:
                    return
                wakeup.wait(5)

    def left(self) -> int:
        """Count what is queued."""
        return len(self._table.list(state=CommandState.QUEUED, limit=10_000))

    def close(self) -> None:
        """Close it."""
        self._table.close()

    def _work_on(self, row: CommandRow, handle: Handle) -> None:
        self._table.count_attempts([row.id], "bench")
        handle(str(row.payload["reason"]))
        outcome = CommandOutcome(state=CommandState.APPLIED, code="applied", reason="")
        self._table.finish({row.uid: outcome})


class Huey:
    """huey on SQLite with its own consumer, one thread."""

    def __init__(self, folder: Path, _url: str | None) -> None:
        huey: Any = importlib.import_module("huey")
        self._huey = huey.SqliteHuey("bench", filename=str(folder / "huey.db"), fsync=True, results=False)
        self._handle: Handle = lambda _word: None
        self._task = self._huey.task(name="word")(lambda word: self._handle(word))  # noqa: PLW0108 - the handler comes later

    def put(self, word: str) -> None:
        """Call the task."""
        self._task(word)

    def work(self, handle: Handle, *, only_what_waits: bool = False) -> None:
        """Run the consumer, or take tasks as it does."""
        self._handle = handle
        if not only_what_waits:
            self._huey.create_consumer(workers=1, periodic=False).run()
        while (task := self._huey.dequeue()) is not None:
            self._huey.execute(task)

    def left(self) -> int:
        """Count what waits; what was taken is gone."""
        return int(self._huey.pending_count())

    def close(self) -> None:
        """Close it."""
        self._huey.storage.close()


class LiteQueue:
    """litequeue; it leaves looking, and what a dead worker left, to its user."""

    def __init__(self, folder: Path, _url: str | None) -> None:
        litequeue: Any = importlib.import_module("litequeue")
        self._queue = litequeue.LiteQueue(folder / "lite.db")
        self._queue.conn.execute("PRAGMA synchronous = FULL")

    def put(self, word: str) -> None:
        """Insert a message."""
        self._queue.put(word)

    def work(self, handle: Handle, *, only_what_waits: bool = False) -> None:
        """Pop, handle, mark as done."""
        pause = threading.Event()
        while True:
            message = self._queue.pop()
            if message is not None:
                handle(message.data)
                self._queue.done(message.message_id)
            elif only_what_waits:
                return
            else:
                pause.wait(LOOK_EVERY_S)

    def left(self) -> int:
        """Count what waits and what is locked."""
        return int(self._queue.qsize())

    def close(self) -> None:
        """Close it."""
        self._queue.close()


class PersistQueue:
    """persist-queue's acknowledging SQLite queue; it resumes what was taken when it is opened again."""

    def __init__(self, folder: Path, _url: str | None) -> None:
        self._module: Any = importlib.import_module("persistqueue")
        self._folder = str(folder / "persist")
        self._queue: Any = None

    def put(self, word: str) -> None:
        """Insert an item."""
        self._opened(resume=False).put(word)

    def work(self, handle: Handle, *, only_what_waits: bool = False) -> None:
        """Get, handle, acknowledge."""
        queue, pause = self._opened(resume=True), threading.Event()
        while True:
            try:
                word = queue.get(block=False)
            except self._module.exceptions.Empty:
                if only_what_waits:
                    return
                pause.wait(LOOK_EVERY_S)
                continue
            handle(word)
            queue.ack(word)

    def left(self) -> int:
        """Count what waits and what was not acknowledged."""
        queue = self._opened(resume=False)
        return int(queue.active_size()) + int(queue.unack_count())

    def close(self) -> None:
        """Close it."""
        if self._queue is not None:
            self._queue.close()

    def _opened(self, *, resume: bool) -> Any:
        if self._queue is None:
            self._queue = self._module.SQLiteAckQueue(self._folder, multithreading=True, auto_resume=resume)
        return self._queue


class Procrastinate:
    """procrastinate on PostgreSQL with its own worker, woken by LISTEN."""

    def __init__(self, _folder: Path, url: str | None) -> None:
        if url is None:
            raise RuntimeError("no PostgreSQL")
        procrastinate: Any = importlib.import_module("procrastinate")
        self._url = url.replace("postgresql+psycopg", "postgresql")
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=self._url))
        self._asynchronous = procrastinate.PsycopgConnector(conninfo=self._url)
        self._handle: Handle = lambda _word: None
        self._task = self._app.task(name="word")(self._handled)
        self._app.open()
        if not self._app.check_connection():
            self._app.schema_manager.apply_schema()

    def put(self, word: str) -> None:
        """Defer a job."""
        self._task.defer(word=word)

    def work(self, handle: Handle, *, only_what_waits: bool = False) -> None:
        """Run its worker."""
        self._handle = handle
        self._app.with_connector(self._asynchronous).run_worker(
            concurrency=1, wait=not only_what_waits, install_signal_handlers=False
        )

    def left(self) -> int:
        """Count jobs that wait or are in hand."""
        waiting = self._app.job_manager.list_jobs(status="todo")
        return len([*waiting, *self._app.job_manager.list_jobs(status="doing")])

    def close(self) -> None:
        """Close it."""
        self._app.close()

    def _handled(self, word: str) -> None:
        self._handle(word)


PEERS: dict[str, Callable[[Path, str | None], Peer]] = {
    "bus on SQLite": Ours,
    "bus on PostgreSQL": Ours,
    "huey": Huey,
    "litequeue": LiteQueue,
    "persist-queue": PersistQueue,
    "procrastinate": Procrastinate,
}
"""What is compared, by name."""

ON_A_SERVER = frozenset({"bus on PostgreSQL", "procrastinate"})
