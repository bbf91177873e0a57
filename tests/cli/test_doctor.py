"""`chitram doctor` on set-ups that are really broken: each is named, and its cure is said."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from chitram.adapters.blobs_disk import DiskStorage
from chitram.adapters.database import Database
from chitram.adapters.database_facts import DatabaseFacts
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.cli import main
from chitram.cli.doctor.database_check import check_database
from chitram.cli.doctor.machine_check import check_machine
from chitram.cli.doctor.storage_check import check_storage
from chitram.embedded.node import command
from chitram.handlers.present import image_body
from chitram.settings import DEVELOPMENT_SECRET, Settings
from ring import Membership
from tests.adapters.test_sql import image
from tests.cli.doctor import SECRET, diagnose
from tests.servers.command import Chitram
from tests.servers.fake_redis import fake_redis
from tests.servers.service import node_list
from tests.waiting import until


@pytest.fixture
def sound(own_settings, tmp_path: Path, monkeypatch) -> dict[str, Any]:
    """The environment of a set-up in which nothing is wrong: SQLite, a directory, no nodes."""
    monkeypatch.chdir(tmp_path)
    return {name.upper(): value for name, value in own_settings.items()}


@pytest.fixture
def with_nodes(sound, redis_nodes):
    """The same with three real nodes in the database's node set; `nodes` puts others in their place."""

    def make(nodes: str = node_list(redis_nodes)) -> dict[str, Any]:
        async def fill() -> None:
            database = Database(sound["DATABASE_URL"])
            await SqlInvalidationLog(database).settle_members(Membership.of(nodes), replace=True)
            await database.close()

        asyncio.run(fill())
        return dict(sound)

    return make


def test_a_healthy_stack_has_nothing_to_say(chitram: Chitram, data: Path):
    """Silence and exit code 0, and without -q a line a check."""
    chitram("up", "--port", 0, "--data", data).wait_for("ready ")

    async def silent() -> bool:
        found = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", "--data", str(data), "-q"])
        return (found.exit_code, found.output) == (0, "")

    asyncio.run(until(silent))
    told = CliRunner().invoke(main, ["doctor", "--data", str(data)])
    assert told.output.count("\nok ") == 7
    assert "all well: 8 checks" in told.output


def test_a_stack_that_is_stopped_is_no_broken_one(data: Path, migrated_sqlite: Path):
    """Its nodes are not missed; everything else is looked at."""
    shutil.copy(migrated_sqlite, data / "chitram.db")
    told = CliRunner().invoke(main, ["doctor", "--data", str(data)])
    assert told.exit_code == 0
    assert "the stack is stopped" in told.output
    assert "all well" in told.output


def test_cures_are_for_the_stack_that_was_asked_about(data: Path):
    """They can be copied."""
    sqlite3.connect(data / "chitram.db").close()
    told = CliRunner().invoke(main, ["doctor", "--data", str(data)])
    assert f"cure: chitram migrate --data {data}" in told.output


def test_a_healthy_service_of_many_machines_has_nothing_to_say(
    chitram: Chitram, postgres_url: str, redis_nodes, tmp_path: Path
):
    """PostgreSQL, production, three nodes that a process has caught up."""
    environ = {
        "APP_ENV": "production",
        "JWT_SECRET_KEY": SECRET,
        "DATABASE_URL": postgres_url,
        "LOCAL_STORAGE_PATH": str(tmp_path / "blobs"),
        "REDIS_NODES": node_list(redis_nodes),
    }
    chitram("serve", "--port", 0, environ=environ).wait_for("ready ")

    async def silent() -> bool:
        arguments = ["doctor", "--quiet"]
        found = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=environ)
        return (found.exit_code, found.output) == (0, "")

    asyncio.run(until(silent))


def test_a_node_that_wants_a_password(with_nodes, redis_nodes):
    """Its address has none, or a wrong one."""
    node = redis_nodes["b"]
    assert command(node.socket, b"CONFIG SET requirepass opensesame\r\n").startswith(b"+OK")
    try:
        found = diagnose(with_nodes()).of("node b")
        wrong = f"a={redis_nodes['a'].address},b=redis://:sesame@{node.tcp_address}"
        other = diagnose(with_nodes(wrong))
    finally:
        node.restart()
    assert "wants a password" in found["says"]
    assert "chitram ring add b redis://:PASSWORD@HOST:PORT" in found["cure"]
    assert "refuses the password" in other.of("node b")["says"]
    assert "sesame" not in other.output


def test_a_node_that_is_not_there_and_one_that_nobody_knows(with_nodes, redis_nodes):
    """Killed, and a name that does not resolve."""
    redis_nodes["a"].kill()
    nodes = f"a={redis_nodes['a'].address},b=nowhere.invalid:6379,c={redis_nodes['c'].address}"
    found = diagnose(with_nodes(nodes))
    for name in "ab":
        assert found.of(f"node {name}")["says"].startswith("cannot be reached")
        assert f"chitram ring remove {name}" in found.of(f"node {name}")["cure"]


def test_a_frozen_node_costs_seconds(with_nodes, redis_nodes):
    """It takes connections and never answers; the others are judged all the same."""
    redis_nodes["c"].pause()
    began = time.monotonic()
    found = diagnose(with_nodes())
    assert time.monotonic() - began < 15
    assert "does not answer: frozen" in found.of("node c")["says"]
    assert "no ring record yet" in found.of("node a")["says"]


@pytest.mark.parametrize(
    ("setting", "level", "says", "cure"),
    [
        ("maxmemory-policy allkeys-lru", "problem", "may evict the ring record", "maxmemory-policy volatile-lfu"),
        ("maxmemory-policy noeviction", "warning", "takes nothing new", "maxmemory-policy volatile-lfu"),
        ("maxmemory 0", "warning", "no memory limit", "CONFIG SET maxmemory"),
        ('save "3600 1"', "warning", "keeps a copy of its memory on disk", "CONFIG SET save ''"),
    ],
)
def test_a_server_that_is_set_up_for_something_else(with_nodes, redis_node, *, setting, level, says, cure):
    """What would bite one day is a warning, an evicted ring record a problem."""
    node = redis_node
    assert command(node.socket, f"CONFIG SET {setting}\r\n".encode()).startswith(b"+OK")
    try:
        found = [f for f in diagnose(with_nodes()).findings if f["about"] == "node a" and says in f["says"]]
    finally:
        node.restart()
    assert [f["level"] for f in found] == [level]
    assert cure in found[0]["cure"]


def test_a_replica_is_no_node(with_nodes, redis_nodes):
    """It would refuse every fill and every invalidation."""
    node = redis_nodes["b"]
    assert command(node.socket, b"REPLICAOF 127.0.0.1 1\r\n").startswith(b"+OK")
    try:
        findings = diagnose(with_nodes()).findings
    finally:
        node.restart()
    assert any("read-only replica" in f["says"] and "REPLICAOF NO ONE" in f["cure"] for f in findings)


def test_a_server_that_is_too_old_or_a_cluster(with_nodes):
    """Before 7.0 there is no SET … NX GET; a cluster's slots tear the script's keys apart."""
    old = {"redis_version": "6.2.14", "maxmemory": "1000", "maxmemory_policy": "volatile-lfu"}
    with fake_redis(old) as first, fake_redis({**old, "redis_version": "7.2.4", "cluster_enabled": "1"}) as second:
        findings = diagnose(with_nodes(f"old={first},many={second}")).findings
    says = {f["about"]: f for f in findings if f["level"] == "problem"}
    assert "version 6.2.14" in says["node old"]["says"]
    assert "Redis 7.0 or later" in says["node old"]["cure"]
    assert "cluster mode" in says["node many"]["says"]
    assert any("clock" in f["says"] and "behind" in f["says"] for f in findings)  # its clock says 1970


def test_one_server_under_two_names(with_nodes, redis_nodes):
    """Two nodes that are one die together."""
    address = redis_nodes["a"].tcp_address if redis_nodes["a"].port else ""
    found = diagnose(with_nodes(f"a={redis_nodes['a'].address},b={address}")).of("nodes a and b")
    assert (found["level"], "are one server" in found["says"]) == ("problem", True)
    assert "chitram ring remove b" in found["cure"]


def test_a_node_of_another_database(with_nodes, redis_nodes):
    """Two services under one prefix would make each other cold for ever."""
    record = b"HSET chitram:ring epoch 12345678 cursor 7 log somebody-elses\r\n"
    assert command(redis_nodes["a"].socket, record).startswith(b":")
    found = diagnose(with_nodes()).of("node a")
    assert "of another database" in found["says"]
    assert "CACHE_KEY_PREFIX" in found["cure"]


def test_another_node_set_than_the_stored_one(with_nodes, redis_nodes):
    """The database holds, and says so."""
    environ = {**with_nodes(), "REDIS_NODES": f"a={redis_nodes['a'].address},z=elsewhere:6379"}
    found = diagnose(environ).of("ring")
    assert found["says"].endswith("in b, c, z")
    assert "chitram ring show" in found["cure"]


def test_a_database_without_tables(sound, empty_postgres_url):
    """The migrations have not run."""
    found = diagnose({**sound, "DATABASE_URL": empty_postgres_url}).of("database")
    assert (found["says"], found["cure"]) == ("it has no tables yet", "chitram migrate")


@pytest.mark.parametrize(
    ("revision", "says", "cure"),
    [("0000", "a later version", "install that version"), (None, "no tables", "chitram migrate")],
)
def test_a_database_of_another_version(sound, tmp_path, revision, says, cure):
    """Of a later one, or of none."""
    with sqlite3.connect(tmp_path / "chitram.db") as connection:
        connection.execute("DELETE FROM alembic_version")
        if revision:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    connection.close()
    found = diagnose(sound).of("database")
    assert says in found["says"]
    assert cure in found["cure"]


def test_a_database_that_is_missing_down_or_frozen(sound, postgres, postgres_url):
    """A file, a port, a name, a server that is there and does not answer."""
    missing = diagnose({**sound, "DATABASE_URL": "sqlite:///nowhere.db"})
    assert "no file nowhere.db" in missing.of("database")["says"]
    assert not Path("nowhere.db").exists()
    down = diagnose({**sound, "DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/chitram"})
    assert "127.0.0.1:1 cannot be reached" in down.of("database")["says"]
    assert "secret" not in down.output.replace("JWT_SECRET", "")
    unknown = diagnose({**sound, "DATABASE_URL": postgres_url.rpartition("/")[0] + "/unknown"}).of("database")
    assert '"unknown" does not exist' in unknown["says"]
    stranger = diagnose({**sound, "DATABASE_URL": postgres_url.replace("postgres@", "stranger@")}).of("database")
    assert "does not let us in" in stranger["says"]
    assert "DATABASE_URL" in stranger["cure"]
    postgres.pause()
    try:
        began = time.monotonic()
        frozen = diagnose({**sound, "DATABASE_URL": postgres_url}).of("database")
        assert time.monotonic() - began < 15
    finally:
        postgres.resume()
    assert "does not answer within" in frozen["says"]


def test_a_disk_that_cannot_be_written(sound, tmp_path):
    """A file stands where the directory should be."""
    (tmp_path / "blobs").write_text("no directory")
    found = diagnose(sound).of("storage")
    assert "cannot be written" in found["says"]
    assert "LOCAL_STORAGE_PATH" in found["cure"]


def test_a_disk_that_hangs_costs_seconds(chitram: Chitram, sound):
    """As a network mount does whose server is gone: no thread comes back from it."""
    frozen = (
        "import time; from chitram.cli import main; from chitram.adapters.staging import Staging;"
        "Staging.new_file = lambda self: time.sleep(1000); main()"
    )
    environ = {"JWT_SECRET_KEY": SECRET, **{name: str(value) for name, value in sound.items()}}
    doctor = chitram("doctor", script=frozen, environ=environ)
    assert doctor.wait(30) == 1
    assert any("not written within" in line for line in doctor.lines)


@pytest.mark.parametrize(("free", "level"), [(1000, "problem"), (10**9, "warning"), (10**11, "ok")])
async def test_a_disk_that_is_nearly_full(tmp_path, monkeypatch, free, level):
    """Less than one upload is a problem."""
    usage = SimpleNamespace(total=10**11, used=10**11 - free, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    settings = Settings.load({"LOCAL_STORAGE_PATH": str(tmp_path)}, dotenv=None)
    assert [f.level for f in await check_storage(settings, DiskStorage(tmp_path))] == [level]


async def test_the_storage_of_another_database(sound):
    """The newest pictures are not in it."""
    database = Database(sound["DATABASE_URL"])
    await SqlImages(database, image_body).add(image(), delete_token_sha256=None)
    await database.close()
    found = (await asyncio.to_thread(diagnose, sound)).of("storage")
    assert "1 of the 1 newest pictures have no file" in found["says"]
    assert "chitram storage verify" in found["cure"]
    assert "chitram config show" in found["cure"]


@pytest.mark.parametrize(("ahead", "level"), [(-45.0, "problem"), (3.0, "warning"), (0.2, "ok")])
def test_clocks_that_differ(ahead, level):
    """By how much, and which way."""
    facts = DatabaseFacts("PostgreSQL 18", 0.001, ahead, "current")
    found = check_database(facts, Settings.load({"DATABASE_URL": "postgresql://h/x"}, dotenv=None))
    assert [f.level for f in found] == [level]
    if level != "ok":
        assert ("45 s behind" if ahead < 0 else "3 s ahead of") in found[0].says
        assert "timedatectl" in found[0].cure


def test_a_standby_and_too_few_connections():
    """What takes no writes is no database for a service."""
    facts = DatabaseFacts("PostgreSQL 18", 0.001, 0.0, "current", read_only=True, connections=10)
    found = check_database(facts, Settings.load({"DATABASE_URL": "postgresql://h/x"}, dotenv=None))
    assert [f.level for f in found] == ["warning", "problem"]
    assert "15 connections" in found[0].says
    assert "primary" in found[1].cure


def test_the_public_secret(sound):
    """A warning in development; in production the service does not start."""
    public = {**sound, "JWT_SECRET_KEY": DEVELOPMENT_SECRET}
    development = diagnose(public)
    assert (development.exit_code, development.of("settings")["level"]) == (0, "warning")
    for environ in ({**sound, "JWT_SECRET_KEY": "short"}, {**public, "APP_ENV": "production"}):
        found = diagnose(environ).of("settings")
        assert (found["level"], "openssl rand -base64 32" in found["cure"]) == ("problem", True)


def test_settings_that_nobody_can_use_or_reads(sound):
    """Each by its name."""
    found = diagnose({**sound, "CACHE_TTL_SECONDS": "soon", "MAX_PIXELS": "0"})
    assert {f["says"].partition(":")[0] for f in found.findings} == {"CACHE_TTL_SECONDS", "MAX_PIXELS"}
    assert "REDIS_NODES" in diagnose({**sound, "REDIS_NODES": "a=h:1,a=h:2"}).of("settings")["says"]
    address = diagnose({**sound, "DATABASE_URL": "postgresql://me:hunter2@h:port/x"})
    assert ("DATABASE_URL" in address.of("settings")["says"], "hunter2" in address.output) == (True, False)
    names = {"REDIS_NODE": "h:1", "CHITRAM_DEBUG": "1", "PATH_TO_NOTHING": "x"}
    unread = [f for f in diagnose({**sound, **names}).findings if "nothing reads" in f["says"]]
    assert [(f["says"].split()[-1], f["cure"].split("?")[0].split()[-1]) for f in unread] == [
        ("CHITRAM_DEBUG", "DEBUG"),
        ("REDIS_NODE", "REDIS_NODES"),
    ]


def test_production_that_is_not(sound):
    """DEBUG, a relative path, a short TTL; a shared database in development."""
    careless = {"APP_ENV": "production", "DEBUG": "1", "LOCAL_STORAGE_PATH": "blobs", "CACHE_TTL_SECONDS": "5"}
    says = " ".join(f["says"] for f in diagnose({**sound, **careless}).findings if f["level"] == "warning")
    for name in ("DEBUG", "LOCAL_STORAGE_PATH", "CACHE_TTL_SECONDS"):
        assert name in says
    shared = diagnose({**sound, "DATABASE_URL": "postgresql://127.0.0.1:1/x"})
    assert any("APP_ENV is development" in f["says"] for f in shared.findings)


def test_several_processes_on_one_sqlite_file(sound, tmp_path):
    """Seen, not guessed."""
    holding = f"file = open({str(tmp_path / 'chitram.db')!r}); print('open', flush=True); input()"
    with ExitStack() as stack:
        for _ in range(2):
            other = subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            stack.enter_context(other)
            stack.callback(other.kill)
            assert other.stdout is not None
            assert other.stdout.readline() == b"open\n"
        found = diagnose(sound).of("database")
    assert "2 processes use one SQLite file" in found["says"]
    assert "PostgreSQL" in found["cure"]


def test_too_few_open_files():
    """A limit of the shell."""
    found = check_machine(lambda: 256)
    assert (found[0].level, "ulimit -n" in found[0].cure) == ("warning", True)


def test_a_mistake_in_the_call_has_an_exit_code_of_its_own(tmp_path):
    """2, not 1."""
    assert CliRunner().invoke(main, ["doctor", "--data", str(tmp_path)]).exit_code == 2
    assert CliRunner().invoke(main, ["doctor", "--what"]).exit_code == 2
