"""What does a node that joins take, how even is the ring then, and does anything else move? With a seed and without.

    python -m bench.ring_joins

Prints Markdown tables over eight ways of naming nodes; every number is measured in this run.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ring import HashRing, Node, choose_salt, choose_seed, plan

SCHEMES = (
    "{letter}",
    "{number}",
    "node{number}",
    "node-{number}",
    "cache-{number}",
    "10.0.0.{number}-6379",
    "redis{number}.example.org-6379",
    "ring-redis-{number}.ring.svc",
)


@dataclass(frozen=True, slots=True)
class Join:
    """One node that joined: how far its share is from its due, in points, and what else came of it."""

    off: float
    imbalance: float
    strayed: float
    milliseconds: float = 0.0


def members(scheme: str, count: int) -> list[Node]:
    """Nodes as people name them."""
    letters = "abcdefghijk"[:count]
    return [Node(scheme.format(number=number, letter=letter), "h:1") for number, letter in enumerate(letters)]


def plain(ring: HashRing, node: Node) -> HashRing:
    """The ring with one more node, which lies where its name says."""
    return HashRing([*ring.nodes, node], ring.vnodes, ring.salt)


def seeded(ring: HashRing, node: Node) -> HashRing:
    """The ring with one more node, which lies where it takes its due."""
    return plain(ring, replace(node, seed=choose_seed(ring, node)))


def measured(before: HashRing, after: HashRing, node: Node, milliseconds: float = 0.0) -> Join:
    """What a join came to."""
    due = node.weight / sum(other.weight for other in after.nodes)
    strayed = sum(part for (_, to), part in plan(before, after).moves.items() if to != node.name)
    return Join(abs(after.shares()[node.name] - due) * 100, after.imbalance(), strayed, milliseconds)


def joins(count: int, weight: float) -> tuple[list[Join], list[Join]]:
    """One more node for each naming scheme, without a seed and with one."""
    without, chosen = [], []
    for scheme in SCHEMES:
        *first, last = members(scheme, count + 1)
        before, node = HashRing(first, salt=choose_salt(first)), replace(last, weight=weight)
        without.append(measured(before, plain(before, node), node))
        began = time.process_time()
        after = seeded(before, node)
        chosen.append(measured(before, after, node, (time.process_time() - began) * 1e3))
    return without, chosen


def print_joins() -> None:
    """A line for each size and weight: the worst of the naming schemes."""
    print(
        "| nodes | weight of one more | its due | off, no seed | off, seed | max/mean, no seed | max/mean, seed | ms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    strayed, near = 0.0, [0, 0]
    for weight in (1.0, 0.5, 2.0):
        for count in (3, 5, 10):
            without, chosen = joins(count, weight)
            off = " | ".join(f"{max(join.off for join in each):.2f}" for each in (without, chosen))
            uneven = " | ".join(f"{worst_imbalance(each):.3f}" for each in (without, chosen))
            slowest = max(join.milliseconds for join in chosen)
            due = weight / (count + weight)
            print(f"| {count} | {weight:g} | {due:.1%} | {off} | {uneven} | {slowest:.0f} |")
            strayed += sum(join.strayed for join in [*without, *chosen])
            near[0] += sum(join.off <= 1 for join in without)
            near[1] += sum(join.off <= 1 for join in chosen)
    cases = 9 * len(SCHEMES)
    print(f"\nWithin one point of its due: {near[0]} of {cases} without a seed, {near[1]} with one.")
    print(f"Moved between the others in all of these joins: {strayed:.0%} of the keys.")


def worst_imbalance(some: Sequence[Join]) -> float:
    """The largest share of all, against its due."""
    return max(join.imbalance for join in some)


def print_growth() -> None:
    """Rings that nobody chose a salt for, grown from nothing."""
    worst: dict[int, float] = {}
    for scheme in SCHEMES:
        ring = HashRing([])
        for node in members(scheme, 10):
            ring = seeded(ring, node)
            size = len(ring.nodes)
            worst[size] = max(worst.get(size, 0.0), ring.imbalance())
    print("\n| nodes, joined one by one | " + " | ".join(map(str, worst)) + " |")
    print("|---" * (len(worst) + 1) + "|")
    print("| max/mean | " + " | ".join(f"{imbalance:.3f}" for imbalance in worst.values()) + " |")


if __name__ == "__main__":
    print_joins()
    print_growth()
