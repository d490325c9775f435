"""The engine's shell: takes a request up, fetches, computes, writes the file, tells the bus.

1. One engine per asset at a time, over all processes (a lock beside the state's, freed on death).
2. An interrupted request is taken up again under a new id; after three tries it aborts.
   A process that ends stops it between two steps, which counts as an interruption too.
3. R2: the balance is fetched again just before the file is written; zero aborts (`no_balance`),
   unknown is tried again and then aborts (`balance_unknown`).
4. The file is written before `complete_managed_proposal`; one without an audit record is an orphan (D3).
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from bot import __version__
from bot.commands.engine_steps import EngineStep, EngineStoppedError, StepTeller, TellStep
from bot.commands.proposal_facts import FactLimits, ReadOnlyExchange, fetch_proposal_facts, market_of
from bot.commands.sender import CommandSender
from bot.holdings.wallet import WalletSnapshot
from bot.kernel.clock import Clock
from bot.kernel.errors import (
    BotError,
    ExchangeError,
    ExchangeUnavailableError,
    LockHeldError,
    StorageError,
)
from bot.kernel.ids import IdSource
from bot.lifecycle.command_payloads import (
    AbortManagedProposal,
    BeginManagedProposal,
    CompleteManagedProposal,
    EntryMethod,
    Payload,
)
from bot.lifecycle.commands import CommandOutcome, CommandState, CommandType
from bot.lifecycle.documents import ManagedAsset
from bot.lifecycle.policy import LifecyclePolicy
from bot.lifecycle.states import AssetState
from bot.proposals.abort import Abort, abort
from bot.proposals.document import Proposal, to_document
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.inputs import collect_inputs
from bot.proposals.policy import ProposalPolicy
from bot.proposals.proposal_engine import make_proposal
from bot.storage.documents import MANAGED_STATE, POSITIONS
from bot.storage.files.locks import hold
from bot.storage.process_info import this_process
from bot.storage.proposal_reader import proposals_of
from bot.storage.proposal_writer import write_input, write_proposal
from bot.storage.state_store import StateStore

_BALANCE_TRIES = 3
_BALANCE_WAIT_S = 0.5


class ProposalResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one request ended: `applied`, or the reason code of its abort."""

    asset: str
    proposal_id: str
    code: str
    sentence: str


class ProposalMaker:
    """Makes the proposals that wait, one after the other."""

    def __init__(
        self,
        store: StateStore,
        exchange: ReadOnlyExchange,
        *,
        sender: CommandSender,
        clock: Clock,
        ids: IdSource,
        policy: Callable[[], LifecyclePolicy],
        proposal_policy: Callable[[], ProposalPolicy],
        limits: Callable[[], FactLimits],
        language: Callable[[], str],
        breaker_state: Callable[[], str] = lambda: "closed",
    ) -> None:
        self._store = store
        self._exchange = exchange
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._policy = policy
        self._proposal_policy = proposal_policy
        self._limits = limits
        self._language = language
        self._breaker_state = breaker_state

    def waiting(self) -> tuple[str, ...]:
        """Return the coins whose proposal is pending, those that an engine works on included."""
        pending = self._store.read(MANAGED_STATE).content.pending_proposals
        return tuple(
            asset for asset, line in sorted(pending.items()) if line.state is AssetState.PROPOSAL_PENDING
        )

    def make_waiting(self) -> list[ProposalResult]:
        """Make every proposal that is pending and that no other engine works on, one after the other."""
        made = (self.make(asset) for asset in self.waiting())
        return [result for result in made if result is not None]

    def make(self, asset: str, *, should_stop: Callable[[], bool] = lambda: False) -> ProposalResult | None:
        """Make one coin's pending proposal; any number of threads may do so for different coins.

        Args:
            asset: The coin.
            should_stop: Asked before each step; true leaves the request to the next worker.

        Returns:
            How it ended, or None: another engine works on it, nothing was pending, or it was stopped.

        Raises:
            StorageError: The state could not be read or written.
        """
        try:
            with hold(self._engine_lock(asset), clock=self._clock, what="engine", timeout_s=0):
                return self._make_one(asset, should_stop)
        except LockHeldError:
            return None  # another process or thread is at work on it

    def _engine_lock(self, asset: str) -> Path:
        return self._store.home.locks / f"engine-{asset}.lock"

    def _make_one(self, asset: str, should_stop: Callable[[], bool]) -> ProposalResult | None:
        pending = self._store.read(MANAGED_STATE).content.pending_proposals.get(asset)
        if pending is None or pending.state is not AssetState.PROPOSAL_PENDING:
            return None
        begin = BeginManagedProposal(proposal_id=pending.proposal_id, new_proposal_id=self._ids.new_id())
        outcome = self._send(CommandType.BEGIN_MANAGED_PROPOSAL, asset, begin)
        if outcome.state is CommandState.APPLIED:
            proposal_id = str(outcome.detail["proposal_id"])
            teller = StepTeller(
                self._store.home,
                asset=asset,
                proposal_id=proposal_id,
                process=this_process(__version__),
                clock=self._clock,
                should_stop=should_stop,
            )
            try:
                return self._attempt(asset, proposal_id, teller)
            except EngineStoppedError:
                return None
            finally:
                teller.done()
        if outcome.code == "interrupted":
            return self._abort(asset, pending.proposal_id, "interrupted", outcome.reason)
        return None  # decided otherwise meanwhile

    def _attempt(self, asset: str, proposal_id: str, tell: TellStep) -> ProposalResult:
        entry = self._store.read(MANAGED_STATE).content.managed_assets[asset]
        try:
            made = self._compute(asset, proposal_id, entry, tell)
        except ExchangeError as error:
            return self._abort(asset, proposal_id, "market_unavailable", f"{error.what}: {error.why}")
        except (StorageError, EngineStoppedError):
            raise
        except BotError as error:  # also a broken stop rule (SR-11, SR-14): it ends this act alone
            return self._abort(asset, proposal_id, error.code, str(error))
        except Exception as error:  # noqa: BLE001 - a defect ends this proposal, never the loop that guards
            return self._abort(asset, proposal_id, "unexpected", f"{type(error).__name__}: {error}")
        if isinstance(made, Abort):
            return self._abort(asset, proposal_id, made.code, made.sentence)
        tell(EngineStep.WRITING)
        return self._keep(asset, made)

    def _compute(self, asset: str, proposal_id: str, entry: ManagedAsset, tell: TellStep) -> Proposal | Abort:
        tell(EngineStep.BALANCE)
        limits, policy = self._limits(), self._proposal_policy()
        rules = market_of(self._exchange, asset, limits.quote)
        if rules is None:
            return Abort(
                code="market_unavailable",
                sentence=f"{self._exchange.capabilities.name} has no active market {asset}/{limits.quote}.",
                help="Leave the coin frozen.",
            )
        wallet = self._balance(asset)
        if wallet.total(asset) is None:
            return abort("balance_unknown", f"The exchange did not tell how much {asset} there is.")
        facts = fetch_proposal_facts(
            self._exchange,
            rules,
            wallet=wallet,
            positions=self._store.read(POSITIONS).content,
            limits=limits,
            circuit_breaker_state=self._breaker_state(),
            tell=tell,
        )
        tell(EngineStep.COMPUTING)
        facts = msgspec.structs.replace(facts, wallet=self._balance(asset))
        return self._make(proposal_id, _request_of(asset, entry), facts, policy)

    def _make(
        self, proposal_id: str, request: ProposalRequest, facts: ProposalFacts, policy: ProposalPolicy
    ) -> Proposal | Abort:
        inputs = collect_inputs(facts, policy)
        made = make_proposal(
            proposal_id=proposal_id,
            proposal_version=1 + len(proposals_of(self._store.home, request.asset)),
            request=request,
            facts=facts,
            policy=policy,
            now=self._clock.now().replace(microsecond=0),
            ttl=self._policy().proposal_ttl,
            inputs=tuple(item.record for item in inputs),
            language=self._language(),
        )
        if isinstance(made, Proposal):
            for item in inputs:
                write_input(self._store.home, item.payload)
        return made

    def _balance(self, asset: str) -> WalletSnapshot:
        """R2: return an answer about this coin, asked for again while it is unknown; the engine judges it."""
        newest = WalletSnapshot(balances={}, observed_at=self._clock.now(), complete=False)
        for attempt in range(_BALANCE_TRIES):
            try:
                newest = self._exchange.wallet()
            except ExchangeUnavailableError:
                newest = WalletSnapshot(balances={}, observed_at=self._clock.now(), complete=False)
            if newest.total(asset) is not None:
                return newest
            if attempt + 1 < _BALANCE_TRIES:
                self._clock.sleep(_BALANCE_WAIT_S)
        return newest

    def _keep(self, asset: str, proposal: Proposal) -> ProposalResult:
        try:
            write_proposal(self._store.home, to_document(proposal))
        except BotError as error:
            if error.code != "schema_invalid":
                raise
            return self._abort(asset, proposal.proposal_id, "schema_invalid", error.why)
        payload = CompleteManagedProposal(
            proposal_id=proposal.proposal_id,
            proposal_digest=proposal.digest,
            generated_at=proposal.generated_at,
            expires_at=proposal.expires_at,
        )
        outcome = self._send(CommandType.COMPLETE_MANAGED_PROPOSAL, asset, payload)
        return ProposalResult(
            asset=asset, proposal_id=proposal.proposal_id, code=outcome.code, sentence=outcome.reason
        )

    def _abort(self, asset: str, proposal_id: str, code: str, sentence: str) -> ProposalResult:
        payload = AbortManagedProposal(proposal_id=proposal_id, reason_code=code, sentence=sentence[:2000])
        self._send(CommandType.ABORT_MANAGED_PROPOSAL, asset, payload)
        return ProposalResult(asset=asset, proposal_id=proposal_id, code=code, sentence=sentence)

    def _send(self, command_type: CommandType, asset: str, payload: Payload) -> CommandOutcome:
        return self._sender.send(command_type, asset, payload, actor="bot")


def _request_of(asset: str, entry: ManagedAsset) -> ProposalRequest:
    return ProposalRequest(
        asset=asset,
        requested_quantity=entry.requested_quantity,
        synthetic_entry_method=EntryMethod(entry.requested_entry_method or EntryMethod.CURRENT_PRICE),
        synthetic_entry_value=entry.requested_entry_value,
    )
