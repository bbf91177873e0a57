"""Everything an operator can set, read once from a mapping. Only the composition root and the command line import this.

Names are environment names in lower case. Flags win over the environment, the environment over a ``.env`` file.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, unquote

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from chitram.domain.media import MediaType
from chitram.domain.quota import SMALLEST_QUOTA

DEVELOPMENT_SECRET = "development-only-secret-not-for-production"  # noqa: S105  refused in production by `_refuse_defaults`

_PASSWORD = re.compile(r"://[^/:@\s]*:([^\s,]*?)@(?=[^@,\s]*(?:[,\s]|$))")
"""In an address, or in each of a list of them: what stands between the login's colon and the last ``@``."""


class SettingsError(Exception):
    """A setting is unusable; the text names it and says what would be right."""


class Settings(BaseModel):
    """Immutable values with their defaults. Secrets are ``SecretStr``: they do not print."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    app_env: Literal["development", "production"] = "development"
    debug: bool = False
    log_format: Literal["auto", "console", "json"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_log: bool = False
    otel_exporter_otlp_endpoint: str = ""
    shutdown_delay_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0

    database_url: str = "sqlite+aiosqlite:///chitram.db"
    db_pool_size: Annotated[int, Field(ge=1, le=500)] = 10
    db_max_overflow: Annotated[int, Field(ge=0, le=500)] = 5
    db_pool_recycle: Annotated[int, Field(ge=-1)] = 1800

    storage_backend: Literal["local", "s3"] = "local"
    local_storage_path: Path = Path("blobs")
    minio_endpoint: str = ""
    minio_access_key: SecretStr = SecretStr("")
    minio_secret_key: SecretStr = SecretStr("")
    minio_bucket: str = "chitram"
    minio_secure: bool = True
    minio_region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] = "us-east-1"
    staging_path: Path | None = None

    redis_nodes: str = ""
    redis_host: str = ""
    redis_port: Annotated[int, Field(ge=1, le=65535)] = 6379
    redis_password: SecretStr = SecretStr("")
    redis_db: Annotated[int, Field(ge=0)] = 0
    cache_enabled: bool = True
    cache_ttl_seconds: Annotated[int, Field(ge=1, le=30 * 86400)] = 3600
    cache_key_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "chitram"
    cache_virtual_nodes: Annotated[int, Field(ge=1, le=10_000)] = 150
    cache_debug: bool = False

    jwt_secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    jwt_algorithm: Literal["HS256"] = "HS256"
    jwt_expire_minutes: Annotated[int, Field(ge=1, le=525_600)] = 1440
    auth_provider: Literal["local"] = "local"
    allow_anonymous_uploads: bool = True
    user_quota_mb: Annotated[float, Field(ge=0, le=1024**3)] = 0

    upload_concurrency_limit: Annotated[int, Field(ge=1, le=1000)] = 10
    upload_concurrency_timeout: Annotated[float, Field(ge=0, le=600)] = 30.0
    max_file_size_mb: Annotated[float, Field(ge=1e-6, le=1024)] = 25  # a byte at least
    max_pixels: Annotated[int, Field(ge=1, le=1_000_000_000)] = 64_000_000
    allowed_content_types: frozenset[MediaType] = frozenset(MediaType)

    jobs: Literal["inline", "worker"] = "inline"

    metrics_enabled: bool = True
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str],
        overrides: Mapping[str, object] | None = None,
        dotenv: Path | None = Path(".env"),
    ) -> Self:
        """Read the settings; *overrides* (flags) win over *environ*, *environ* over the *dotenv* file.

        Raises :class:`SettingsError` with one line for each unusable value.
        """
        written = dotenv_values(dotenv) if dotenv and dotenv.is_file() else {}
        merged = {name.lower(): value for name, value in {**written, **environ}.items() if value is not None}
        known = {name: merged[name] for name in cls.model_fields if name in merged}
        try:
            return cls.model_validate({**known, **(overrides or {})})
        except ValidationError as error:
            raise SettingsError("\n".join(_explain(part) for part in error.errors())) from None

    @field_validator("log_format", "log_level", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _over_http(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[^\s/]+\S*", url):
            raise ValueError("use http://HOST:4318, where an OpenTelemetry collector takes OTLP over HTTP")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        drivers = {
            "postgres": "postgresql+asyncpg",
            "postgresql": "postgresql+asyncpg",
            "sqlite": "sqlite+aiosqlite",
        }
        scheme = drivers.get(scheme, scheme)
        if not separator or scheme not in drivers.values():
            raise ValueError("use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
        host = rest.rpartition("@")[2].partition("/")[0]
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
        if port and not port.isdecimal():
            raise ValueError("its port is no number: postgresql://USER:PASSWORD@HOST:5432/NAME")
        return f"{scheme}://{rest}"

    @field_validator("storage_backend", mode="before")
    @classmethod
    def _under_its_protocol(cls, value: object) -> object:
        return "s3" if value == "minio" else value

    @field_validator("minio_endpoint")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9._-]+(:\d{1,5})?", value):
            raise ValueError("use HOST or HOST:PORT, without http://; MINIO_SECURE says whether it is https")
        return value

    @field_validator("minio_bucket")
    @classmethod
    def _bucket_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value):
            raise ValueError("use 3 to 63 lower-case letters, digits, dots and hyphens")
        return value

    @field_validator("staging_path", mode="before")
    @classmethod
    def _nothing_is_none(cls, value: object) -> object:
        return value or None

    @field_validator("user_quota_mb", mode="before")
    @classmethod
    def _nothing_is_no_quota(cls, value: object) -> object:
        return value or 0

    @field_validator("user_quota_mb")
    @classmethod
    def _no_quota_of_nothing(cls, megabytes: float) -> float:
        if 0 < megabytes * 1024 * 1024 < SMALLEST_QUOTA:
            raise ValueError("use megabytes, 500 for 500 MB; 0 for no quota; 0.001 (1 KB) is the least")
        return megabytes

    @field_validator("allowed_content_types", mode="before")
    @classmethod
    def _split_by_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("jwt_secret_key")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value().encode()) < 32:
            raise ValueError("HS256 needs at least 32 bytes: openssl rand -base64 32")
        return secret

    @model_validator(mode="after")
    def _refuse_defaults(self) -> Self:
        default = self.jwt_secret_key.get_secret_value() == DEVELOPMENT_SECRET
        if self.app_env == "production" and default:
            raise ValueError("JWT_SECRET_KEY must be set in production: openssl rand -base64 32")
        return self

    @model_validator(mode="after")
    def _name_the_bucket(self) -> Self:
        wanted = {
            "MINIO_ENDPOINT": self.minio_endpoint,
            "MINIO_ACCESS_KEY": self.minio_access_key.get_secret_value(),
            "MINIO_SECRET_KEY": self.minio_secret_key.get_secret_value(),
        }
        lacking = [name for name, value in wanted.items() if not value]
        if self.storage_backend == "s3" and lacking:
            raise ValueError(f"STORAGE_BACKEND=s3 needs {', '.join(lacking)} too")
        return self

    @property
    def max_file_bytes(self) -> int:
        """The largest accepted upload in bytes."""
        return int(self.max_file_size_mb * 1024 * 1024)

    @property
    def user_quota_bytes(self) -> int | None:
        """What an account may keep that was given no quota of its own; ``None``: anything."""
        return int(self.user_quota_mb * 1024 * 1024) if self.user_quota_mb else None

    @property
    def least_level(self) -> str:
        """The level from which on is logged; ``DEBUG`` lets everything through."""
        return "debug" if self.debug else self.log_level

    @property
    def logs_requests(self) -> bool:
        """Whether each request gets a line."""
        return self.access_log or self.least_level == "debug"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, and the passwords in addresses: what no log line may hold."""
        values = [getattr(self, name) for name in type(self).model_fields]
        hidden = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        written = [part for value in values if isinstance(value, str) for part in _PASSWORD.findall(value)]
        return tuple(secret for part in (*hidden, *written) for secret in (part, unquote(part)) if secret)

    @property
    def node_list(self) -> str:
        """The nodes in the syntax of ``REDIS_NODES``, or an empty string for none."""
        if not self.cache_enabled or self.redis_nodes or not self.redis_host:
            return self.redis_nodes if self.cache_enabled else ""
        password = quote(self.redis_password.get_secret_value(), safe="")
        login = f":{password}@" if password else ""
        return f"redis://{login}{self.redis_host}:{self.redis_port}/{self.redis_db}"


def _explain(error: Mapping[str, object]) -> str:
    location = error["loc"]
    name = str(location[0]).upper() if isinstance(location, tuple) and location else ""
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message
