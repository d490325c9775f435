"""Settings with their origin: flag > environment > runtime config > bot.toml > default.

Unknown keys are errors wherever they stand; secrets come by environment or file reference and are
never printed.
"""

import datetime as dt
import difflib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from bot.app.settings_table import BY_NAME, SETTINGS, BadValueError, Setting
from bot.kernel.errors import SettingsError
from bot.lifecycle.policy import LifecyclePolicy, OverrideDepth
from bot.lifecycle.roles import Role, RoleBook, User
from bot.lifecycle.states import user_of

_OUTSIDE = ("BOT_HOME", "BOT_DEBUG")
"""Variables that are no settings: where the home is, tracebacks."""
_OF_TESTS = "BOT_TEST_"
"""Variables that only the test suite reads."""
_USERS = "users"
RUNTIME_CONFIG = "runtime config"
"""Where a value stands that was applied by command."""


class Value(NamedTuple):
    """A setting's value and where it came from."""

    setting: Setting
    value: Any
    origin: str

    @property
    def shown(self) -> str:
        """Return the value for people; a secret only as set or not."""
        return shown(self.setting, self.value)


class Settings:
    """All settings of one home, resolved once."""

    def __init__(self, values: Mapping[str, Value], users: RoleBook, *, users_from: str) -> None:
        self._values = values
        self.users = users
        self.users_from = users_from
        """Where the users stand: in `bot.toml`, or in the runtime config."""

    def __getitem__(self, name: str) -> Any:
        """Return a setting's value (KeyError for an unknown name)."""
        return self._values[name].value

    def all(self) -> tuple[Value, ...]:
        """Return every setting with its origin, in the table's order."""
        return tuple(self._values[row.name] for row in SETTINGS)

    def seconds(self, name: str) -> float:
        """Return a duration setting in seconds."""
        return float(self._values[name].value)

    def lifecycle_policy(self) -> LifecyclePolicy:
        """Return what the lifecycle's rules need."""
        return LifecyclePolicy(
            environment=self["environment"],
            proposal_ttl=_hours(self["lifecycle.proposal_ttl_hours"]),
            variants=self["lifecycle.variants"],
            override_depth=OverrideDepth(self["lifecycle.override_depth"]),
            disabled=self["lifecycle.disabled"],
            four_eyes=self["approval.four_eyes"] == "on",
            cooldown=_hours(self["lifecycle.cooldown_hours"]),
            reengage_direct=self["lifecycle.reengage"] == "direct",
            min_entry_stop_pct=self["lifecycle.min_entry_stop_pct"],
            strategy_allowlist=self["lifecycle.strategies"],
            stale_after_atr=self["lifecycle.stale_after_atr"],
            quantity_drift_pct=self["lifecycle.quantity_drift_pct"],
            approval_facts_max_age=_seconds(self["lifecycle.approval_facts_max_age_s"]),
            investable_capital_usdt=self["risk.investable_capital_usdt"],
            quote=self["quote"],
        )

    def role_of(self, actor: str) -> Role | None:
        """Return the role of an actor such as `user_ann`, or None."""
        user = self.users.get(user_of(actor))
        return user.role if user is not None else None


def resolve(
    *,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    runtime: Mapping[str, Any],
    file: Mapping[str, Any],
    file_name: str = "bot.toml",
    users: RoleBook | None = None,
) -> Settings:
    """Resolve every setting from its sources.

    Args:
        flags: By dotted name, from the command line.
        environ: The process environment; only `BOT_*` is looked at.
        runtime: By dotted name, applied by command.
        file: `bot.toml`, parsed, with its tables nested.
        file_name: For messages.
        users: Applied by command; while there are none, those of `bot.toml` count.

    Raises:
        SettingsError: Naming the key, where it stands, what was found and what would fit.
    """
    table = dict(file)
    file_users = _users(table.pop(_USERS, {}), file_name)
    from_file = _flatten(table)
    layers = (
        ("command line", dict(flags)),
        ("environment", _from_environment(environ)),
        (RUNTIME_CONFIG, dict(runtime)),
        (file_name, from_file),
    )
    for origin, layer in layers:
        for name in layer:
            if name not in BY_NAME:
                raise unknown_setting(name, origin)
    if any(BY_NAME[name].secret for name in from_file):
        raise SettingsError(
            f"A secret stands in {file_name}.",
            why="Secrets come by environment or by exchange.credentials_file, never in this file.",
        )
    environment = str(_value(BY_NAME["environment"], layers).value)
    values = {row.name: _value(row, layers, environment) for row in SETTINGS}
    return Settings(values, users or file_users, users_from=RUNTIME_CONFIG if users else file_name)


def shown(row: Setting, value: Any) -> str:
    """Return a setting's value as people type it; a secret only as set or not."""
    if row.secret:
        return "(set)" if value else "(not set)"
    if isinstance(value, tuple):
        return ",".join(f"{part[0]}={part[1]}" if isinstance(part, tuple) else part for part in value)
    return str(value)


def _value(row: Setting, layers: tuple[tuple[str, dict[str, Any]], ...], environment: str = "") -> Value:
    for origin, layer in layers:
        if row.name in layer:
            where = f"environment ({row.variable})" if origin == "environment" else origin
            return Value(row, read_setting(row, layer[row.name], where), where)
    return Value(row, row.default_in(environment), "default")


def read_setting(row: Setting, value: Any, origin: str) -> Any:
    """Return a setting's value from what stands in a source.

    Raises:
        SettingsError: It does not fit; the message says what would.
    """
    try:
        return row.read(value)
    except BadValueError as error:
        found = "a secret" if row.secret else repr(value)
        raise SettingsError(
            f"The setting {row.name} from {origin} cannot be used.", why=f"Found {found}; {error}."
        ) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    variables = {row.variable: row.name for row in SETTINGS}
    found: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.startswith("BOT_") or variable.startswith(_OF_TESTS) or variable in _OUTSIDE:
            continue
        if variable not in variables:
            raise unknown_setting(variable, "environment", tuple(variables))
        if value:
            found[variables[variable]] = value
    return found


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and name not in BY_NAME:
            found |= _flatten(value, f"{name}.")
        else:
            found[name] = value
    return found


def _users(table: Any, file_name: str) -> RoleBook:
    try:
        return msgspec.convert(table, dict[str, User])
    except msgspec.ValidationError as error:
        raise SettingsError(f"The users in {file_name} cannot be read.", why=f"{error}.") from error


def unknown_setting(name: str, origin: str, known: tuple[str, ...] = tuple(BY_NAME)) -> SettingsError:
    """Return the error for a name that no setting has, with what was meant perhaps."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    hint = f" Did you mean {close[0]}?" if close else ""
    return SettingsError(
        f"There is no setting {name}.", code="setting_unknown", why=f"It stands in: {origin}.{hint}"
    )


def _hours(value: Decimal) -> dt.timedelta:
    return dt.timedelta(seconds=float(value * 3600))


def _seconds(value: Decimal) -> dt.timedelta:
    return dt.timedelta(seconds=float(value))
