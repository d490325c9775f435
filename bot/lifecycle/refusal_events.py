"""Refusals that the audit log tells as well: a broken stop rule, a blocked policy change, a denied person.

A refused command changes no content; its own record stands in the refusals' chain. What these events
say is about the home, not about the command: the command's id therefore stands in `data`, and the log
never looks as if the command had been applied.
"""

from bot.kernel.errors import BotError, StopRuleBrokenError
from bot.lifecycle.events import Event, EventType
from bot.lifecycle.policy_guard import PolicyChangeBlockedError

_TOLD = {
    "policy_change_blocked": EventType.POLICY_CHANGE_BLOCKED,
    "role_missing": EventType.ACCESS_DENIED,
    "stop_rule_broken": EventType.STOP_RULE_BROKEN,
}


def refusal_events(
    error: BotError, *, asset: str, actor: str, refused: str, command_id: str = ""
) -> tuple[Event, ...]:
    """Return what the audit log tells of a refusal; mostly nothing.

    Args:
        error: Why it was refused.
        asset: For which asset, `*` for all.
        actor: Who asked.
        refused: What was asked: the command's type.
        command_id: The command's id, where there is one already.
    """
    event = _TOLD.get(error.code)
    if event is None:
        return ()
    assets = error.assets if isinstance(error, PolicyChangeBlockedError) else (asset,)
    data = {"refused": refused, "command_id": command_id, "what": error.what, "why": error.why}
    if isinstance(error, StopRuleBrokenError):
        data["rule"] = error.rule
    return tuple(Event(type=event, asset=name, actor=actor, command_id="", data=data) for name in assets)
