"""A real Prometheus and a real redis_exporter, with the project's own configuration and rules."""

import json
import math
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import yaml

from chitram.embedded.children import end, spawn
from tests.servers.missing import missing
from tests.servers.ports import free_port

GRAFANA = Path(__file__).parent.parent.parent / "grafana"
_START_SECONDS = 30.0


class Prometheus:
    """A running server; ask it as Grafana does."""

    def __init__(self, url: str) -> None:
        self.url = url

    def instant(self, expr: str) -> list[dict[str, Any]]:
        """Series with their value now."""
        return self._ask("query", query=expr)

    def over(self, expr: str, since: float, step: float = 1.0) -> list[dict[str, Any]]:
        """Series with their values from then until now. The last of the steps is now, not up to a whole one before."""
        now = time.time()
        start = now - math.floor((now - since) / step) * step
        return self._ask("query_range", query=expr, start=str(start), end=str(now), step=str(step))

    def alerts(self) -> list[dict[str, Any]]:
        """What is pending or firing."""
        found: list[dict[str, Any]] = self._get("alerts")["alerts"]
        return found

    def _ask(self, what: str, **parameters: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self._get(f"{what}?{urllib.parse.urlencode(parameters)}")["result"]
        return result

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]


StartPrometheus = Callable[..., Prometheus]


@pytest.fixture(scope="session")
def promtool() -> str:
    """Checks configurations, rules and expositions."""
    return shutil.which("promtool") or missing("promtool", "install it (Debian: apt-get install prometheus)")


@pytest.fixture
def start_prometheus(tmp_path: Path, promtool: str) -> Iterator[StartPrometheus]:
    """Start it on these instances, these nodes by name and these workers. Scrapes and rules every second."""
    program = shutil.which("prometheus") or missing("Prometheus", "install it (Debian: apt-get install prometheus)")
    exporter = shutil.which("prometheus-redis-exporter") or shutil.which("redis_exporter")
    if exporter is None:
        missing("redis_exporter", "install it (Debian: apt-get install prometheus-redis-exporter)")
    children: list[subprocess.Popen[bytes]] = []

    def start(instances: Sequence[str], nodes: Mapping[str, str], workers: Sequence[str] = ()) -> Prometheus:
        port, exporter_port = free_port(), free_port()
        command: list[str | Path] = [exporter, f"--web.listen-address=127.0.0.1:{exporter_port}", "--redis.addr="]
        children.append(spawn(command, log=tmp_path / "exporter.log"))
        config = tmp_path / "prometheus.yml"
        config.write_text(yaml.safe_dump(_config(instances, workers, nodes, f"127.0.0.1:{exporter_port}", tmp_path)))
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
        children.append(spawn(command, log=tmp_path / "prometheus.log", death_signal=signal.SIGKILL))
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, tmp_path / "prometheus.log")
        return Prometheus(url)

    yield start
    for child in children:
        end(child, grace=5)


def _config(
    instances: Sequence[str], workers: Sequence[str], nodes: Mapping[str, str], exporter: str, place: Path
) -> dict[str, Any]:
    """The project's own, with other addresses, every second, and `for:` of two seconds."""
    config: dict[str, Any] = yaml.safe_load((GRAFANA / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    jobs["chitram"]["static_configs"][0]["targets"] = list(instances)
    del jobs["chitram-worker"]["dns_sd_configs"]
    jobs["chitram-worker"]["static_configs"] = [{"targets": list(workers)}]
    for target in jobs["redis"]["static_configs"]:
        target["targets"] = [f"redis://{nodes[target['labels']['node']]}"]
    jobs["redis"]["relabel_configs"][-1]["replacement"] = exporter
    (place / "rules").mkdir()
    for file in (GRAFANA / "rules").glob("*.yml"):
        rules = yaml.safe_load(file.read_text())
        for group in rules["groups"]:
            for rule in group["rules"]:
                rule.update({"for": "2s"} if "for" in rule else {})
        (place / "rules" / file.name).write_text(yaml.safe_dump(rules))
    return config


def _wait_until_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not start: {log.read_text()}")
