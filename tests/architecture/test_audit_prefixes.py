"""DR-6, DR-13: audit events are named and made in `bot/lifecycle`, nowhere else."""

import ast
import re

import pytest

from bot.lifecycle.events import EventType
from tests.architecture.source_tree import SourceFile, dotted, parse, python_files, string_literals, under

HOME_OF_EVENTS = "bot/lifecycle"
PREFIXES = ("managed", "baseline", "runtime_config", "state", "access", "system")

# `managed.` at all; the others as a whole event name, since `state.lock` or `baseline.json` are files.
_MANAGED = re.compile(r"managed\..*", re.DOTALL)
_OTHER = re.compile(r"(baseline|runtime_config|state|access|system)\.(?!(json|lock|db|py|md)$)[a-z_]+")


def event_names(source: SourceFile) -> list[str]:
    """Return where the file spells an audit event's name."""
    return [
        f"{source.at(node)} {node.value!r}"
        for node in string_literals(source)
        if isinstance(node.value, str) and (_MANAGED.match(node.value) or _OTHER.fullmatch(node.value))
    ]


def made_managed_events(source: SourceFile) -> list[str]:
    """Return where the file builds an event of type `managed.*`."""
    managed = {member.name for member in EventType if member.startswith("managed.")}
    return [
        f"{source.at(node)} {name}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] == "Event"
        for keyword in node.keywords
        if (name := dotted(keyword.value)).startswith("EventType.") and name.split(".")[1] in managed
    ]


def _elsewhere() -> list[SourceFile]:
    return [source for source in python_files("bot") if not under(source.path, HOME_OF_EVENTS)]


def test_dr_13_managed_events_are_made_by_the_managed_code_only() -> None:
    assert [place for source in _elsewhere() for place in made_managed_events(source)] == []


def test_dr_6_the_names_of_audit_events_are_spelled_in_one_folder_only() -> None:
    assert [place for source in _elsewhere() for place in event_names(source)] == []


def test_dr_6_every_event_type_has_a_known_prefix() -> None:
    assert {member.value.split(".", 1)[0] for member in EventType} <= set(PREFIXES)


def test_the_sixteen_events_of_the_source_exist() -> None:
    sixteen = [
        "asset_proposal_requested",
        "asset_proposal_generated",
        "asset_proposal_aborted",
        "asset_proposal_expired",
        "asset_proposal_rejected",
        "asset_promoted",
        "asset_paused",
        "asset_resumed",
        "asset_release_requested",
        "asset_released",
        "synthetic_entry_set",
        "synthetic_entry_adjusted",
        "drift_detected",
        "operator_override",
        "exit_executed",
        "policy_change_blocked",
    ]
    assert {f"managed.{name}" for name in sixteen} <= set(EventType)


@pytest.mark.parametrize(
    "text", ["x = 'managed.asset_paused'", "x = f'managed.{y}'", "x = 'system.stop_rule_broken'"]
)
def test_the_rule_finds_an_event_name(text: str) -> None:
    assert len(event_names(parse(text))) == 1


@pytest.mark.parametrize(
    "text", ["x = 'state.lock'", "'''managed.x in a docstring'''", "x = 'the state. And so on'"]
)
def test_other_words_are_no_event_names(text: str) -> None:
    assert event_names(parse(text)) == []


def test_the_rule_finds_a_managed_event_that_is_made() -> None:
    assert made_managed_events(parse("Event(type=EventType.ASSET_PAUSED, asset='SOL')"))
    assert not made_managed_events(parse("Event(type=EventType.BASELINE_APPLIED, asset='*')"))
