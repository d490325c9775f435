"""The tables. Guards live here too: CHECKs tie a command's state to its columns.

`commands.id` is the order of acceptance. Text columns hold ISO-8601 UTC times and canonical JSON, on
both engines: a number in JSON keeps its exact decimal text. The layout is written down twice, here and
as migrations; a test compares the catalogues that both give.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bot.lifecycle.commands import CommandState
from bot.lifecycle.states import AssetState

REVISIONS = ("v0001", "v0002")
"""Every layout ever released, oldest first; the last one is this release's."""
HEAD = REVISIONS[-1]

metadata = MetaData()

_STATES = ", ".join(f"'{state.value}'" for state in CommandState)
_ASSET_STATES = ", ".join(f"'{state.value}'" for state in AssetState)
_ROW_ID = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows in INTEGER columns only

IS_QUEUED = text("commands.state = 'queued'")
"""A literal, not a parameter, so that the partial index is used."""

commands = Table(
    "commands",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("uid", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("claimed_by", Text),
    Column("claimed_at", Text),
    Column("finished_at", Text),
    Column("outcome_code", Text),
    Column("outcome_reason", Text),
    Column("outcome_detail", Text),
    Column("applied_serial", Integer),
    UniqueConstraint("uid", name="uq_commands_uid"),
    UniqueConstraint("actor", "idempotency_key", name="uq_commands_actor_key"),
    CheckConstraint(f"state IN ({_STATES})", name="ck_commands_state"),
    CheckConstraint("(state = 'queued') = (finished_at IS NULL)", name="ck_commands_finished"),
    CheckConstraint("(state = 'queued') = (outcome_code IS NULL)", name="ck_commands_outcome"),
    CheckConstraint("applied_serial IS NULL OR state = 'applied'", name="ck_commands_serial"),
    CheckConstraint("attempts >= 0", name="ck_commands_attempts"),
    sqlite_autoincrement=True,
)

_ONLY_QUEUED: dict[str, Any] = {
    "sqlite_where": text("state = 'queued'"),
    "postgresql_where": text("state = 'queued'"),
}
Index("ix_commands_queued", commands.c.asset, commands.c.id, **_ONLY_QUEUED)

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
"""Whose database this is (`lineage`, `host`, `home`), `schema_version`, and how far the cache has come."""

managed_proposals = Table(
    "managed_proposals",
    metadata,
    Column("proposal_id", Text, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("proposal_json", Text),
    Column("generated_at", Text),
    Column("expires_at", Text),
    Column("decided_at", Text),
    Column("requested_by_user_id", Text),
    Column("decided_by_user_id", Text),
    Column("decision", Text),
    Column("serial", Integer, nullable=False),
    CheckConstraint(f"state IN ({_ASSET_STATES})", name="ck_managed_proposals_state"),
    CheckConstraint(
        "decision IS NULL OR decision IN ('approved', 'rejected', 'expired')",
        name="ck_managed_proposals_decision",
    ),
    CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="ck_managed_proposals_decided"),
)
"""Read cache: every proposal ever asked for, with its file's content and what was decided."""

Index("ix_managed_proposals_asset", managed_proposals.c.asset, managed_proposals.c.serial)

managed_assets_history = Table(
    "managed_assets_history",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=False),
    Column("asset", Text, nullable=False),
    Column("state_from", Text),
    Column("state_to", Text),
    Column("actor", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("ts", Text, nullable=False),
    Column("metadata_json", Text, nullable=False),
)
"""Read cache: one row per event of a coin; `id` is the audit log's sequence."""

Index("ix_managed_assets_history_asset", managed_assets_history.c.asset, managed_assets_history.c.id)
