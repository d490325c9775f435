"""The read cache for screens: proposals, and what happened to each coin."""

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"

_ASSET_STATES = (
    "'frozen', 'proposal_pending', 'risk_proposed', 'proposal_aborted', 'proposal_rejected',"
    " 'managed_active', 'managed_paused', 'managed_drift_alert', 'release_pending', 'exit_executed'"
)


def upgrade() -> None:
    """Make the tables; they are filled from the audit log by whoever finishes the next command."""
    op.create_table(
        "managed_proposals",
        sa.Column("proposal_id", sa.Text, primary_key=True),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("proposal_json", sa.Text),
        sa.Column("generated_at", sa.Text),
        sa.Column("expires_at", sa.Text),
        sa.Column("decided_at", sa.Text),
        sa.Column("requested_by_user_id", sa.Text),
        sa.Column("decided_by_user_id", sa.Text),
        sa.Column("decision", sa.Text),
        sa.Column("serial", sa.Integer, nullable=False),
        sa.CheckConstraint(f"state IN ({_ASSET_STATES})", name="ck_managed_proposals_state"),
        sa.CheckConstraint(
            "decision IS NULL OR decision IN ('approved', 'rejected', 'expired')",
            name="ck_managed_proposals_decision",
        ),
        sa.CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="ck_managed_proposals_decided"),
    )
    op.create_index("ix_managed_proposals_asset", "managed_proposals", ["asset", "serial"])
    op.create_table(
        "managed_assets_history",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("state_from", sa.Text),
        sa.Column("state_to", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("ts", sa.Text, nullable=False),
        sa.Column("metadata_json", sa.Text, nullable=False),
    )
    op.create_index("ix_managed_assets_history_asset", "managed_assets_history", ["asset", "id"])
    op.execute("UPDATE meta SET value = '2' WHERE key = 'schema_version'")
