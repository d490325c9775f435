"""`bot users ls|whoami|add|set-role|remove`: who may act in this home, from which account."""

import click

from bot.app.environment import account, account_exists
from bot.app.settings import RUNTIME_CONFIG
from bot.cli.asking import app, ask
from bot.cli.confirming import confirmed
from bot.cli.help import Group
from bot.cli.screen import Column, Screen, context, json_option
from bot.cli.sending import Sending, sends
from bot.kernel.errors import RefusedError
from bot.kernel.ids import ALL_ASSETS
from bot.lifecycle.command_payloads import AddUser, RemoveUser, SetUserRole
from bot.lifecycle.commands import CommandType
from bot.lifecycle.roles import Role, role_of

_COLUMNS = (Column("user"), Column("role"), Column("account"), Column("note"))
_ROLES = click.Choice([role.value for role in Role])


@click.group(cls=Group)
def users() -> None:
    """Who may act here, and from which operating-system account."""


@users.command("ls", epilog="Examples: bot users ls · bot users ls --json")
@json_option
def ls(screen: Screen) -> None:
    """List the users of this home."""
    home = context()
    book, you = home.settings.users, home.known_user
    lines = [
        {
            "user": name,
            "role": user.role.value,
            "os_user": user.os_user,
            "account_exists": account_exists(user.os_user),
            "is_you": name == you,
        }
        for name, user in sorted(book.items())
    ]
    if screen.as_json:
        screen.document("bot-users-1", {"from": home.settings.users_from, "users": lines}, home)
        return
    screen.header(home)
    screen.table(
        _COLUMNS,
        [
            [
                line["user"],
                line["role"],
                line["os_user"],
                "you" if line["is_you"] else "" if line["account_exists"] else "no such account on this host",
            ]
            for line in lines
        ],
    )
    if home.settings.users_from != RUNTIME_CONFIG:
        screen.talk(f"They stand in {home.home.settings_file.name}; the first change by command takes over.")


@users.command("whoami", epilog="Examples: bot users whoami · bot users whoami --json")
@json_option
def whoami(screen: Screen) -> None:
    """Say as whom this account acts."""
    home = context()
    you = home.known_user
    role = role_of(home.settings.users, you) if you is not None else None
    if screen.as_json:
        screen.document("bot-whoami-1", {"account": account(), "user": you, "role": role}, home)
        return
    if you is None:
        screen.line(f"The account {account()} is no user of this home; it may look on.")
        return
    screen.line(f"{you}, {role}, from the account {account()}")


@users.command(
    "add",
    epilog="Examples: bot users add otto --role operator --os-user otto"
    " · bot users add ann --role admin --os-user ann --confirm ann:admin",
)
@click.argument("user")
@click.option("--role", type=_ROLES, required=True, help="What the user may do.")
@click.option("--os-user", required=True, help="The operating-system account that the user acts from.")
@click.option("--confirm", help="For an admin: NAME:admin, to the letter.")
@sends
@json_option
def add(screen: Screen, user: str, role: str, os_user: str, confirm: str | None, sending: Sending) -> int:
    """Let somebody act from an account of this host."""
    home = app()
    if not account_exists(os_user):
        raise RefusedError(f"This host has no account {os_user}.", code="account_unknown")
    payload = AddUser(
        user=user.lower(),
        role=Role(role),
        os_user=os_user,
        confirm=_typed(
            screen, user.lower(), role, confirm, sending, f"add {user} --role {role} --os-user {os_user}"
        ),
    )
    return ask(screen, home, CommandType.ADD_USER, ALL_ASSETS, payload, sending=sending, then="bot users ls")


@users.command(
    "set-role",
    epilog="Examples: bot users set-role otto viewer · bot users set-role otto admin --confirm otto:admin",
)
@click.argument("user")
@click.argument("role", type=_ROLES)
@click.option("--confirm", help="For an admin: NAME:admin, to the letter.")
@sends
@json_option
def set_role(screen: Screen, user: str, role: str, confirm: str | None, sending: Sending) -> int:
    """Give a user another role; the last admin stays one."""
    home = app()
    payload = SetUserRole(
        user=user.lower(),
        role=Role(role),
        confirm=_typed(screen, user.lower(), role, confirm, sending, f"set-role {user} {role}"),
    )
    return ask(
        screen, home, CommandType.SET_USER_ROLE, ALL_ASSETS, payload, sending=sending, then="bot users ls"
    )


@users.command("remove", epilog="Examples: bot users remove otto · bot users remove otto --dry-run")
@click.argument("user")
@sends
@json_option
def remove(screen: Screen, user: str, sending: Sending) -> int:
    """Let a user act no more; the last admin stays."""
    payload = RemoveUser(user=user.lower())
    return ask(
        screen, app(), CommandType.REMOVE_USER, ALL_ASSETS, payload, sending=sending, then="bot users ls"
    )


def _typed(
    screen: Screen, user: str, role: str, confirm: str | None, sending: Sending, again: str
) -> str | None:
    """Return the words that make somebody an admin; other roles need none."""
    if role != Role.ADMIN:
        return None
    expected = f"{user}:{role}"
    if sending.dry_run:
        return expected
    alone = f"bot users {again} --confirm {expected}"
    return confirmed(screen, [expected], confirm, purpose="make an admin", alone=alone)
