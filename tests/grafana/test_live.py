"""A real Prometheus scrapes a running stack while a node dies and comes back, and every panel shows it."""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession

from chitram.embedded.node import NodeProcess
from tests.grafana.boards import Query, annotations, queries, substituted
from tests.grafana.load import Load
from tests.servers.command import Chitram
from tests.servers.ports import free_port
from tests.servers.prometheus import Prometheus, StartPrometheus
from tests.servers.service import node_list
from tests.waiting import until

LONGEST = 60.0


@dataclass
class Scraped:
    """A stack that has lived through something, and the Prometheus that has seen it."""

    prometheus: Prometheus
    since: float
    load: Load
    fired: list[dict[str, Any]]

    def values(self, expr: str) -> dict[str, list[float]]:
        """The numbers of each series, by its node or as a whole; NaN is no number."""
        found: dict[str, list[float]] = {}
        for series in self.prometheus.over(expr, self.since):
            numbers = [float(value) for _, value in series["values"]]
            kept = [number for number in numbers if not math.isnan(number)]
            found.setdefault(series["metric"].get("node", ""), []).extend(kept)
        return {node: numbers for node, numbers in found.items() if numbers}


@pytest.fixture
async def scraped(
    chitram: Chitram,
    postgres_url: str,
    redis_nodes: dict[str, NodeProcess],
    start_prometheus: StartPrometheus,
    tmp_path: Any,
) -> Scraped:
    """Two instances and a worker on PostgreSQL and three nodes under load; node b is killed and brought back, node a
    reweighted.
    """
    environ = {
        "DATABASE_URL": postgres_url,
        "LOCAL_STORAGE_PATH": str(tmp_path / "blobs"),
        "REDIS_NODES": node_list(redis_nodes),
        "JOBS": "worker",
    }
    started = [chitram("serve", "--port", 0, environ=environ) for _ in range(2)]
    urls = [each.wait_for("ready ") for each in started]
    worker = chitram("worker", "--concurrency", 1, "--metrics-port", free_port(), environ=environ).wait_for("ready ")
    nodes = {name: f"127.0.0.1:{node.port}" for name, node in redis_nodes.items()}
    instances, workers = [url.removeprefix("http://") for url in urls], [worker.removeprefix("http://")]
    prometheus = start_prometheus(instances, nodes, workers)
    since = time.time()

    def down(state: str) -> list[dict[str, Any]]:
        return [
            alert
            for alert in prometheus.alerts()
            if alert["labels"]["alertname"] == "CacheNodeDown" and alert["state"] == state
        ]

    async with ClientSession() as session, Load(session, urls, tmp_path).running() as load:
        await until(lambda: len(prometheus.instant("ring_node_trusted == 1")) == 9, seconds=LONGEST)
        await until(lambda: bool(prometheus.instant('sum(ring_requests_total{result="hit"}) > 100')), seconds=LONGEST)
        redis_nodes["b"].kill()
        await until(lambda: bool(down("firing")), seconds=LONGEST)
        fired = down("firing")
        await until(lambda: bool(prometheus.instant('sum(ring_failover_reads_total{node="b"}) > 20')), seconds=LONGEST)
        redis_nodes["b"].restart()
        await until(lambda: not down("firing") and not down("pending"), seconds=LONGEST)
        change = chitram("ring", "weight", "a", "1.2", environ=environ)
        assert await asyncio.to_thread(change.wait) == 0, change.errors
        await until(lambda: len(prometheus.instant('ring_info{version="2"}')) == 3, seconds=LONGEST)
        await until(lambda: len(prometheus.instant("increase(ring_changes_total[1m]) > 0")) == 3, seconds=LONGEST)
    return Scraped(prometheus, since, load, fired)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_panel_shows_the_life_and_death_of_a_node(scraped: Scraped):
    """Each query has data, those by node for every node; the alert names the node; the changes are marked."""
    assert scraped.load.failures == []
    assert scraped.load.result["stale"] == 0
    assert {kind["name"]: kind["failures"] for kind in scraped.load.result["kinds"] if kind["failures"]} == {}
    assert [alert["labels"]["node"] for alert in scraped.fired] == ["b"]
    assert scraped.fired[0]["annotations"]["summary"] == "Node b is down"
    empty = [_missing(scraped, query) for query in queries()]
    assert list(filter(None, empty)) == []
    for mark in annotations():
        assert scraped.values(substituted(mark.expr)), mark
    downs = scraped.prometheus.over(substituted(annotations()[1].expr), scraped.since)
    assert {"b"} == {each["metric"]["node"] for each in downs if each["metric"]["to"] == "down"}


def _missing(scraped: Scraped, query: Query) -> str | None:
    """What a panel should show and does not."""
    found = scraped.values(query.substituted)
    fine = set(found) == set("abc") if query.per_node else bool(found)
    return None if fine else f"{query.board}: {query.panel} has data of {sorted(found)} only: {query.substituted}"
