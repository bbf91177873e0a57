"""A load for Locust: visitors, API clients and uploaders, as people behave; a stale read is a failure.

    locust -f bench/locustfile.py --headless -u 10 -t 20s --host http://127.0.0.1:8000

`--shape`, `--visitors`, `--corpus`, thresholds and the rest are in `locust -f bench/locustfile.py --help`. The exit
code is 0 only if every threshold holds. `python -m bench.load` starts what is to be loaded as well.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Locust knows this directory, not the checkout's root

from locust import events

from bench.crowd import wiring
from bench.crowd.api_clients import ApiClient
from bench.crowd.uploaders import Uploader
from bench.crowd.visitors import Visitor

__all__ = ["ApiClient", "Uploader", "Visitor"]

wiring.connect(events)
