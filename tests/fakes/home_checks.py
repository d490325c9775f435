"""What must be true of any home at any time: documents valid, chains whole, the audit gives the state."""

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from bot.app.wiring import App
from bot.lifecycle.commands import CommandState
from bot.storage.rebuild import compare_with_live

_DOCUMENTS = ("managed_state", "baseline_holdings", "runtime_config", "positions")


def assert_home_is_whole(app: App) -> None:
    """Fail with the first thing that is wrong with this home."""
    for log in (app.store.audit, app.store.refusals, app.store.orders):
        result = log.verify()
        assert result.is_whole, result
    differences = compare_with_live(app.store)
    assert not differences, differences
    bad = [finding for finding in app.store.check() if finding.severity == "error"]
    assert not bad, bad
    assert_documents_are_valid(app)


def assert_documents_are_valid(app: App) -> None:
    """Validate every document, version, proposal and command payload with a validator of its own."""
    home = app.home
    for name in _DOCUMENTS:
        validator = _validator(home.schemas / f"{name}.schema.json")
        for path in (home.public(name), *sorted(home.versions(name).glob("*.json"))):
            _validate(validator, json.loads(path.read_bytes()), path.name)
    validator = _validator(home.schemas / "risk_proposal.schema.json")
    for path in sorted(home.proposals.glob("*.json")):
        _validate(validator, json.loads(path.read_bytes()), path.name)
    for row in app.queue.list(limit=10_000):
        if row.unreadable is not None:
            continue  # nobody sent it by the bus
        validator = _validator(home.schemas / "commands" / f"{row.type}.schema.json")
        _validate(validator, dict(row.payload), row.uid)


def audit_of(app: App, asset: str) -> list[dict[str, Any]]:
    """Return the audit records of one asset, oldest first."""
    return [dict(record) for record in app.store.audit.records() if record["asset"] == asset]


def audit_types(app: App, asset: str) -> list[str]:
    """Return the types of one asset's events without their prefix, oldest first."""
    return [str(record["type"]).removeprefix("managed.") for record in audit_of(app, asset)]


def refusal_codes(app: App) -> list[str]:
    """Return the codes of all refused commands, oldest first."""
    return [str(record["code"]) for record in app.store.refusals.records()]


def command_states(app: App) -> set[CommandState]:
    """Return the states that the queue's rows are in."""
    return {row.state for row in app.queue.list(limit=10_000)}


def _validator(path: Path) -> Draft202012Validator:
    return _validator_of(path.read_bytes())


@functools.cache
def _validator_of(raw: bytes) -> Draft202012Validator:
    schema = json.loads(raw)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _validate(validator: Draft202012Validator, document: object, name: str) -> None:
    problems = [f"{name}: {error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert not problems, "; ".join(problems)
