"""What must hold after a fault: the old state or the new one, complete, and all copies telling the same."""

from pathlib import Path

from bot.kernel.errors import BotError
from bot.storage.audit_chain import RefusalRecord
from bot.storage.documents import MANAGED_STATE
from bot.storage.rebuild import compare_with_live
from bot.storage.state_store import StateStore
from tests.fakes.command_group import APPLIED, REFUSED, applier_on, apply_all, the_group
from tests.fakes.fake_clock import START
from tests.fakes.storage_faults import add_asset, assert_all_agree, open_store


def add_sol(store: StateStore) -> None:
    """Do the one change that is interrupted everywhere."""
    add_asset(store, "SOL")


def recover_only(store: StateStore) -> None:
    """Open a transaction and do nothing in it."""
    with store.transaction():
        pass


def refuse_one(store: StateStore) -> None:
    """Have one command refused."""
    refuse(store, "refused-1")


def refuse(store: StateStore, command_id: str) -> None:
    """Have a command refused."""
    told = RefusalRecord(
        at=START, command_id=command_id, type="t", asset="SOL", actor="user_ann", code="stale", reason="Old."
    )
    with store.transaction() as work:
        work.refuse(told)


def apply_group(store: StateStore) -> None:
    """Apply three commands and a refused one together."""
    outcomes = apply_all(applier_on(store), the_group())
    assert [outcome.code for outcome in outcomes] == [
        "applied",
        "applied",
        "transition_not_allowed",
        "applied",
    ]


def old_or_new(
    root: Path, *, must_be_new: bool = False, must_be_old: bool = False, alarms: bool = False
) -> bool:
    """Recover and say whether the change is there; then it is there once, and else it can still be made.

    Raises:
        AssertionError: Something was lost, doubled, half there, or told differently by two copies.
    """
    store = open_store(root)
    with store.transaction() as work:
        assert alarms or work.recovery.alarms == (), "a crash is no reason for an alarm"
        is_new = work.applied("add-sol") is not None
        content = work.current(MANAGED_STATE).content
    assert set(content.managed_assets) == ({"BTC", "SOL"} if is_new else {"BTC"})
    assert is_new or not must_be_new, "an acknowledged change is gone"
    assert not (is_new and must_be_old), "a change that was refused is there"
    assert store.read(MANAGED_STATE).content == content, "the public file tells something else"
    assert_all_agree(store)
    if not is_new:
        add_sol(store)
        assert_all_agree(store)
    assert compare_with_live(store) == [], "the audit log gives another state"
    assert len(list(store.audit.records(command_id="add-sol"))) == 1
    return is_new


def problem(root: Path, *, must_be_new: bool = False, alarms: bool = False) -> str | None:
    """Return what `old_or_new` found wrong, or None."""
    try:
        old_or_new(root, must_be_new=must_be_new, alarms=alarms)
    except (AssertionError, BotError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None


def refusal_problem(root: Path, *, must_be_new: bool = False) -> str | None:
    """Return what is wrong with the refusals after a recovery, or None."""
    try:
        store = open_store(root)
        recover_only(store)
        assert_all_agree(store)
        found = [record["command_id"] for record in store.refusals.records()]
        assert found in ([], ["refused-1"]), f"the refusals are {found}"
        assert found or not must_be_new, "an acknowledged refusal is gone"
        refuse(store, "refused-2")
        assert_all_agree(store)
        assert [record["command_id"] for record in store.refusals.records()] == [*found, "refused-2"]
    except (AssertionError, BotError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None


def group_problem(
    root: Path, *, must_be_new: bool = False, alarms: bool = False, told: bool = False
) -> str | None:
    """Return what is wrong with a group after a recovery, or None.

    All of its commands are in, or none; a refusal is never there without them; delivered again, each gets
    its own answer and is in the logs once.
    """
    try:
        _check_group(root, must_be_new=must_be_new, alarms=alarms, told=told)
    except (AssertionError, BotError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None


def _check_group(root: Path, *, must_be_new: bool, alarms: bool, told: bool) -> None:
    store = open_store(root)
    with store.transaction() as work:
        assert alarms or work.recovery.alarms == (), "a crash is no reason for an alarm"
        places = [known.serial if (known := work.applied(uid)) is not None else None for uid in APPLIED]
    is_new = places[0] is not None
    assert len(set(places)) == 1, f"half of a group is there: {places}"
    assert is_new or not must_be_new, "an acknowledged group is gone"
    refused = [record["command_id"] for record in store.refusals.records()]
    assert refused in ([], [REFUSED]), f"the refusals are {refused}"
    assert is_new or not refused, "a refusal is there without the commit on which it was decided"
    assert refused or not told, "an acknowledged refusal is gone"
    assert_all_agree(store)
    outcomes = apply_all(applier_on(store), the_group())
    found = [(outcome.code, outcome.applied_serial is not None) for outcome in outcomes]
    no = ("transition_not_allowed", False)
    assert found == [("applied", True), ("applied", True), no, ("applied", True)], f"told: {found}"
    repeated = [bool(outcome.detail.get("repeated")) for outcome in outcomes]
    assert repeated == [is_new, is_new, bool(refused), is_new], f"repeated: {repeated}"
    for uid in APPLIED:
        assert len(list(store.audit.records(command_id=uid))) == 1, f"{uid} is not once in the audit"
    assert [record["command_id"] for record in store.refusals.records()] == [REFUSED]
    assert_all_agree(store)
    assert compare_with_live(store) == [], "the audit log gives another state"
