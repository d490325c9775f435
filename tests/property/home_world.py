"""The face of `LifecycleWorld` over a real home: files, SQLite, bus, worker, views of several processes.

What a person, the engine or the loop says goes onto the bus; the facts of an approval are said by the test.
"""

import datetime as dt
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.commands.apply import CommandApplier
from bot.commands.registry import SPECS
from bot.kernel.errors import UsageError
from bot.lifecycle.approval_rules import ApprovalFacts, ProposalOffer
from bot.lifecycle.command_payloads import ApproveManagedProposal, Payload, RequestManagedProposal
from bot.lifecycle.commands import CommandOutcome, NewCommand
from bot.lifecycle.documents import ManagedAsset, ManagedStateContent
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.states import ActorKind
from bot.storage.documents import ALL_KINDS, MANAGED_STATE
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sequential_ids import SequentialIds
from tests.unit.lifecycle.lifecycle_world import NOW, POLICY, TYPES

IDS_PER_LIFE = 1_000_000


class HomeApp(App):
    """One process's view of the home, with the rules and the facts that the test says."""

    def __init__(self, world: "HomeWorld", *, life: int) -> None:
        ids = SequentialIds(first=life * IDS_PER_LIFE + 1)
        super().__init__(world.root, environ={}, clock=world.clock, ids=ids)
        self._world = world

    @cached_property
    def applier(self) -> CommandApplier:
        """Return the applier under the test's policy; all else is the product's."""
        return CommandApplier(
            self.store,
            clock=self.clock,
            policy=lambda: self._world.policy,
            users=lambda: self.settings.users,
            facts=self._world,
            review=self.review_settings,
        )


class HomeWorld:
    """A real home for the lifecycle's machine."""

    def __init__(self, root: Path, policy: LifecyclePolicy = POLICY) -> None:
        initialise_home(root, environment="sandbox")
        self.root = root
        self.policy = policy
        self.clock = FakeClock(NOW)
        self.known: dict[tuple[str, str], ApprovalFacts] = {}
        self.requested: dict[str, str] = {}
        self.lives = 0
        self.app = HomeApp(self, life=0)

    # ---- one process after another, or two at once --------------------------------------------------

    def restart(self) -> None:
        """Go on as a new process: nothing remembered but what is on the disk."""
        self.app.close()
        self.app = self.another()
        self.app.recover()

    def another(self) -> HomeApp:
        """Return a further process's view of the same home."""
        self.lives += 1
        return HomeApp(self, life=self.lives)

    def drain(self, *, workers: int = 1) -> None:
        """Let as many workers at the queue at once."""
        if workers == 1:
            self.app.worker.drain()
            return
        views = [self.another() for _ in range(workers)]
        errors: list[BaseException] = []

        def work(view: HomeApp) -> None:
            try:
                view.worker.drain()
            except BaseException as error:  # noqa: BLE001 - told by the main thread
                errors.append(error)
            finally:
                view.close()

        threads = [threading.Thread(target=work, args=(view,)) for view in views]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors
        self.app.worker.drain()  # what one passed over because the other had it in hand

    # ---- saying things ----------------------------------------------------------------------------

    def make(self, payload: Payload, asset: str) -> NewCommand | None:
        """Return a command, or None where the bus does not even take it."""
        command = TYPES[type(payload)]
        who = {ActorKind.USER: self.app.actor, ActorKind.BOT: "bot", ActorKind.SYSTEM: "system"}
        try:
            return self.app.maker.make(command, asset, payload, actor=who[SPECS[command].actor])
        except UsageError:
            return None

    def enqueue(self, command: NewCommand) -> None:
        """Put it on the bus; delivered again it stays one row."""
        assert self.app.queue.enqueue(command).uid == command.uid

    def outcome(self, command: NewCommand) -> CommandOutcome:
        """Return what the bus tells of it."""
        row = self.app.queue.get(command.uid)
        assert row is not None
        assert row.outcome is not None, f"{command.type} has no outcome"
        return row.outcome

    def remember_request(self, command: NewCommand, payload: Payload) -> None:
        """Keep the id under which its proposal will be known."""
        if isinstance(payload, RequestManagedProposal):
            self.requested[command.asset] = command.uid

    # ---- facts of an approval -----------------------------------------------------------------------

    def facts(self, *, changed_offer: ProposalOffer) -> ApprovalFacts:
        """Say what file, market and wallet say; the price is the reference."""
        return ApprovalFacts(
            offer=changed_offer,
            price=changed_offer.reference_price,
            wallet_quantity=changed_offer.wallet_quantity,
            observed_at=self.now,
        )

    def know(self, payload: ApproveManagedProposal, asset: str, facts: ApprovalFacts) -> None:
        """Keep the facts until the applier asks for them."""
        self.known[asset, payload.proposal_id] = facts

    def facts_for(self, asset: str, payload: ApproveManagedProposal) -> ApprovalFacts:
        """Return what the test said, as seen now."""
        return msgspec.structs.replace(self.known[asset, payload.proposal_id], observed_at=self.clock.now())

    # ---- what is ----------------------------------------------------------------------------------

    @property
    def now(self) -> dt.datetime:
        """Return the wall clock's time."""
        return self.clock.now()

    @property
    def content(self) -> ManagedStateContent:
        """Return the managed state as it lies on the disk."""
        return self.app.store.read(MANAGED_STATE).content

    def entry(self, asset: str) -> ManagedAsset:
        """Return one coin's entry."""
        return self.content.managed_assets[asset]

    def proposal_id(self, asset: str) -> str:
        """Return the id of the newest request that was granted."""
        return self.requested[asset]

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.clock.advance(dt.timedelta(**time).total_seconds())

    def contents(self) -> dict[str, object]:
        """Return every document's content."""
        return {kind.name: self.app.store.read(kind).content for kind in ALL_KINDS}

    def records_of(self, command: NewCommand) -> list[dict[str, Any]]:
        """Return what the audit tells of a command about its asset."""
        found = self.app.store.audit.records(command_id=command.uid)
        return [dict(record) for record in found if record["asset"] == command.asset]
