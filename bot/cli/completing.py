"""What the shell may complete: coins and ids, from local files alone; never an error, never a wait."""

from collections import deque
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from bot.app.core import HomeContext
from bot.app.environment import default_home
from bot.kernel.errors import BotError
from bot.kernel.reasons import REASONS
from bot.storage.documents import BASELINE_HOLDINGS, MANAGED_STATE
from bot.storage.proposal_reader import list_proposal_ids

_COMMANDS_OFFERED = 50


def complete_assets(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the coins that the baseline or the managed state knows, with their state."""
    try:
        home = _home(ctx)
        managed = home.store.read(MANAGED_STATE).content
        names = sorted({*managed.managed_assets, *home.store.read(BASELINE_HOLDINGS).content.assets})
    except (BotError, OSError):
        return []
    offered = [name for name in names if name.startswith(incomplete.upper())]
    return [CompletionItem(name, help=managed.state_of(name).value) for name in offered]


def complete_proposals(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer coins with a proposal and proposal ids."""
    try:
        ids = list_proposal_ids(_home(ctx).home)
    except (BotError, OSError):
        ids = []
    return [*complete_assets(ctx, param, incomplete), *_beginning(incomplete, ids)]


def complete_commands(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the newest commands' ids, as the logs hold them."""
    return _beginning(incomplete, reversed(command_ids(ctx)))


def complete_explained(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer coins, commands and reason codes."""
    codes = [CompletionItem(code) for code in REASONS if incomplete and code.startswith(incomplete.lower())]
    commands = complete_commands(ctx, param, incomplete) if incomplete else []
    return [*complete_assets(ctx, param, incomplete), *commands, *codes]


def complete_orders(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the orders of the journal, newest first."""
    try:
        log = _home(ctx).store.orders
        ids = dict.fromkeys(str(r["client_order_id"]) for r in log.records() if "client_order_id" in r)
    except (BotError, OSError):
        return []
    return [CompletionItem(name) for name in reversed(ids) if name.startswith(incomplete)]


def command_ids(ctx: click.Context) -> list[str]:
    """Return the newest commands' ids from the audit and the refusals, oldest first."""
    try:
        store = _home(ctx).store
        records = [*store.audit.records(), *store.refusals.records()]
    except (BotError, OSError):
        return []
    records.sort(key=lambda record: str(record["at"]))
    return list(
        dict.fromkeys(
            deque((str(r["command_id"]) for r in records if r.get("command_id")), maxlen=_COMMANDS_OFFERED)
        )
    )


def _beginning(incomplete: str, ids: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in ids if name.startswith(incomplete.lower())]


def _home(ctx: click.Context) -> HomeContext:
    given: Path | None = ctx.find_root().params.get("home")
    return HomeContext(Path(given) if given is not None else default_home())
