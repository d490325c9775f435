"""The managed state as the document that its schema speaks of."""

from decimal import Decimal
from typing import Any

import msgspec

from bot.lifecycle.documents import ManagedStateContent
from bot.storage.schema_check import Problem, product_schemas

META: dict[str, Any] = {
    "schema_version": "recon-mh-1",
    "environment": "sandbox",
    "captured_at": "2026-05-03T12:00:00Z",
    "lineage": "l",
    "serial": 1,
    "writer": {"pid": 1, "host": "h", "process_started_at": "2026-05-03T12:00:00Z", "version": "0"},
    "applied": {},
    "outbox": [],
    "audit": {"sequence": 0, "hash": "0" * 64},
    "checksum": "0" * 64,
}


def schema_problems(content: ManagedStateContent) -> tuple[Problem, ...]:
    """Return what the document's schema forbids in this content."""
    plain = msgspec.to_builtins(content, builtin_types=(Decimal,))
    document = {"$schema": "../schemas/managed_state.schema.json", "_meta": META, **plain}
    return product_schemas().problems("managed_state", document)
