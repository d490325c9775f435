"""The lifecycle's model against a real home: restarts, crowds, repeats, clock jumps.

The rules are those of `test_lifecycle_machine.py`; here every word goes over the bus, is applied by the
worker (alone, in a group, or by two workers at once), and is looked up in the audit. The long form is
`FAULTS_SIZE=long`.
"""

import datetime as dt
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from bot.lifecycle import command_payloads as p
from bot.lifecycle.commands import CommandState, NewCommand
from bot.lifecycle.documents import Exits, ReleaseMode
from bot.lifecycle.roles import Role
from bot.storage.rebuild import compare_with_live
from tests.fakes.home_checks import assert_home_is_whole
from tests.faults.tally import sized
from tests.property.home_world import HomeWorld
from tests.property.proposal_steps import ASSETS, IN_HANDS
from tests.property.test_lifecycle_machine import LifecycleMachine
from tests.unit.lifecycle.lifecycle_world import DIRECT, POLICY, D

FOLDED_EVERY, SEARCHED_EVERY = 5, 25
"""Steps between two foldings of the audit log, and between two looks at everything."""

WORDS = st.one_of(
    st.tuples(st.just("pause"), st.fixed_dictionaries({"exits": st.sampled_from(Exits)})),
    st.tuples(st.just("resume"), st.fixed_dictionaries({"override": st.booleans(), "accept": st.none()})),
    st.tuples(st.just("release"), st.fixed_dictionaries({"mode": st.sampled_from(ReleaseMode)})),
    st.tuples(st.just("force_exit"), st.fixed_dictionaries({"typo": st.booleans()})),
    st.tuples(st.just("request"), st.just({"quantity": None})),
    st.tuples(st.just("engine_answers"), st.just({"works": True, "late": False})),
    st.tuples(st.just("approve"), st.just({"wrong": None})),
    st.tuples(st.sampled_from(["reject", "settle", "complete_release"]), st.just({})),
    st.tuples(st.just("open_intent"), st.just({"quantity": D(10)})),
    st.tuples(
        st.just("fill"),
        st.fixed_dictionaries(
            {
                "stray": st.just(value=False),
                "quantity": st.sampled_from([D(4), D(10)]),
                "final": st.booleans(),
                "dust": st.booleans(),
            }
        ),
    ),
)
"""What people, engine and loop may say at the same moment."""
CROWD = st.lists(st.tuples(WORDS, ASSETS), min_size=2, max_size=8)
NAMES, ROLES = st.sampled_from(["bob", "eve"]), st.sampled_from([Role.VIEWER, Role.OPERATOR])


class HomeMachine(LifecycleMachine):
    """Random people, a random market, two coins, one home, and processes that come and go."""

    clock_steps_back = True

    world: HomeWorld  # type: ignore[assignment]  # the same face over a home; the rules use nothing else

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.world = HomeWorld(self.folder / "home")
        self.waiting: list[tuple[NewCommand, bool]] = []
        self.crowded = False
        self.clean = True
        self.steps = 0
        self.delivered: list[NewCommand] = []
        self.users: dict[str, Role] = {}

    def teardown(self) -> None:
        """Look at everything once more."""
        try:
            if self.clean:
                assert_home_is_whole(self.world.app)
        finally:
            self.world.app.close()
            shutil.rmtree(self.folder)

    @initialize(direct=st.booleans())
    def start(self, *, direct: bool) -> None:
        self.direct = direct
        self.world.policy = DIRECT if direct else POLICY
        self.hand_over(asset="SOL")

    # ---- the model's opinion against the home's answer ---------------------------------------------

    def attempt(self, asset: str, payload: p.Payload, *, possible: bool, facts: Any = None) -> Any:
        """Put it on the bus; it must be applied exactly where the model says so."""
        model = self.models.get(asset, {})
        command = self.world.make(payload, asset)
        if command is None:
            assert not possible, f"the bus did not take {payload}"
            return None
        if isinstance(payload, p.ApproveManagedProposal):
            self.world.know(payload, asset, facts)
        if possible:
            self.world.remember_request(command, payload)
            if isinstance(payload, p.PauseManagedAsset):
                model["held_at"] = max(self.world.now, model.get("held_at", self.world.now))
        self.world.enqueue(command)
        self.waiting.append((command, possible))
        self.delivered = [*self.delivered[-50:], command]
        if not self.crowded:
            self.answer()
        return command if possible else None

    def answer(self, *, workers: int = 1) -> None:
        """Let the worker at it, and compare every answer with the model's."""
        before = self.world.contents()
        self.clean = False
        self.world.drain(workers=workers)
        for command, possible in self.waiting:
            outcome = self.world.outcome(command)
            assert outcome.state is not CommandState.FAILED, outcome
            assert (outcome.state is CommandState.APPLIED) is possible, (command, outcome)
            if possible and command.asset != "*":
                self.follow_the_audit(command)
        if not any(possible for _, possible in self.waiting):
            assert self.world.contents() == before, "a refused command changes no document"
        self.waiting.clear()
        self.clean = True

    def follow_the_audit(self, command: NewCommand) -> None:
        """What the record says was before is what the last one said is after."""
        records = self.world.records_of(command)
        assert records, f"{command.type} left no trace"
        for record in records:
            assert record["before"] == self.told.get(command.asset, {"managed": None, "pending": None})
            self.told[command.asset] = record["after"]

    # ---- processes, repeats, time -------------------------------------------------------------------

    @rule(crowd=CROWD, workers=st.sampled_from([1, 1, 2]))
    def at_once(self, *, crowd: list[Any], workers: int) -> None:
        """Many speak before any worker looks; one asset's words keep their order, whoever works."""
        self.crowded = True
        for (name, words), asset in crowd:
            if name != "pause" or self.model(asset)["state"] in IN_HANDS:  # else its rule takes time
                getattr(self, name)(asset=asset, **words)
        self.crowded = False
        self.answer(workers=workers)

    @rule()
    def restart(self) -> None:
        """A new process finds everything on the disk."""
        self.world.restart()

    @rule(which=st.integers(1, 50))
    def deliver_again(self, *, which: int) -> None:
        """A command that comes a second time gets its first answer and changes nothing."""
        if not self.delivered:
            return
        command = self.delivered[-min(which, len(self.delivered))]
        before, told = self.world.contents(), self.world.outcome(command)
        self.world.enqueue(command)
        self.world.drain()
        again = self.world.another()
        outcome = again.applier.apply(command)
        again.close()
        assert (outcome.state, outcome.code) == (told.state, told.code)
        assert self.world.contents() == before

    @rule(hours=st.sampled_from([-200, -24, -1, 1, 400]))
    def clock_jumps(self, *, hours: int) -> None:
        """A time server corrects the wall clock, in either direction."""
        self.world.clock.set_wall(self.world.now + dt.timedelta(hours=hours))

    @rule(asset=ASSETS)
    def asked_before_the_pause(self, *, asset: str) -> None:
        """The pause has the last word over a resume that carries an earlier time."""
        self.pause(asset=asset, exits=Exits.ON)
        self.world.clock.set_wall(self.world.now - dt.timedelta(hours=1))
        self.resume(asset=asset, override=True, accept=None)
        self.world.clock.set_wall(self.world.now + dt.timedelta(hours=1))

    # ---- the commands that the pure machine does not know ---------------------------------------------

    @rule(asset=ASSETS, stop=st.sampled_from([D(90), D(95), D("99.5"), D(101)]))
    def override(self, *, asset: str, stop: Decimal) -> None:
        """C1, M3: at least a percent below 100, wherever the coin is traded or paused."""
        live = self.model(asset)["state"] in {"managed_active", "managed_paused"}
        payload = p.OverrideManagedLevels(reason="x", stop_loss=stop)
        self.attempt(asset, payload, possible=live and stop <= D(99))

    @rule(asset=ASSETS)
    def regime_is_seen(self, *, asset: str) -> None:
        """The reference is BULL here, so there is nothing to set."""
        self.attempt(asset, p.SetReferenceRegime(regime="BEAR", evidence={}), possible=False)

    @rule(asset=ASSETS, kind=st.sampled_from(["price", "regime"]))
    def drift_goes_on(self, *, asset: str, kind: Any) -> None:
        """Other figures for what is recorded already."""
        model = self.model(asset)
        known = model.get("drifts", {}).get(kind) if model["state"] in IN_HANDS else None
        payload = p.UpdateManagedDrift(drift_kind=kind, evidence={"current_price": D(99)})
        if self.attempt(asset, payload, possible=known is not None) and known is not None:
            known["gone"] = False

    @rule()
    def clear_baseline(self) -> None:
        """C3: never while a coin is in the bot's hands."""
        held = any(model["state"] in IN_HANDS for model in self.models.values())
        self.attempt("*", p.NoPayload(), possible=not held)

    @rule(name=NAMES, role=ROLES)
    def add_user(self, *, name: str, role: Role) -> None:
        payload = p.AddUser(user=name, role=role, os_user=f"{name}-account")
        if self.attempt("*", payload, possible=name not in self.users):
            self.users[name] = role

    @rule(name=NAMES, role=ROLES)
    def set_role(self, *, name: str, role: Role) -> None:
        known = self.users.get(name)
        possible = known is not None and known is not role
        if self.attempt("*", p.SetUserRole(user=name, role=role), possible=possible):
            self.users[name] = role

    @rule(name=NAMES)
    def remove_user(self, *, name: str) -> None:
        if self.attempt("*", p.RemoveUser(user=name), possible=name in self.users):
            del self.users[name]

    # ---- what holds after every step ----------------------------------------------------------------

    @invariant()
    def the_log_alone_rebuilds_the_state_and_the_document_fits_its_schema(self) -> None:
        """The log folded is the live file; every so often everything is looked at."""
        self.steps += 1
        if self.steps % FOLDED_EVERY == 0:
            assert compare_with_live(self.world.app.store) == []
        if self.steps % SEARCHED_EVERY == 0:
            assert_home_is_whole(self.world.app)


HomeMachine.TestCase.settings = settings(
    max_examples=sized(8, 60),
    stateful_step_count=sized(80, 300),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLifecycleHome = HomeMachine.TestCase
