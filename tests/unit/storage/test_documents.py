"""An envelope tells its version, its life and its checksum, and is refused when anything is off."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.holdings.baseline import BaselineAsset, BaselineContent, Policy
from bot.kernel.errors import StateFileError
from bot.storage.audit_chain import CHAIN_START
from bot.storage.documents import (
    ALL_KINDS,
    BASELINE_HOLDINGS,
    MANAGED_STATE,
    DocumentKind,
    DocumentMeta,
    Snapshot,
    build_document,
    read_document,
)
from bot.storage.home import schema_source
from bot.storage.process_info import this_process
from bot.storage.schema_check import product_schemas

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
PATH = Path("state.json")


def _meta(kind: DocumentKind[Any]) -> DocumentMeta:
    return DocumentMeta(
        schema_version=kind.schema_version,
        environment="sandbox",
        captured_at=NOW,
        lineage="life",
        serial=1,
        writer=this_process("1"),
        applied={},
        applied_floor=0,
        outbox=(),
        audit=CHAIN_START,
    )


def _read(kind: DocumentKind[Any], raw: bytes, environment: str = "sandbox") -> Snapshot[Any]:
    return read_document(kind, raw, path=PATH, schemas=product_schemas(), environment=environment)


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.name)
def test_every_empty_document_fits_its_schema_by_an_independent_validator(kind: DocumentKind[Any]) -> None:
    raw = build_document(kind, kind.content_type(), _meta(kind))
    schema = json.loads((schema_source() / f"{kind.name}.schema.json").read_bytes())
    jsonschema.Draft202012Validator(schema).validate(json.loads(raw))
    assert _read(kind, raw).content == kind.content_type()
    assert raw.startswith(b'{\n  "$schema": "../schemas/')
    assert raw.endswith(b"}\n")


def test_the_baselines_capture_lives_in_its_meta() -> None:
    content = BaselineContent(
        captured_at=NOW - dt.timedelta(days=1),
        source="box",
        wallet_signature="a" * 64,
        tradable_quote=("USDT",),
        assets={"SOL": BaselineAsset(policy=Policy.FROZEN, quantity=Decimal("1.10"))},
    )
    raw = build_document(BASELINE_HOLDINGS, content, _meta(BASELINE_HOLDINGS))
    document = json.loads(raw)
    assert document["_meta"]["captured_at"] == "2026-01-01T03:04:05Z"
    assert "captured_at" not in document
    assert b'"quantity": 1.10' in raw
    assert _read(BASELINE_HOLDINGS, raw).content == content


def test_a_baseline_that_was_never_applied_has_no_capture() -> None:
    raw = build_document(BASELINE_HOLDINGS, BaselineContent(), _meta(BASELINE_HOLDINGS))
    assert "captured_at" not in json.loads(raw)["_meta"]
    assert not _read(BASELINE_HOLDINGS, raw).content.is_applied


def _changed(change: dict[str, Any]) -> bytes:
    document = json.loads(build_document(MANAGED_STATE, MANAGED_STATE.content_type(), _meta(MANAGED_STATE)))
    document["_meta"] |= change
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "strict JSON"),
        (b"[]", "no _meta"),
        (b'{"_meta": 1}', "no _meta"),
        (_changed({"schema_version": "recon-mh-2"}), "recon-mh-2"),
        (_changed({"serial": 2}), "checksum"),
        (_changed({"serial": 0}), "serial: found 0"),
        (_changed({"surprise": 1}), "surprise"),
    ],
)
def test_a_document_that_cannot_be_trusted_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(StateFileError, match=why):
        _read(MANAGED_STATE, raw)


def test_a_document_of_another_environment_is_refused() -> None:
    raw = build_document(MANAGED_STATE, MANAGED_STATE.content_type(), _meta(MANAGED_STATE))
    with pytest.raises(StateFileError, match="environment sandbox"):
        _read(MANAGED_STATE, raw, environment="testnet")


def test_a_schema_error_names_file_line_path_found_and_allowed() -> None:
    raw = build_document(MANAGED_STATE, MANAGED_STATE.content_type(), _meta(MANAGED_STATE))
    broken = raw.replace(b'"environment": "sandbox"', b'"environment": "mainnet"')
    with pytest.raises(StateFileError) as refused:
        _read(MANAGED_STATE, broken)
    assert refused.value.why.startswith('state.json line 5, _meta.environment: found "mainnet"; ')
    assert '"testnet"' in refused.value.why


def test_many_schema_errors_are_told_up_to_twenty() -> None:
    raw = _changed({f"key{number}": 1 for number in range(30)})
    document = json.loads(raw)
    document["managed_assets"] = {f"A{number}": {"state": "odd"} for number in range(30)}
    problems = product_schemas().problems("managed_state", document)
    assert len(problems) == 20
