"""Several processes at one home: serials without gaps or repeats, sums exact."""

import os
import time
from decimal import Decimal
from pathlib import Path

from bot.lifecycle.runtime_config import RuntimeConfigContent
from bot.storage.documents import RUNTIME_CONFIG, AppliedCommand
from bot.storage.state_store import StateStore
from tests.fakes.storage_faults import assert_all_agree, new_store, open_store

PROCESSES = 3
COMMITS = 25


def _count_up(store: StateStore, uid: str) -> bool:
    """Add 0.1 to a counter by one command; False if it was applied before."""
    with store.transaction() as work:
        if work.applied(uid):
            return False
        content = work.current(RUNTIME_CONFIG).content
        total = Decimal(str(content.settings.get("total", 0))) + Decimal("0.1")
        work.commit(
            RUNTIME_CONFIG,
            RuntimeConfigContent(settings={"total": total}),
            commands=[AppliedCommand(uid=uid, digest=uid, outcome={})],
            events=[],
        )
        return True


def _in_processes(root: Path, uids: list[list[str]]) -> None:
    """Let each process apply its list of commands, all at once."""
    children = []
    for own in uids:
        child = os.fork()
        if child == 0:
            try:
                store = open_store(root)
                for uid in own:
                    _count_up(store, uid)
                    time.sleep(0.005)  # noqa: TID251 - fairness is what a real pause gives
            except BaseException:  # noqa: BLE001 - the child must not run the parent's tests
                os._exit(99)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def test_processes_at_once_lose_nothing_and_take_every_serial_once(tmp_path: Path) -> None:
    root = tmp_path / "home"
    new_store(root)
    _in_processes(root, [[f"p{process}-{n}" for n in range(COMMITS)] for process in range(PROCESSES)])
    store = open_store(root)
    snapshot = store.read(RUNTIME_CONFIG)
    assert snapshot.meta.serial == PROCESSES * COMMITS + 1
    assert snapshot.content.settings["total"] == Decimal("0.1") * PROCESSES * COMMITS
    assert_all_agree(store)


def test_one_command_delivered_to_every_process_is_applied_once(tmp_path: Path) -> None:
    root = tmp_path / "home"
    new_store(root)
    same = [f"c{number}" for number in range(10)]
    _in_processes(root, [same] * PROCESSES)
    store = open_store(root)
    assert store.read(RUNTIME_CONFIG).content.settings["total"] == Decimal("1.0")
    assert store.read(RUNTIME_CONFIG).meta.serial == 11


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    root = tmp_path / "home"
    reader = new_store(root)
    child = os.fork()
    if child == 0:
        try:
            store = open_store(root)
            for number in range(60):
                _count_up(store, f"c{number}")
        except BaseException:  # noqa: BLE001 - as above
            os._exit(99)
        os._exit(0)
    serials = [reader.read(RUNTIME_CONFIG).meta.serial]
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        serials.append(reader.read(RUNTIME_CONFIG).meta.serial)
    assert serials == sorted(serials)
    assert reader.read(RUNTIME_CONFIG).meta.serial == 61
