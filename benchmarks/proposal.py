"""One proposal: what the engine computes beside what its requests to an exchange take, in the same run.

The exchange is the box in a process of its own, over HTTP on the loopback: no exchange is nearer.
"""

import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from benchmarks.measure import Result, compare
from bot.app.new_home import initialise_home
from bot.app.wiring import App
from bot.commands.proposal_facts import DAILY_BARS, FactLimits, fetch_proposal_facts, market_of
from bot.holdings.positions import PositionsContent
from bot.proposals.document import Proposal, variants_of
from bot.proposals.facts import ProposalFacts, ProposalRequest
from bot.proposals.inputs import collect_inputs
from bot.proposals.policy import policy_for
from bot.proposals.proposal_engine import make_proposal

REPOSITORY = Path(__file__).resolve().parents[1]
ROUNDS = 11
ASSET, QUOTE = "SOL", "USDT"


def measure(*, quick: bool = False) -> list[Result]:
    """Fetch and compute a proposal some times, in turns."""
    with tempfile.TemporaryDirectory(prefix="bench-proposal-") as folder, box_home(Path(folder)) as app:
        took = [one_round(app) for _ in range((1 if quick else ROUNDS) + 1)][1:]
    fetching, computing = (statistics.median(column) for column in zip(*took, strict=True))
    return [
        compare(
            "proposal, computing it (1,500 days)",
            ours=computing,
            theirs=fetching,
            unit="ms",
            against="its HTTP calls to the box",
            times=1.0,
        )
    ]


def one_round(app: App) -> tuple[float, float]:
    """Return the milliseconds of fetching the facts and of making the proposal with its inputs."""
    start = time.perf_counter()
    facts = fetched(app)
    between = time.perf_counter()
    proposal = computed(app, facts)
    end = time.perf_counter()
    check(proposal)
    return (between - start) * 1_000, (end - between) * 1_000


def fetched(app: App) -> ProposalFacts:
    """Return the facts of a proposal, the balance asked for twice (R2)."""
    gateway = app.gateway
    rules = market_of(gateway, ASSET, QUOTE)
    if rules is None:
        raise AssertionError("the box has no such market")
    gateway.wallet()
    return fetch_proposal_facts(
        gateway,
        rules,
        wallet=gateway.wallet(),
        positions=PositionsContent(),
        limits=FactLimits(
            environment="sandbox", quote=QUOTE, investable_capital_usdt=Decimal(0), blacklist=()
        ),
    )


def computed(app: App, facts: ProposalFacts) -> Proposal:
    """Return the proposal with its inputs' digests, as the engine makes it."""
    policy, now = policy_for(facts.environment), facts.ticker.observed_at
    made = make_proposal(
        proposal_id=app.ids.new_id(),
        proposal_version=1,
        request=ProposalRequest(asset=ASSET),
        facts=facts,
        policy=policy,
        now=now,
        ttl=dt.timedelta(days=7),
        inputs=tuple(item.record for item in collect_inputs(facts, policy)),
    )
    proposal = made if isinstance(made, Proposal) else None
    if proposal is None:
        raise AssertionError(f"no proposal: {made}")
    return proposal


def check(proposal: Proposal) -> None:
    """Raise unless all was computed that the figure speaks of."""
    rehearsal = proposal.rehearsal
    whole = rehearsal is not None and len(rehearsal.variants) == len(variants_of(proposal))
    if not whole or proposal.market_context.daily_bars < DAILY_BARS - 1:
        raise AssertionError(f"{proposal.market_context.daily_bars} days, rehearsal whole: {whole}")


@contextmanager
def box_home(root: Path) -> Iterator[App]:
    """Yield the app of a new home whose box runs in another process."""
    initialise_home(root, environment="sandbox")
    command = [sys.executable, "-m", "bot.main", "--home", str(root), "box", "serve", "--json"]
    with subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ}, stdout=subprocess.PIPE) as box:
        try:
            if box.stdout is None or "rest_url" not in json.loads(box.stdout.readline()):
                raise AssertionError("the box did not say where it listens")
            app = App(root, environ={})
            try:
                yield app
            finally:
                app.close()
        finally:
            box.terminate()
