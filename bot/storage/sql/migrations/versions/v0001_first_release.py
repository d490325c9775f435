"""The layout of the first release: commands, and whose they are."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "commands",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text, nullable=False),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("claimed_by", sa.Text),
        sa.Column("claimed_at", sa.Text),
        sa.Column("finished_at", sa.Text),
        sa.Column("outcome_code", sa.Text),
        sa.Column("outcome_reason", sa.Text),
        sa.Column("outcome_detail", sa.Text),
        sa.Column("applied_serial", sa.Integer),
        sa.UniqueConstraint("uid", name="uq_commands_uid"),
        sa.UniqueConstraint("actor", "idempotency_key", name="uq_commands_actor_key"),
        sa.CheckConstraint(
            "state IN ('queued', 'applied', 'precondition_rejected', 'failed')", name="ck_commands_state"
        ),
        sa.CheckConstraint("(state = 'queued') = (finished_at IS NULL)", name="ck_commands_finished"),
        sa.CheckConstraint("(state = 'queued') = (outcome_code IS NULL)", name="ck_commands_outcome"),
        sa.CheckConstraint("applied_serial IS NULL OR state = 'applied'", name="ck_commands_serial"),
        sa.CheckConstraint("attempts >= 0", name="ck_commands_attempts"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_commands_queued",
        "commands",
        ["asset", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.execute("INSERT INTO meta (key, value) VALUES ('schema_version', '1')")
