"""The first tables: accounts, images, the invalidation log with its clock."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "cache_clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.BigInteger(), nullable=False),
        sa.Column("vnodes", sa.Integer(), nullable=False),
        sa.Column("log", sa.String(length=36), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_cache_clock_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_cache_clock"),
    )
    op.create_table(
        "cache_log",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cache_log"),
    )
    op.create_index("ix_cache_log_at", "cache_log", ["at"])
    op.create_table(
        "cache_node",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_cache_node"),
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("token_id", sa.String(length=36), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_id", name="pk_revoked_tokens"),
    )
    op.create_index("ix_revoked_tokens_expires_at", "revoked_tokens", ["expires_at"])
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tokens_valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "images",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=True),
        sa.Column("visibility", sa.String(length=8), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=16), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("blob_key", sa.Text(), nullable=False),
        sa.Column("thumbnails", sa.String(length=8), nullable=False),
        sa.Column("delete_token_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_images_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
    )
    op.create_index("ix_images_owner_id_created_at_id", "images", ["owner_id", "created_at", "id"])
    op.create_index("ix_images_owner_id_sha256", "images", ["owner_id", "sha256"])
    op.create_index("ix_images_thumbnails_created_at", "images", ["thumbnails", "created_at"])
    op.create_index("ix_images_visibility_created_at_id", "images", ["visibility", "created_at", "id"])

    clock = "INSERT INTO cache_clock (id, head, version, salt, vnodes, log) VALUES (1, 0, 0, 0, 150, :log)"
    op.get_bind().execute(sa.text(clock), {"log": str(uuid4())})


def downgrade() -> None:
    """Take back."""
    op.drop_table("images")
    op.drop_table("users")
    op.drop_table("revoked_tokens")
    op.drop_table("cache_node")
    op.drop_table("cache_log")
    op.drop_table("cache_clock")
