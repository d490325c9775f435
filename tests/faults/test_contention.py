"""Five processes at one home: every commit has its own serial, sums are exact, nobody starves."""

import time
from decimal import Decimal
from functools import partial
from pathlib import Path

from bot.lifecycle.runtime_config import RuntimeConfigContent
from bot.storage.documents import RUNTIME_CONFIG, AppliedCommand
from bot.storage.state_store import StateStore
from tests.fakes.storage_faults import assert_all_agree, copy_home, open_store
from tests.faults.processes import all_well
from tests.faults.tally import Tally, sized

PROCESSES = 5
PAUSE_S = 0.005
WAIT_MAX_S = 5.0
"""Half of what a waiter is given before it gives up."""


def _count_up(store: StateStore, uid: str) -> None:
    with store.transaction() as work:
        content = work.current(RUNTIME_CONFIG).content
        total = Decimal(str(content.settings.get("total", 0))) + Decimal("0.1")
        command = AppliedCommand(uid=uid, digest=uid, outcome={})
        changed = RuntimeConfigContent(settings={"total": total})
        work.commit(RUNTIME_CONFIG, changed, commands=[command], events=[])


def _for_a_while(root: Path, results: Path, number: int, seconds: float) -> None:
    store = open_store(root)
    until = time.monotonic() + seconds
    count, longest_s = 0, 0.0
    while (begun := time.monotonic()) < until:
        _count_up(store, f"p{number}-{count}")
        count += 1
        longest_s = max(longest_s, time.monotonic() - begun)
        time.sleep(PAUSE_S)  # noqa: TID251 - fairness is what a real pause gives
    (results / str(number)).write_text(f"{count} {longest_s}", encoding="ascii")


def test_five_processes_lose_nothing_take_every_serial_once_and_nobody_starves(
    template: Path, tmp_path: Path, tally: Tally
) -> None:
    root = copy_home(template, tmp_path / "home")
    seconds = sized(3, 60)
    all_well([partial(_for_a_while, root, tmp_path, number, seconds) for number in range(PROCESSES)])
    told = [(tmp_path / str(number)).read_text(encoding="ascii").split() for number in range(PROCESSES)]
    counts = [int(count) for count, _ in told]
    store = open_store(root)
    snapshot = store.read(RUNTIME_CONFIG)
    assert snapshot.meta.serial == sum(counts) + 1
    assert snapshot.content.settings["total"] == Decimal("0.1") * sum(counts)
    assert_all_agree(store)
    assert max(float(longest_s) for _, longest_s in told) < WAIT_MAX_S
    assert min(counts) * 4 >= max(counts), f"somebody starved: {counts}"
    tally.add("commit under contention of five processes", sum(counts))
