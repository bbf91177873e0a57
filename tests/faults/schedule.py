"""Which faults strike when: a pure function of a seed, so that a seed printed by a failing run replays it.

Every lane has one fault at a time, and lanes know nothing of each other: three dead nodes at once, or a node that dies
while a process is cut off from it, come by themselves.
"""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

NODES = ("a", "b", "c")
PROCESSES = (0, 1, 2)


class Fault(NamedTuple):
    """Strikes `at` seconds after the start and lasts for `seconds`."""

    at: float
    seconds: float
    kind: str
    target: str


class Lane(NamedTuple):
    """Kinds with their weights, the targets to choose from, and how long a fault and a pause between two last (s)."""

    kinds: Mapping[str, int]
    targets: Sequence[str]
    lasts: tuple[float, float]
    pause: tuple[float, float]


_ON_NODES = {"node killed": 3, "node set back": 4, "node frozen": 3, "node emptied": 1, "ring record lost": 1}
_ON_LINKS = {"link cut": 4, "link held": 3, "replies held": 2, "commands held": 2, "link slow": 1}
_ON_PROCESSES = {"process killed": 2, "process frozen": 3}
_ON_NODE_SET = {"drained": 2, "weighed": 1, "replaced": 1}


def lanes() -> dict[str, Lane]:
    """One lane a node, one for the links of each process, one for all processes, one for the node set."""
    of_nodes = {f"node {name}": Lane(_ON_NODES, (name,), (0.1, 4.0), (1.5, 7.0)) for name in NODES}
    of_links = {
        f"links of {number}": Lane(_ON_LINKS, [f"{number}-{name}" for name in NODES], (0.05, 3.0), (0.5, 5.0))
        for number in PROCESSES
    }
    others = {
        "processes": Lane(_ON_PROCESSES, [str(number) for number in PROCESSES], (0.2, 3.0), (2.0, 8.0)),
        "node set": Lane(_ON_NODE_SET, NODES, (0.2, 3.0), (2.0, 8.0)),
    }
    return of_nodes | of_links | others


def schedule(seed: int, seconds: float) -> dict[str, list[Fault]]:
    """The faults of each lane, in order, none of which begins after `seconds`."""
    return {name: _faults(lane, random.Random(f"{seed} {name}"), seconds) for name, lane in lanes().items()}


def _faults(lane: Lane, rng: random.Random, seconds: float) -> list[Fault]:
    faults: list[Fault] = []
    at = rng.uniform(0, lane.pause[1])
    while at < seconds:
        [kind] = rng.choices(list(lane.kinds), list(lane.kinds.values()))
        faults.append(Fault(at, rng.uniform(*lane.lasts), kind, rng.choice(lane.targets)))
        at += faults[-1].seconds + rng.uniform(*lane.pause)
    return faults
