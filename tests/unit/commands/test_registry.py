"""Who may send what, and what goes first."""

import pytest

from bot.commands.registry import RISK_LOWERING, SPECS, Document, spec_of
from bot.kernel.errors import RefusedError
from bot.lifecycle.command_payloads import PAYLOADS
from bot.lifecycle.commands import CommandType as C
from bot.lifecycle.roles import Role, User, role_of, user_of_account

USERS = {
    "vic": User(role=Role.VIEWER, os_user="vic"),
    "otto": User(role=Role.OPERATOR, os_user="otto"),
    "ann": User(role=Role.ADMIN, os_user="root2"),
}
# The specification's table (§4): who may send which command.
OPERATORS = {
    C.REQUEST_MANAGED_PROPOSAL,
    C.PAUSE_MANAGED_ASSET,
    C.RESUME_MANAGED_ASSET,
    C.RELEASE_MANAGED_ASSET,
    C.HALT_TRADING,
    C.RESUME_TRADING,
}
ADMINS = {
    C.APPROVE_MANAGED_PROPOSAL,
    C.REJECT_MANAGED_PROPOSAL,
    C.OVERRIDE_MANAGED_LEVELS,
    C.FORCE_MANAGED_EXIT,
    C.APPLY_BASELINE_HOLDINGS,
    C.CLEAR_BASELINE_HOLDINGS,
    C.APPLY_RUNTIME_CONFIG,
    C.CLEAR_RUNTIME_CONFIG,
    C.ADD_USER,
    C.SET_USER_ROLE,
    C.REMOVE_USER,
    C.RESTORE_MANAGED_STATE,
    C.ADOPT_MANAGED_STATE,
}
BOT = {
    C.BEGIN_MANAGED_PROPOSAL,
    C.COMPLETE_MANAGED_PROPOSAL,
    C.ABORT_MANAGED_PROPOSAL,
    C.OPEN_EXIT_INTENT,
    C.CLOSE_EXIT_INTENT,
    C.RECORD_MANAGED_EXIT,
    C.OPEN_BUY_INTENT,
    C.CLOSE_BUY_INTENT,
    C.RECORD_MANAGED_BUY,
    C.OPEN_RESTING_STOP,
    C.CLOSE_RESTING_STOP,
    C.FLAG_MANAGED_DRIFT,
    C.UPDATE_MANAGED_DRIFT,
    C.SET_REFERENCE_REGIME,
    C.HALT_TRADING,
    C.UPDATE_TRADING_HALT,
}
SYSTEM = {C.EXPIRE_MANAGED_PROPOSAL, C.COMPLETE_MANAGED_RELEASE, C.SETTLE_MANAGED_ASSET}
SENDERS: dict[str, set[C]] = {
    "user_vic": set(),
    "user_otto": OPERATORS,
    "user_ann": OPERATORS | ADMINS,
    "user_nobody": set(),
    "bot": BOT,
    "system": SYSTEM,
}


def may(command: C, actor: str, **payload: object) -> bool:
    try:
        spec_of(command).check_sender(actor, USERS, payload)
    except RefusedError as refusal:
        assert refusal.code == "role_missing"  # noqa: PT017  # the helper answers yes or no
        return False
    return True


def test_the_specification_knows_a_sender_for_every_command() -> None:
    assert set(C) == OPERATORS | ADMINS | BOT | SYSTEM


@pytest.mark.parametrize("command", SPECS)
@pytest.mark.parametrize("actor", SENDERS)
def test_a_command_is_taken_from_those_who_may_send_it_and_from_nobody_else(command: C, actor: str) -> None:
    assert may(command, actor) == (command in SENDERS[actor])


@pytest.mark.parametrize("words", [{"override": True}, {"accept": "current"}])
def test_a_resume_out_of_a_drift_is_the_admins(words: dict[str, object]) -> None:
    assert may(C.RESUME_MANAGED_ASSET, "user_ann", **words)
    assert not may(C.RESUME_MANAGED_ASSET, "user_otto", **words)
    assert may(C.RESUME_MANAGED_ASSET, "user_otto", override=False, reason="quiet")


def test_going_on_in_spite_of_the_cause_of_a_halt_is_the_admins() -> None:
    assert may(C.RESUME_TRADING, "user_ann", accept=True)
    assert not may(C.RESUME_TRADING, "user_otto", accept=True)
    assert may(C.RESUME_TRADING, "user_otto", accept=False)


def test_a_refusal_names_the_roles_and_the_kind() -> None:
    with pytest.raises(RefusedError) as refusal:
        spec_of(C.APPROVE_MANAGED_PROPOSAL).check_sender("user_otto", USERS, {})
    assert "admin" in refusal.value.why
    assert "operator" in refusal.value.why
    with pytest.raises(RefusedError) as refusal:
        spec_of(C.APPROVE_MANAGED_PROPOSAL).check_sender("bot", USERS, {})
    assert "user" in refusal.value.why


def test_a_row_has_the_payload_of_its_command() -> None:
    assert {command: spec.payload_type for command, spec in SPECS.items()} == {
        command: PAYLOADS[command] for command in SPECS
    }
    assert all(command is spec.type for command, spec in SPECS.items())


def test_what_lowers_risk_goes_before_bookings_and_those_before_what_raises_risk() -> None:
    lowering = {spec_of(command).priority for command in RISK_LOWERING}
    booking = {spec_of(command).priority for command in (C.OPEN_EXIT_INTENT, C.RECORD_MANAGED_EXIT)}
    asking = {spec_of(C.REQUEST_MANAGED_PROPOSAL).priority}
    raising = {
        spec_of(command).priority
        for command in (C.APPROVE_MANAGED_PROPOSAL, C.RESUME_MANAGED_ASSET, C.OVERRIDE_MANAGED_LEVELS)
    }
    assert max(lowering) < min(booking) <= max(booking) < min(asking) <= max(asking) < min(raising)


def test_an_edge_applies_only_what_lowers_risk_by_itself() -> None:
    assert {C.PAUSE_MANAGED_ASSET, C.RELEASE_MANAGED_ASSET} <= RISK_LOWERING
    assert not RISK_LOWERING & {C.APPROVE_MANAGED_PROPOSAL, C.RESUME_MANAGED_ASSET, C.OPEN_EXIT_INTENT}


def test_only_an_approval_needs_facts_and_only_documents_concern_all_assets() -> None:
    assert [command for command, spec in SPECS.items() if spec.needs_facts] == [C.APPROVE_MANAGED_PROPOSAL]
    for command, spec in SPECS.items():
        about_documents = command.value.startswith(("apply_", "clear_", "restore_", "adopt_"))
        about_users = "user" in command
        about_trading = "trading" in command
        assert spec.concerns_all == (about_documents or about_users or about_trading)
        assert (spec.document is Document.BASELINE_HOLDINGS) == ("baseline" in command)
        assert (spec.document is Document.RUNTIME_CONFIG) == ("runtime" in command or about_users)


def test_roles_come_from_the_book_alone() -> None:
    assert (role_of(USERS, "ann"), role_of(USERS, "nobody")) == (Role.ADMIN, None)
    assert (user_of_account(USERS, "root2"), user_of_account(USERS, "root")) == ("ann", None)
