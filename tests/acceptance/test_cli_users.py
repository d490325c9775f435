"""Users: who may act, from which account; changed by commands, every change and denial in the audit."""

from pathlib import Path
from typing import Any

import pytest

from bot.app.environment import account
from bot.app.wiring import App
from bot.storage.documents import MANAGED_STATE
from bot.storage.rebuild import compare_with_live
from tests.fakes.cli_calls import Said, call

OTHER, THIRD = "daemon", "nobody"
"""Accounts that every host has."""


def users(home: Path, *words: str) -> Said:
    return call(home, "users", *words)


def worked(home: Path) -> str:
    return call(home, "worker", "--once").out


def book(home: Path) -> dict[str, tuple[str, str]]:
    lines = users(home, "ls", "--json").document()["data"]["users"]
    return {line["user"]: (line["role"], line["os_user"]) for line in lines}


def events(home: Path, prefix: str = "access.") -> list[dict[str, Any]]:
    app = App(home)
    found = list(app.store.audit.records(type_prefix=prefix))
    assert compare_with_live(app.store) == []
    return found


def act_as(home: Path, role: str, *, boss: str = "admin") -> None:
    """Give this account another role, by the file that counts while nobody changed users by command."""
    text = f'environment = "sandbox"\n[users.me]\nrole = "{role}"\nos_user = "{account()}"\n'
    path = App(home).home.settings_file
    path.write_text(f'{text}[users.boss]\nrole = "{boss}"\nos_user = "{OTHER}"\n', encoding="utf-8")


def act_as_nobody(home: Path) -> None:
    text = f'environment = "sandbox"\n[users.boss]\nrole = "admin"\nos_user = "{OTHER}"\n'
    App(home).home.settings_file.write_text(text, encoding="utf-8")


def test_a_user_is_added_gets_another_role_and_is_removed(home: Path) -> None:
    me = account()
    users(home, "add", "otto", "--role", "operator", "--os-user", OTHER)
    assert "add_user by" in worked(home)
    assert book(home)["otto"] == ("operator", OTHER)
    users(home, "set-role", "otto", "viewer")
    worked(home)
    assert book(home)["otto"] == ("viewer", OTHER)
    users(home, "remove", "otto")
    worked(home)
    assert set(book(home)) == {me}
    told = [(event["type"], event["data"]["user"], event["actor"]) for event in events(home)]
    assert told == [
        ("access.user_added", "otto", f"user_{me}"),
        ("access.user_role_set", "otto", f"user_{me}"),
        ("access.user_removed", "otto", f"user_{me}"),
    ]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["add", "otto", "--role", "viewer", "--os-user", "no-such-account"], 5, "account_unknown"),
        (["add", "ME", "--role", "viewer", "--os-user", THIRD], 5, "user_exists"),
        (["add", "otto", "--role", "viewer", "--os-user", "ACCOUNT"], 5, "account_taken"),
        (["add", "otto", "--role", "emperor", "--os-user", THIRD], 2, "usage"),
        (["add", "o tto", "--role", "viewer", "--os-user", THIRD], 2, "payload_invalid"),
        (["remove", "otto"], 5, "user_unknown"),
        (["set-role", "otto", "viewer"], 5, "user_unknown"),
        (["remove", "ME"], 5, "last_admin"),
        (["set-role", "ME", "operator"], 5, "last_admin"),
        (["set-role", "boss", "admin", "--confirm", "boss:Admin"], 5, "confirmation_wrong"),
    ],
)
def test_a_wrong_change_has_its_own_reason(home: Path, words: list[str], code: int, reason: str) -> None:
    act_as(home, "admin", boss="viewer" if reason == "last_admin" else "admin")
    named = [word.replace("ME", "me").replace("ACCOUNT", account()) for word in words]
    said = users(home, *named, *([] if reason in {"usage", "account_unknown"} else ["--dry-run"]))
    if reason == "confirmation_wrong":  # words are only asked for where something is sent
        said = users(home, *named)
    assert (said.code, f"[{reason}]" in said.err) == (code, True), said.err


def test_an_admin_is_made_by_typed_words(home: Path) -> None:
    said = users(home, "add", "eve", "--role", "admin", "--os-user", OTHER)
    assert (said.code, "--confirm eve:admin" in said.err) == (2, True)
    users(home, "add", "eve", "--role", "admin", "--os-user", OTHER, "--confirm", "eve:admin")
    worked(home)
    assert book(home)["eve"] == ("admin", OTHER)


def test_the_last_admin_stays_even_if_two_go_at_once(home: Path) -> None:
    """Decided under the lock: of two removals that were both allowed when they were asked, one holds."""
    users(home, "add", "eve", "--role", "admin", "--os-user", OTHER, "--confirm", "eve:admin")
    worked(home)
    users(home, "set-role", "eve", "viewer", "--no-wait")
    users(home, "remove", account(), "--no-wait")
    worked(home)
    assert [role for role, _ in book(home).values()].count("admin") == 1


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_users_and_settings_are_the_admins(home: Path, role: str) -> None:
    act_as(home, role)
    for words in (
        ["users", "add", "otto", "--role", "viewer", "--os-user", THIRD],
        ["users", "remove", "boss"],
        ["settings", "set", "lifecycle.cooldown_hours=48"],
    ):
        said = call(home, *words)
        assert (said.code, "[role_missing]" in said.err) == (4, True), said.err
    assert [(event["type"], event["actor"]) for event in events(home)] == [("access.denied", "user_me")] * 3


def test_a_viewer_is_denied_and_the_audit_tells_what_was_asked(home: Path) -> None:
    act_as(home, "viewer")
    assert call(home, "pause", "ETH").code == 4
    denial = events(home)[0]
    assert (denial["type"], denial["actor"], denial["asset"]) == ("access.denied", "user_me", "ETH")
    assert denial["data"]["refused"] == "pause_managed_asset"
    assert call(home, "status").code == 0


def test_an_account_that_nobody_named_looks_on_and_is_denied_what_changes_something(home: Path) -> None:
    act_as_nobody(home)
    said = call(home, "pause", "ETH")
    assert (said.code, "no user of this home" in said.err) == (4, True)
    denial = events(home)[0]
    assert (denial["type"], denial["data"]["refused"]) == ("access.denied", f"account {account()}")
    assert call(home, "status").code == 0
    told = users(home, "whoami", "--json").document()["data"]
    assert told == {"account": account(), "user": None, "role": None}
    assert "may look on" in users(home, "whoami").out


def test_whoami_names_user_role_and_account(home: Path) -> None:
    assert users(home, "whoami").out == f"{account()}, admin, from the account {account()}\n"


def test_a_role_that_is_lost_while_a_command_waits_refuses_it_when_it_is_applied(home: Path) -> None:
    users(home, "add", "eve", "--role", "admin", "--os-user", OTHER, "--confirm", "eve:admin")
    worked(home)
    users(home, "set-role", account(), "viewer", "--no-wait")
    call(home, "settings", "set", "lifecycle.cooldown_hours=48", "--no-wait")
    said = worked(home)
    assert "apply_runtime_config by" in said
    assert "precondition_rejected" in said
    assert [event["type"] for event in events(home)][-1] == "access.denied"


def test_with_four_eyes_another_admin_must_approve(home: Path) -> None:
    call(home, "settings", "set", "approval.four_eyes=on")
    worked(home)
    digest = App(home).store.read(MANAGED_STATE).content.managed_assets["SOL"].proposal_digest or ""
    words = ("approve", "SOL", "--confirm", "SOL:recommended", "--digest", digest[:8])
    said = call(home, *words, "--dry-run")
    assert (said.code, "[four_eyes]" in said.err) == (5, True), said.err
