"""Settings: where they come from, and what a bad one says."""

import pytest

from chitram.settings import Settings, SettingsError


def load(environ=None, overrides=None, dotenv=None) -> Settings:
    """Without the `.env` of whoever runs the tests."""
    return Settings.load(environ or {}, overrides, dotenv=dotenv)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path):
    """In this order."""
    file = tmp_path / ".env"
    file.write_text("MAX_PIXELS=1\nCACHE_TTL_SECONDS=2\nDB_POOL_SIZE=3\n")
    settings = load({"CACHE_TTL_SECONDS": "20", "DB_POOL_SIZE": "30"}, {"db_pool_size": 300}, dotenv=file)
    assert (settings.max_pixels, settings.cache_ttl_seconds, settings.db_pool_size) == (1, 20, 300)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "prod"),
        ("CACHE_TTL_SECONDS", "soon"),
        ("MAX_FILE_SIZE_MB", "-1"),
        ("MAX_FILE_SIZE_MB", "0.0000001"),
        ("MAX_FILE_SIZE_MB", "nan"),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "nonsense"),
        ("JWT_SECRET_KEY", "short"),
        ("JWT_ALGORITHM", "none"),
        ("ALLOWED_CONTENT_TYPES", "image/jpeg,text/html"),
        ("CACHE_KEY_PREFIX", "a b"),
        ("STORAGE_BACKEND", "ftp"),
        ("MINIO_ENDPOINT", "http://minio:9000"),
        ("MINIO_ENDPOINT", "minio:9000/path"),
        ("MINIO_BUCKET", "My_Pictures"),
        ("USER_QUOTA_MB", "0.0000001"),
        ("USER_QUOTA_MB", "nan"),
    ],
)
def test_a_bad_value_stops_the_start_with_its_name(name, value):
    """One line, and never the value of a secret."""
    with pytest.raises(SettingsError) as refused:
        load({name: value})
    assert name in str(refused.value)
    assert "short" not in str(refused.value)


def test_secrets_do_not_print():
    """Nowhere in the object's text."""
    settings = load({"JWT_SECRET_KEY": "s" * 40, "REDIS_PASSWORD": "hunter22"})
    assert "ssss" not in repr(settings)
    assert "hunter22" not in repr(settings)


def test_production_needs_a_secret_of_its_own():
    """The development secret is public."""
    with pytest.raises(SettingsError, match="JWT_SECRET_KEY"):
        load({"APP_ENV": "production"})
    assert load({"APP_ENV": "production", "JWT_SECRET_KEY": "x" * 32}).app_env == "production"


def test_s3_needs_to_know_where_and_who():
    """All that lacks is said at once; `minio` is another word for it."""
    with pytest.raises(SettingsError, match="MINIO_ENDPOINT, MINIO_SECRET_KEY"):
        load({"STORAGE_BACKEND": "s3", "MINIO_ACCESS_KEY": "me"})
    whole = {
        "MINIO_ENDPOINT": "minio:9000",
        "MINIO_ACCESS_KEY": "me",
        "MINIO_SECRET_KEY": "hunter22",
        "STAGING_PATH": "",
    }
    settings = load({"STORAGE_BACKEND": "minio", **whole})
    assert (settings.storage_backend, settings.minio_secure, settings.staging_path) == ("s3", True, None)
    assert "hunter22" not in repr(settings)


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("postgres://u:p@h/n", "postgresql+asyncpg://u:p@h/n"),
        ("postgresql://h/n", "postgresql+asyncpg://h/n"),
        ("sqlite:///f.db", "sqlite+aiosqlite:///f.db"),
        ("sqlite+aiosqlite:///f.db", "sqlite+aiosqlite:///f.db"),
    ],
)
def test_the_usual_database_urls_get_their_driver(written, used):
    """Nobody has to know its name."""
    assert load({"DATABASE_URL": written}).database_url == used


def test_one_redis_is_a_ring_of_one():
    """The names that people already use."""
    settings = load({"REDIS_HOST": "cache", "REDIS_PORT": "6380", "REDIS_PASSWORD": "p@,w", "REDIS_DB": "2"})
    assert settings.node_list == "redis://:p%40%2Cw@cache:6380/2"
    assert load({"REDIS_NODES": "a=h:1", "REDIS_HOST": "cache"}).node_list == "a=h:1"
    assert load({"REDIS_NODES": "a=h:1", "CACHE_ENABLED": "false"}).node_list == ""
    assert load().node_list == ""


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@h:port/x", "postgresql://h:1x/x", "postgresql://[::1]:x/y"])
def test_a_database_s_port_is_a_number(url):
    """Said with the setting's name, and without the password."""
    with pytest.raises(SettingsError, match="DATABASE_URL: its port is no number") as refused:
        Settings.load({"DATABASE_URL": url}, dotenv=None)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://me:p:w@[::1]:5432/x", "postgresql://me@h/x?a=b:c", "sqlite:///a:b/c.db"])
def test_what_looks_like_a_port_and_is_none_is_left_alone(url):
    """In a password, an IPv6 address, a query, a file's name."""
    assert Settings.load({"DATABASE_URL": url}, dotenv=None).database_url.endswith(url.partition("://")[2])
