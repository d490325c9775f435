"""The tables. Guards live here too: CHECKs tie a command's state to its columns.

`commands.id` is the order of acceptance. Text columns hold ISO-8601 UTC times and canonical JSON.
"""

from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

from bot.lifecycle.commands import CommandState

SCHEMA_VERSION = "1"

metadata = MetaData()

_STATES = ", ".join(f"'{state.value}'" for state in CommandState)

IS_QUEUED = text("commands.state = 'queued'")
"""A literal, not a parameter, so that the partial index is used."""

commands = Table(
    "commands",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
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

Index("ix_commands_queued", commands.c.asset, commands.c.id, sqlite_where=text("state = 'queued'"))

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
"""Which home this database belongs to: `lineage`, `host`, `schema_version`."""
