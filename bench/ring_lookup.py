"""How fast is a lookup, failover included, and how even is the ring? Against other placements.

    python -m bench.ring_lookup

Needs the `bench` dependency group. Prints Markdown tables; every number is measured in this run.
"""

import time
from collections.abc import Callable, Iterable

import hashring as hashring_package
import jump
import mmh3
import uhashring
from pymemcache.client.rendezvous import RendezvousHash

from ring import HashRing, Node, choose_salt

KEYS = [f"image:{i:012x}" for i in range(20_000)]
Lookup = Callable[[str], object]


def names(count: int) -> list[str]:
    """Node names as people give them."""
    return [f"cache-{i}" for i in range(count)]


def ours(members: Iterable[str], salt: int | None = None) -> HashRing:
    """Our ring with the chosen salt."""
    listed = list(members)
    return HashRing([Node(name, "h:1") for name in listed], salt=choose_salt(listed) if salt is None else salt)


def microseconds(lookup: Lookup) -> float:
    """The best of nine rounds (the others were disturbed) of the time for one lookup."""
    rounds = []
    for _ in range(9):
        began = time.perf_counter()
        for key in KEYS:
            lookup(key)
        rounds.append((time.perf_counter() - began) / len(KEYS) * 1e6)
    return min(rounds)


def contestants(count: int) -> dict[str, Lookup]:
    """Lookups over `count` nodes by name."""
    members = names(count)
    ring, down = ours(members), frozenset(members[:1])
    rendezvous = RendezvousHash(members)
    return {
        "HashRing.router()": ring.router(),
        "HashRing.router(), one node down": ring.router(down),
        "HashRing.route": ring.route,
        "HashRing.route, one node down": lambda key: ring.route(key, down),
        "uhashring": uhashring.HashRing(members).get_node,
        "hashring": hashring_package.HashRing(members).get_node,
        "pymemcache rendezvous": rendezvous.get_node,
        "jump hash (C)": lambda key: members[jump.hash(mmh3.hash(key, signed=False), count)],
    }


def print_lookups() -> None:
    """One line for each contestant."""
    print("| µs a lookup | 3 nodes | 10 nodes |\n|---|---|---|")
    three, ten = contestants(3), contestants(10)
    for name in three:
        print(f"| {name} | {microseconds(three[name]):.2f} | {microseconds(ten[name]):.2f} |")


def print_balance() -> None:
    """Building time, and the largest share against the mean."""
    print("\n| nodes | salt chosen in ms | ring built in ms | max/mean, salt 0 | max/mean, chosen salt |")
    print("|---|---|---|---|---|")
    for count in (3, 5, 10):
        began = time.perf_counter()
        salt = choose_salt(names(count))
        chosen = time.perf_counter()
        ring = ours(names(count), salt)
        built = time.perf_counter()
        times = f"{(chosen - began) * 1e3:.1f} | {(built - chosen) * 1e3:.1f}"
        print(f"| {count} | {times} | {ours(names(count), 0).imbalance():.3f} | {ring.imbalance():.3f} |")


if __name__ == "__main__":
    print_lookups()
    print_balance()
