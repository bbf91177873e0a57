"""Ties the crowd to Locust's events: options, set-up, counts from its processes, thresholds at the end."""

import json
import os
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.event import Events
from locust.runners import MasterRunner, WorkerRunner
from locust.stats import RequestStats

from bench.crowd.api_clients import ApiClient
from bench.crowd.lines import SHAPES
from bench.crowd.options import Options, add_options
from bench.crowd.person import Crowd, Person
from bench.crowd.shapes import Line
from bench.crowd.thresholds import Check, Totals, checks, table
from bench.crowd.uploaders import Uploader
from bench.crowd.visitors import Visitor

TIDY_WITHIN = 20.0
READY = "the crowd is ready"
"""What a worker tells when its set-up is done."""
LEAVING_WITHIN = 5.0
"""What somebody has begun is finished; nobody leaves in the middle of an upload."""
BEGINS = "the load begins"
"""Printed when the set-up is done, for whoever has started this process."""


def connect(events: Events) -> None:
    """Listen to what Locust says before there is an environment."""
    events.init_command_line_parser.add_listener(add_options)
    events.init.add_listener(lambda environment, **_: Wiring(environment))


class Wiring:
    """One process of Locust."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._options = Options.of(environment.parsed_options)
        self._crowd = Person.crowd = Crowd(self._options)
        self._options.refuse_strangers(environment.host)
        self._ready = 0
        self._weigh()
        self._shape()
        environment.stop_timeout = environment.stop_timeout or LEAVING_WITHIN
        events = environment.events
        if isinstance(environment.runner, MasterRunner):
            environment.runner.register_message(READY, self._one_is_ready)
        events.test_start.add_listener(self._prepare)
        events.request.add_listener(self._count)
        events.report_to_master.add_listener(lambda data, **_: data.update(crowd=self._crowd.tallies.take()))
        events.worker_report.add_listener(lambda data, **_: self._crowd.tallies.add(data["crowd"]))
        events.test_stop.add_listener(self._tidy)
        events.quitting.add_listener(self._conclude)

    def _weigh(self) -> None:
        Visitor.weight, ApiClient.weight = self._options.visitors, self._options.api_clients
        Uploader.weight = self._options.uploaders
        self._environment.user_classes = [kind for kind in self._environment.user_classes if kind.weight > 0]

    def _shape(self) -> None:
        parsed: Any = self._environment.parsed_options
        if not self._options.shape and not parsed.run_time:
            return
        points, rate = SHAPES[self._options.shape or "flat"], 0 if self._options.shape else parsed.spawn_rate or 1
        shape = Line(points, parsed.num_users or 1, parsed.run_time or 60, rate)
        parsed.run_time = None  # the shape ends by itself: its time begins when the set-up is done
        shape.runner = self._environment.runner
        self._environment.shape_class = shape

    def _prepare(self, **_: object) -> None:
        runner, host = self._environment.runner, self._environment.host or ""
        worker = isinstance(runner, WorkerRunner)
        if not worker:
            self._crowd.corpus.prepare(host)
        if not isinstance(runner, MasterRunner):
            part = getattr(runner, "worker_index", 0) if worker else 0
            self._crowd.corpus.read(host, part, _processes(self._environment) if worker else 1)
        if isinstance(runner, WorkerRunner):
            runner.send_message(READY)
        elif not isinstance(runner, MasterRunner):
            self._begin()

    def _one_is_ready(self, **_: object) -> None:
        self._ready += 1
        if isinstance(runner := self._environment.runner, MasterRunner) and self._ready == runner.worker_count:
            self._begin()

    def _begin(self) -> None:
        self._environment.stats.clear_all()  # rates count from now on
        if isinstance(shape := self._environment.shape_class, Line):
            shape.begin()
        print(BEGINS, flush=True)

    def _count(self, start_time: float, response_time: float, exception: object, **_: object) -> None:
        self._crowd.tallies.request(start_time + response_time / 1000, response_time, failed=exception is not None)

    def _tidy(self, **_: object) -> None:
        if not isinstance(self._environment.runner, MasterRunner):
            with gevent.Timeout(TIDY_WITHIN, False):
                Uploader.tidy(self._environment.host or "")

    def _conclude(self, **_: object) -> None:
        if isinstance(self._environment.runner, WorkerRunner):
            return
        found = checks(self._options, self._totals(), self._crowd.tallies)
        print(f"\n{_counted(self._crowd)}\n\n{table(found)}\n")
        self._environment.process_exit_code = 0 if all(check.passed for check in found) else 1
        if self._options.result:
            Path(self._options.result).write_text(json.dumps(self._result(found)))

    def _result(self, found: list[Check]) -> dict[str, Any]:
        kinds, seconds = _kinds(self._environment.stats), self._crowd.tallies.curves()
        result = {"options": self._options.shown(), "kinds": kinds, "checks": [check._asdict() for check in found]}
        return {**result, **self._crowd.tallies.take(), "seconds": seconds}

    def _totals(self) -> Totals:
        total, runner = self._environment.stats.total, self._environment.runner
        errors = sum(int(error["count"]) for error in runner.exceptions.values()) if runner else 0
        p95, p99 = (total.get_response_time_percentile(part) for part in (0.95, 0.99))
        return Totals(total.num_requests, total.num_failures, errors, p95, p99)


def _counted(crowd: Crowd) -> str:
    tallies = crowd.tallies
    lines = [f"{name}: {count:,}" for name, count in sorted(tallies.counted.items())]
    caches = ", ".join(f"{count:,} {name}" for name, count in sorted(tallies.caches.items()))
    return "\n".join([f"X-Cache: {caches or 'nothing'}", *lines, *tallies.sentences])


def _kinds(stats: RequestStats) -> list[dict[str, Any]]:
    entries = [*sorted(stats.entries.values(), key=lambda entry: -entry.num_requests), stats.total]
    return [
        {
            "name": entry.name,
            "method": entry.method,
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            "rate": entry.total_rps,
            **{f"p{part:.0%}".rstrip("%"): entry.get_response_time_percentile(part) for part in (0.5, 0.95, 0.99)},
        }
        for entry in entries
    ]


def _processes(environment: Environment) -> int:
    wanted = int(getattr(environment.parsed_options, "processes", None) or 1)
    return wanted if wanted > 0 else os.cpu_count() or 1
