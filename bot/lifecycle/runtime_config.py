"""The content of `runtime_config.json`: settings and users that were applied by command, and their rules.

1. Only settings that may change in a running home, with values that fit, are applied.
2. A change that raises risk needs a confirmation that names every setting that does (DR-4).
3. What was looked at must still be what is there (`state_changed`), else two admins undo each other.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from bot.kernel.errors import RefusedError
from bot.lifecycle.change import Act
from bot.lifecycle.command_payloads import ApplyRuntimeConfig, ClearRuntimeConfig
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.roles import User


def _no_settings_yet() -> dict[str, Any]:
    return {}


class RuntimeConfigContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Applied settings by dotted name, for example `{"lifecycle.cooldown_hours": 48}`, and users by id.

    While nobody is in `users`, it is left out and the users of `bot.toml` count; afterwards these alone.
    """

    settings: Mapping[str, Any] = msgspec.field(default_factory=_no_settings_yet)
    users: Mapping[str, User] = {}


class SettingChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One setting as it counts before and after, as text; `overridden_by` wins over both of them."""

    name: str
    before: str
    after: str
    raises_risk: bool = False
    overridden_by: str | None = None


class SettingsReview(msgspec.Struct, frozen=True, kw_only=True):
    """What applying settings would do; `settings` are the wanted ones in their stored form."""

    settings: Mapping[str, Any]
    changes: tuple[SettingChange, ...]

    @property
    def confirmation(self) -> str:
        """Return what has to be typed; empty where nothing raises risk."""
        return ",".join(sorted(change.name for change in self.changes if change.raises_risk))


class SettingsReviewer(Protocol):
    """Knows the table of settings and the files below the applied ones."""

    def __call__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> SettingsReview:
        """Compare two sets of applied settings.

        Raises:
            RefusedError: `setting_unknown`, `setting_invalid` or `setting_not_changeable`.
        """
        ...


def no_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> SettingsReview:
    """Refuse every setting: for processes that know no table of settings."""
    names = ", ".join(sorted({*before, *after}))
    raise RefusedError(f"This process changes no settings: {names}", code="setting_not_changeable")


class RuntimeChange(msgspec.Struct, frozen=True, kw_only=True):
    """The new content with its events, and figures for the answer."""

    content: RuntimeConfigContent
    events: tuple[Event, ...]
    detail: Mapping[str, Any] = {}


def change_settings(
    content: RuntimeConfigContent,
    act: Act,
    payload: ApplyRuntimeConfig | ClearRuntimeConfig,
    *,
    serial: int,
    review: SettingsReviewer,
) -> RuntimeChange:
    """Apply or clear settings.

    Args:
        content: What is applied now.
        act: The command.
        payload: The wanted settings, all of them.
        serial: The document's serial under the lock.
        review: Says what would change, and refuses what cannot be.

    Raises:
        RefusedError: As `review` does, or `state_changed`, `nothing_to_change`, `confirmation_wrong`.
    """
    is_apply = isinstance(payload, ApplyRuntimeConfig)
    wanted = payload.settings if isinstance(payload, ApplyRuntimeConfig) else {}
    if payload.based_on_serial not in {None, serial}:
        raise RefusedError(
            "The settings changed since they were looked at",
            code="state_changed",
            why=f"Looked at was serial {payload.based_on_serial}, {serial} is there.",
        )
    reviewed = review(content.settings, wanted)
    if dict(reviewed.settings) == dict(content.settings):
        raise RefusedError("These settings are applied already", code="content_unchanged")
    if reviewed.confirmation and payload.confirm != reviewed.confirmation:
        raise RefusedError(
            "The confirmation is wrong",
            code="confirmation_wrong",
            why=f"Expected {reviewed.confirmation!r} to the letter, got {payload.confirm!r}.",
            fix=f"These settings raise risk; confirm them by their names: --confirm {reviewed.confirmation}",
        )
    changes = [msgspec.to_builtins(change) for change in reviewed.changes]
    event = Event(
        type=EventType.RUNTIME_CONFIG_APPLIED if is_apply else EventType.RUNTIME_CONFIG_CLEARED,
        asset="*",
        actor=act.actor,
        command_id=act.command_id,
        before={"settings": dict(content.settings)},
        after={"settings": dict(reviewed.settings)},
        data={"changes": changes},
    )
    new = msgspec.structs.replace(content, settings=reviewed.settings)
    return RuntimeChange(content=new, events=(event,), detail={"changes": changes})
