"""`bot doctor`: is this home sound, and what should somebody do? It looks, and changes no file of the state.

PASS is fine, WARN is for later, FAIL is for now. One check that cannot be made never hides the others.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from bot.app.drift_view import drift_view
from bot.app.trading_view import trading_view
from bot.app.wiring import App
from bot.holdings.wallet import AccountRights
from bot.kernel.clock import iso_z
from bot.kernel.errors import BotError, ExchangeError, SettingsError
from bot.observability.queue_words import queue_words
from bot.storage.documents import MANAGED_STATE
from bot.storage.files.locks import who_holds
from bot.storage.heartbeat import read_heartbeat
from bot.storage.home import file_system_of
from bot.storage.home_health import age_of, free_bytes, newest_copy
from bot.storage.orphans import orphaned_proposals
from bot.storage.rebuild import compare_with_live
from bot.storage.sql.engine import WAL_SAFE_VERSION, sqlite_module, version_of

_FREE_WARN, _FREE_FAIL = 1024**3, 64 * 1024**2
_COPY_AGE = dt.timedelta(days=7)
_QUEUE_WINDOW, _QUEUE_ROWS, _QUEUE_AGE_S = dt.timedelta(hours=1), 10_000, 60
_BEAT_AGE_S, _SKEW_WARN_S, _SKEW_FAIL_S = 10, 1, 5


class Verdict(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a secret
    WARN = "WARN"
    FAIL = "FAIL"


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check: what was found, and what helps where it is not fine."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""


def examine_home(app: App, *, exchange: bool = True) -> list[Check]:
    """Make every check, in the order in which a person would look.

    Args:
        app: The home.
        exchange: Ask the exchange too.
    """
    first = _safely("settings", app, _settings)
    if any(check.verdict is Verdict.FAIL for check in first):
        return first  # without settings nobody knows what to look for
    works: list[tuple[str, Callable[[App], Iterator[Check]]]] = [
        ("files", _files),
        ("audit gives the state", _parity),
        ("state lock", _lock),
        ("disk", _disk),
        ("database", _database),
        ("queue", _queue),
        ("heartbeat", _heartbeat),
        ("trading", _trading),
        ("copy of the home", _copy),
        ("orphaned proposals", _orphans),
    ]
    if exchange:
        works.append(("exchange", _exchange))
    return [*first, *(check for name, work in works for check in _safely(name, app, work))]


def _safely(name: str, app: App, work: Callable[[App], Iterator[Check]]) -> list[Check]:
    done: list[Check] = []
    try:
        done.extend(work(app))
    except ExchangeError as error:
        done.append(_from_error(name, error, Verdict.WARN))
    except BotError as error:
        done.append(_from_error(name, error, Verdict.FAIL))
    except OSError as error:
        done.append(Check(name=name, verdict=Verdict.FAIL, found=f"unreadable: {error.strerror or error}"))
    return done


def _settings(app: App) -> Iterator[Check]:
    environment = app.settings["environment"]
    yield Check(name="settings", verdict=Verdict.PASS, found=f"readable, environment {environment}")


def _files(app: App) -> Iterator[Check]:
    """Modes, schema, checksum, lineage, versions and both chains, as `bot state check` finds them."""
    verdicts = {"ok": Verdict.PASS, "warning": Verdict.WARN, "error": Verdict.FAIL}
    for finding in app.store.check():
        path = Path(finding.path)
        short = path.relative_to(app.home.root) if path.is_relative_to(app.home.root) else path
        yield Check(
            name=str(short),
            verdict=verdicts[finding.severity],
            found=finding.what,
            fix=finding.fix if finding.severity != "ok" else "",
        )


def _parity(app: App) -> Iterator[Check]:
    differences = compare_with_live(app.store)
    yield Check(
        name="audit gives the state",
        verdict=Verdict.FAIL if differences else Verdict.PASS,
        found=differences[0] if differences else "the audit log alone gives the live state",
        fix="bot state rebuild lists every difference" if differences else "",
    )


def _lock(app: App) -> Iterator[Check]:
    holder = who_holds(app.home.state_lock)
    found = "free" if holder is None else f"held by {holder.what}, process {holder.pid} on {holder.host}"
    yield Check(name="state lock", verdict=Verdict.PASS, found=found)


def _disk(app: App) -> Iterator[Check]:
    free = free_bytes(app.home.state)
    verdict = Verdict.PASS if free >= _FREE_WARN else Verdict.WARN if free >= _FREE_FAIL else Verdict.FAIL
    yield Check(
        name="free disk",
        verdict=verdict,
        found=f"{free // 1024**2} MiB",
        fix="" if verdict is Verdict.PASS else "Make room: no commit is possible on a full disk.",
    )
    kind = file_system_of(app.home.state)
    known = kind in {"ext4", "ext3", "xfs", "btrfs", "zfs", "f2fs"}
    yield Check(
        name="file system",
        verdict=Verdict.PASS if known else Verdict.WARN,
        found=kind or "not told by the system",
        fix="" if known else "Locks and links were tried on ext4, xfs, btrfs, zfs; prefer one of them.",
    )


def _database(app: App) -> Iterator[Check]:
    version = version_of(sqlite_module())
    safe = version >= WAL_SAFE_VERSION
    told = ".".join(map(str, version))
    yield Check(
        name="SQLite",
        verdict=Verdict.PASS if safe else Verdict.WARN,
        found=f"{told}, {'write-ahead log' if safe else 'rollback journal, because its log is not safe'}",
        fix="" if safe else "pip install pysqlite3 gives a newer one.",
    )
    waiting = app.queue.figures(window=_QUEUE_WINDOW, at_most=1).waiting
    yield Check(name="database", verdict=Verdict.PASS, found=f"answers, {waiting} commands wait")


def _queue(app: App) -> Iterator[Check]:
    """How long the oldest command has waited, and whether some ended as failed."""
    figures = app.queue.figures(window=_QUEUE_WINDOW, at_most=_QUEUE_ROWS, count_failed=True)
    stuck = (figures.oldest_waiting_s or 0) > _QUEUE_AGE_S
    yield Check(
        name="queue",
        verdict=Verdict.WARN if stuck else Verdict.PASS,
        found=queue_words(figures),
        fix="Nobody takes commands: bot run, or bot worker --once" if stuck else "",
    )
    yield Check(
        name="failed commands",
        verdict=Verdict.WARN if figures.failed_kept else Verdict.PASS,
        found=f"{figures.failed_kept or 'none'} among all that are kept",
        fix="bot commands ls --state failed tells why; send anew what is still wanted"
        if figures.failed_kept
        else "",
    )


def _heartbeat(app: App) -> Iterator[Check]:
    beat = read_heartbeat(app.home)
    if beat is None or not beat.is_alive:
        in_hands = any(
            entry.state.value.startswith("managed_")
            for entry in app.store.read(MANAGED_STATE).content.managed_assets.values()
        )
        left = "nobody works here" if beat is None else f"process {beat.pid} is gone without an end"
        yield Check(
            name="heartbeat",
            verdict=Verdict.WARN,
            found=f"{left}{'; coins in its hands are without protection' if in_hands else ''}",
            fix="bot run",
        )
        return
    age_s = (app.clock.now() - beat.at).total_seconds()
    stale = age_s > _BEAT_AGE_S
    hangs = f"; hangs: {', '.join(beat.late)}" if beat.late else ""
    yield Check(
        name="heartbeat",
        verdict=Verdict.WARN if stale or hangs else Verdict.PASS,
        found=f"{beat.what} {beat.pid}, {age_s:.0f} s ago{hangs}",
        fix="It hangs: look at its output, then stop and start it." if stale or hangs else "",
    )


def _trading(app: App) -> Iterator[Check]:
    """Whether the bot trades, and whether somebody switched the watchdog off."""
    view = trading_view(app)
    off = [name for name, limit in view.limits.items() if limit == 0]
    found = f"halted since {iso_z(view.since)}: {view.text} [{view.code}]" if view.since else "no halt"
    yield Check(
        name="trading",
        verdict=Verdict.WARN if view.halted or off else Verdict.PASS,
        found="; ".join([found, *(f"{name} is off" for name in off)]),
        fix=view.helps[0] if view.halted else "bot settings show tells the watchdog's limits" if off else "",
    )


def _copy(app: App) -> Iterator[Check]:
    mirror = app.settings["backup.mirror"]
    found = newest_copy(app.home, Path(mirror) if mirror else None)
    now = app.clock.now()
    old = found is None or now - found[1].made_at > _COPY_AGE
    told = "none" if found is None else f"{found[0]}, {age_of(found[1].made_at, now)} old"
    yield Check(
        name="copy of the home",
        verdict=Verdict.WARN if old else Verdict.PASS,
        found=told,
        fix="bot state backup FOLDER on another disk; or set backup.mirror" if old else "",
    )


def _orphans(app: App) -> Iterator[Check]:
    names = orphaned_proposals(app.store, now=app.clock.now())
    yield Check(
        name="orphaned proposals",
        verdict=Verdict.WARN if names else Verdict.PASS,
        found=", ".join(name[:8] for name in names) or "none",
        fix="bot worker --once moves them to risk_proposals/attic" if names else "",
    )


def _exchange(app: App) -> Iterator[Check]:
    try:
        gateway = app.gateway
    except SettingsError as error:
        yield _from_error("exchange", error, Verdict.FAIL)
        return
    before = app.clock.now()
    server = gateway.server_time()
    after = app.clock.now()
    skew_s = abs((server - (before + (after - before) / 2)).total_seconds())
    verdict = (
        Verdict.PASS if skew_s < _SKEW_WARN_S else Verdict.WARN if skew_s < _SKEW_FAIL_S else Verdict.FAIL
    )
    yield Check(
        name="clock",
        verdict=verdict,
        found=f"{skew_s:.1f} s off the exchange's",
        fix="" if verdict is Verdict.PASS else "Let the system keep time: timedatectl set-ntp true",
    )
    yield rights_check(gateway.account_rights())
    wallet = gateway.wallet()
    yield Check(
        name="balances",
        verdict=Verdict.PASS if wallet.complete else Verdict.WARN,
        found=f"{len(wallet.balances)} coins read{'' if wallet.complete else ', not all of them'}",
        fix="" if wallet.complete else "Try again later; missing is never taken as zero.",
    )
    yield _balance_match(app)


def rights_check(rights: AccountRights) -> Check:
    """Whether the key can do what the bot needs (trade) and no more (never withdraw)."""
    told = {True: "on", False: "off", None: "not told"}
    found = f"trading {told[rights.can_trade]}, withdrawals {told[rights.can_withdraw]}"
    verdict, fix = Verdict.PASS, ""
    if rights.can_trade is False:
        verdict, fix = Verdict.FAIL, "No exit can be sold: allow trading for this key at the exchange."
    elif rights.can_withdraw is not False:
        verdict, fix = Verdict.WARN, "Use a key that cannot withdraw: the bot never needs it."
    return Check(name="API key rights", verdict=verdict, found=found, fix=fix)


def _balance_match(app: App) -> Check:
    """Whether what is recorded of each coin in the bot's hands is there, by the loop's own comparison."""
    view = drift_view(app, None, offline=False)
    off = [f"{line.asset} ({', '.join(line.drifted)})" for line in view.lines if line.drifted]
    unsure = [line.asset for line in view.lines if line.difference is None]
    if off:
        found, fix = (
            f"record and reality differ: {', '.join(off)}",
            "bot drift tells what differs, what helps",
        )
    elif unsure:
        found, fix = f"not told for {', '.join(unsure)}", "Try again later; missing is never taken as zero."
    else:
        found, fix = f"{len(view.lines)} coins in the bot's hands, each as recorded", ""
    return Check(name="balance match", verdict=Verdict.WARN if fix else Verdict.PASS, found=found, fix=fix)


def _from_error(name: str, error: BotError, verdict: Verdict) -> Check:
    return Check(name=name, verdict=verdict, found=f"{error.what} {error.why}", fix=error.fix)
