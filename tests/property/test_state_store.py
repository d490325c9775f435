"""The store against a plain dict: whatever happens to the copies, what was committed stays."""

import shutil
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.kernel.errors import RefusedError
from bot.lifecycle.runtime_config import RuntimeConfigContent
from bot.storage.documents import RUNTIME_CONFIG, AppliedCommand
from bot.storage.home import Home
from bot.storage.state_store import StateStore
from tests.fakes.storage_faults import assert_all_agree, new_store, open_store

KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.decimals(min_value=-100, max_value=100, places=3) | st.integers(-5, 5)


class StoreMachine(RuleBasedStateMachine):
    """Commits, redeliveries, restarts and accidents in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="store-machine-"))
        self._model: dict[str, Any] = {}
        self._serial = 1
        self._uids: list[str] = []

    @initialize()
    def a_new_home(self) -> None:
        self._store = new_store(self._folder / "home")

    @property
    def _home(self) -> Home:
        return self._store.home

    def _commit(self, store: StateStore, uid: str, key: str, value: Decimal | int) -> None:
        with store.transaction() as work:
            current = work.current(RUNTIME_CONFIG).content
            assert dict(current.settings) == self._model
            content = RuntimeConfigContent(settings={**current.settings, key: value})
            command = AppliedCommand(uid=uid, digest=uid, outcome={})
            result = work.commit(RUNTIME_CONFIG, content, commands=[command], events=[])
        assert result.serial == self._serial + 1

    @rule(key=KEYS, value=VALUES)
    def commit(self, key: str, value: Decimal | int) -> None:
        uid = f"c{len(self._uids)}"
        self._commit(self._store, uid, key, value)
        self._model[key] = value
        self._serial += 1
        self._uids.append(uid)

    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        if not self._uids:
            return
        uid = data.draw(st.sampled_from(self._uids))
        try:
            self._commit(self._store, uid, "a", 1)
        except RefusedError:
            return
        raise AssertionError("a command was applied twice")

    @rule()
    def restart(self) -> None:
        self._store = open_store(self._home.root)

    @rule(data=st.data())
    def somebody_edits_the_public_file(self, data: st.DataObject) -> None:
        raw = bytearray(self._home.runtime_config.read_bytes())
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] ^= 1
        self._home.runtime_config.write_bytes(bytes(raw))
        self._recover_with_an_alarm()

    @rule()
    def the_newest_version_is_lost(self) -> None:
        (self._home.versions("runtime_config") / f"{self._serial:08d}.json").unlink()
        self._recover_with_an_alarm()

    @rule(cut=st.integers(1, 100))
    def the_audits_end_is_torn(self, cut: int) -> None:
        last = self._store.audit.tail(1)[0]
        if last["document"] != "runtime_config":
            return
        raw = self._home.audit_log.read_bytes()
        self._home.audit_log.write_bytes(raw[:-cut])
        with open_store(self._home.root).transaction() as work:
            assert work.recovery.alarms == ()
        assert self._home.audit_log.read_bytes() == raw

    def _recover_with_an_alarm(self) -> None:
        with open_store(self._home.root).transaction() as work:
            assert len(work.recovery.alarms) == 1

    @invariant()
    def everything_agrees(self) -> None:
        snapshot = open_store(self._home.root).read(RUNTIME_CONFIG)
        assert dict(snapshot.content.settings) == self._model
        assert snapshot.meta.serial == self._serial
        assert set(self._uids) == set(snapshot.meta.applied)
        assert_all_agree(self._store)

    def teardown(self) -> None:
        shutil.rmtree(self._folder)


StoreMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=12)
TestStore = StoreMachine.TestCase
