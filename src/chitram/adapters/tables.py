"""The tables, once for SQLite and PostgreSQL. Migrations create them; a test compares the two."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: they mean something else on every machine."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy's signature
        """Aware, in UTC."""
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=True),
    Column("is_active", Boolean, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("tokens_valid_from", UtcDateTime, nullable=False),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("token_id", String(36), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_sha256", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("last_used_at", UtcDateTime, nullable=True),
    UniqueConstraint("user_id", "name"),
)
"""Of a key's secret only the hash is here: whoever reads the table, or a backup of it, has no key."""

images = Table(
    "images",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("owner_id", String(36), ForeignKey("users.id"), nullable=True),
    Column("visibility", String(8), nullable=False),
    Column("filename", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("media_type", String(16), nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("color", String(7), nullable=False),
    Column("blob_key", Text, nullable=False),
    Column("thumbnails", String(8), nullable=False),
    Column("delete_token_sha256", String(64), nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # Each list has its index in the order that its cursor follows.
    Index("ix_images_visibility_created_at_id", "visibility", "created_at", "id"),
    Index("ix_images_owner_id_created_at_id", "owner_id", "created_at", "id"),
    Index("ix_images_owner_id_sha256", "owner_id", "sha256"),
    Index("ix_images_thumbnails_created_at", "thumbnails", "created_at"),
    # What an account's originals take up is summed up in this one alone.
    Index("ix_images_owner_id_file_size", "owner_id", "file_size"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("image_id", String(36), ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("owed_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("claimed_by", Text, nullable=True),
    Column("reason", Text, nullable=True),
    Column("request_id", Text, nullable=True),
    Index("ix_jobs_kind_due_at", "kind", "due_at"),
)
"""What is owed to images, in the same transaction as what owes it. *due_at* is when anybody may take a job up: at once,
after a pause, or when the claim of *claimed_by* ends; never, for one that was given up. A job that is done has no row.
"""

user_quotas = Table(
    "user_quotas",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("bytes", BigInteger, nullable=True),
)
"""What single accounts may keep, in bytes; NULL: anything. Whoever has no row has the default of the settings."""

user_exports = Table(
    "user_exports",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("holder", String(36), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)
"""Accounts that are being exported, by whom, and when that is over if nobody says anything any more."""

cache_clock = Table(
    "cache_clock",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("head", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("salt", BigInteger, nullable=False),
    Column("vnodes", Integer, nullable=False),
    Column("log", String(36), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
"""One row, whose lock orders all cached writes: the id of the newest invalidation; version, salt and virtual nodes of
the node set; and the log's identity, which is new in every database.
"""

cache_log = Table(
    "cache_log",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)
"""The invalidation log: gapless, in the order of the commits."""

cache_node = Table(
    "cache_node",
    metadata,
    Column("name", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("weight", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("fence", BigInteger, nullable=True),
    Column("seed", Integer, nullable=False, server_default="0"),
)
"""The node set. *fence* is set while a writer could not reach the node: nobody may read it until it has caught up.
*seed* says with the salt where a node's points lie; it is 0 for those that the salt was chosen for.
"""
