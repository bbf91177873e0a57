"""The settings: what cannot be used, what should not be, and names that nothing reads."""

import difflib
from collections.abc import Iterator, Mapping

from sqlalchemy import make_url

from chitram.cli.doctor.finding import Finding, ok, problem, warning
from chitram.cli.workplace import disk_path
from chitram.settings import DEVELOPMENT_SECRET, Settings, SettingsError
from ring import Membership

_SECRET = "export JWT_SECRET_KEY=$(openssl rand -base64 32), the same for every process"  # noqa: S105  the cure, no secret
_OF_COMMANDS = {"CHITRAM_PASSWORD", "CHITRAM_REDIS_SERVER", "CHITRAM_TOKEN"}
_ALIKE = 0.82
SHORTEST_TTL = 60


def read_settings(environ: Mapping[str, str], flags: Mapping[str, object]) -> tuple[Settings | None, list[Finding]]:
    """The settings, or a problem for each that cannot be used."""
    try:
        settings = Settings.load(environ, flags, dotenv=None)
    except SettingsError as error:
        return None, [problem("settings", line, _cure(line)) for line in str(error).splitlines()]
    unreadable = _unreadable(settings)
    return (None if unreadable else settings), unreadable


def check_settings(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """What is allowed and still not wise."""
    found = [*_secrets(settings), *_production(settings), *_cache(settings), *unread_names(environ)]
    return found or [ok("settings", f"{settings.app_env}; every value can be used")]


def unread_names(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Names that look like a setting and are none."""
    settings = {name.upper() for name in Settings.model_fields}
    for name in sorted(environ.keys() - settings - _OF_COMMANDS):
        meant = _meant(name, settings)
        if meant and meant not in environ:
            yield warning("settings", f"nothing reads {name}", f"did you mean {meant}? Rename it")
        elif name.startswith("CHITRAM_") and not meant:
            yield warning("settings", f"nothing reads {name}", "see `chitram config show` for every name")


def _unreadable(settings: Settings) -> list[Finding]:
    try:
        Membership.of(settings.node_list)
    except ValueError as error:
        return [problem("settings", f"REDIS_NODES: {error}", "REDIS_NODES=a=redis-a:6379,b=redis-b:6379")]
    return []


def _meant(name: str, settings: set[str]) -> str:
    bare = name.removeprefix("CHITRAM_")
    if bare in settings:
        return bare
    close = difflib.get_close_matches(bare, settings, 1, _ALIKE) if len(bare) > len("DEBUG") else []
    return close[0] if close else ""


def _cure(line: str) -> str:
    name = line.partition(":")[0].split()[0]
    return _SECRET if name == "JWT_SECRET_KEY" else f"give {name} such a value, or leave it out for its default"


def _secrets(settings: Settings) -> Iterator[Finding]:
    if settings.jwt_secret_key.get_secret_value() == DEVELOPMENT_SECRET:
        yield warning("settings", "JWT_SECRET_KEY is the public one for development: anybody can sign in", _SECRET)


def _production(settings: Settings) -> Iterator[Finding]:
    production = settings.app_env == "production"
    shared = make_url(settings.database_url).get_backend_name() != "sqlite"
    if production and settings.debug:
        yield warning("settings", "DEBUG is on in production: logs grow and tell too much", "DEBUG=false")
    if not production and shared:
        says = "APP_ENV is development on a shared database: cookies go over plain HTTP"
        yield warning("settings", says, "APP_ENV=production behind HTTPS")
    path = disk_path(settings)
    if production and path and not path.is_absolute():
        says = f"LOCAL_STORAGE_PATH={path} depends on where the process is started"
        yield warning("settings", says, "LOCAL_STORAGE_PATH=/var/lib/chitram/blobs, or where else they lie")


def _cache(settings: Settings) -> Iterator[Finding]:
    if settings.cache_ttl_seconds < SHORTEST_TTL:
        says = f"CACHE_TTL_SECONDS={settings.cache_ttl_seconds}: most reads will miss, and freshness does not need it"
        yield warning("settings", says, "CACHE_TTL_SECONDS=3600, the same in every process")
