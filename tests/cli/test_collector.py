"""The cyclic collector beside a running service."""

import subprocess
import sys

SERVICE = """
import gc, os
from aiohttp import web
from chitram.cli.server import run_service

def ready(url):
    print(gc.get_freeze_count(), gc.get_threshold()[0], flush=True)
    os._exit(0)

run_service(web.Application(), None, on_ready=ready)
"""


def test_what_a_start_leaves_is_not_looked_through_again():
    """A look holds up every request, and those under way would set it off all the time (bench/README.md)."""
    run = subprocess.run([sys.executable, "-c", SERVICE], capture_output=True, text=True, timeout=60, check=True)
    kept, new_objects = map(int, run.stdout.split())
    assert kept > 10_000
    assert new_objects >= 5_000
