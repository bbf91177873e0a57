"""`chitram ring`: look at the ring, plan a change, make it."""

from dataclasses import asdict

import click

from chitram.adapters.database import Database
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.node_probe import Probe, probe_all
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.cli.doctor.members_check import LOPSIDED
from chitram.cli.image_ids import cached_name
from chitram.cli.ring_change import CHANGES
from chitram.cli.ring_words import set_fields, set_table, status_table
from chitram.cli.workplace import Workplace, place_options, placed
from chitram.services.node_set_ports import NodeSet
from ring import HashRing
from ring.hashing import slot
from ring.hashring import encode

SAMPLE = 100_000


@click.group(short_help="Look at the ring of Redis nodes and change it.")
@place_options
def ring() -> None:
    """Look at the ring of Redis nodes and change it while everything runs.

    \b
    chitram ring status                          is every node up and caught up?
    chitram ring plan add d redis-d:6379         what would move?
    chitram ring add d redis-d:6379              take it in, not yet read
    chitram ring ready d                         read it
    chitram ring drain a, then ring remove a     let a node go
    """


@ring.command()
@placed
def show(it: Workplace) -> None:
    """Print the node set: names, weights, states, shares.

    \b
    chitram ring show --data data
    """
    current = current_set(it)
    it.say(set_fields(current), set_table(current))


@ring.command()
@placed
def status(it: Workplace) -> None:
    """Ask every node: up, caught up, how full. Exit code 1 unless all of them are.

    \b
    chitram ring status && echo "all of them serve"
    """
    current, head, probes = _probed(it)
    fields = {**set_fields(current), "head": head, "probes": [asdict(probe) for probe in probes]}
    it.say(fields, status_table(current, head, probes))
    if not _all_fine(head, probes):
        raise SystemExit(1)


@ring.command()
@placed
def check(it: Workplace) -> None:
    """Say what is wrong with the ring, a line each.

    Exit code 1 if anything is. For scripts and cron; `chitram doctor` looks at more.

    \b
    chitram ring check --json
    """
    current, head, probes = _probed(it)
    wrong = [f"node {p.name} does not answer: {p.error}" for p in probes if not p.up]
    wrong += [f"node {p.name} has no ring record yet" for p in probes if p.up and p.cursor is None]
    wrong += [f"node {p.name} lags by {head - p.cursor}" for p in probes if p.cursor is not None and p.cursor < head]
    wrong += [
        f"node {p.name} may evict the ring record: set maxmemory-policy to volatile-lfu"
        for p in probes
        if p.policy.startswith("allkeys")
    ]
    if current.imbalance > LOPSIDED:
        wrong.append(f"the busiest node has {current.imbalance:.2f} times its fair share")
    it.say({"wrong": wrong}, "\n".join(wrong) or "all well")
    if wrong:
        raise SystemExit(1)


@ring.command()
@click.argument("key")
@placed
def where(it: Workplace, key: str) -> None:
    """Say which nodes KEY belongs to, its owner first.

    KEY is a picture's id, its short id, or a key as it stands in the log (image:ID).

    \b
    chitram ring where G7kKzVd2yw4y
    """
    name = cached_name(key)
    order = placement(it).preference(name)
    it.say(
        {"key": name, "slot": slot(encode(name)), "nodes": list(order)},
        f"{name}: slot {slot(encode(name))}, owner {order[0]}, then {', '.join(order[1:]) or 'none'}"
        if order
        else "there is no node on the ring",
    )


@ring.command()
@click.option("--sample", default=SAMPLE, show_default=True, type=click.IntRange(1, 10_000_000))
@placed
def distribution(it: Workplace, sample: int) -> None:
    """Place a sample of keys and compare with the shares.

    \b
    chitram ring distribution --sample 1000000
    """
    current, placed = current_set(it), placement(it)
    counts = dict.fromkeys(current.shares, 0)
    for number in range(sample):
        order = placed.preference(f"image:{number}")
        if order:
            counts[order[0]] += 1
    rows = {name: {"share": current.shares[name], "sampled": count / sample} for name, count in counts.items()}
    lines = [
        f"{name:<12} {row['share']:7.2%} of the ring {row['sampled']:7.2%} of the keys" for name, row in rows.items()
    ]
    it.say({"sample": sample, "nodes": rows}, "\n".join(lines) or "there is no node on the ring")


def current_set(it: Workplace) -> NodeSet:
    """The stored node set."""
    return it.ask(lambda database: SqlNodeSets(database).current())


def placement(it: Workplace) -> HashRing:
    """The ring as every process computes it."""
    return it.ask(lambda database: SqlInvalidationLog(database).members()).ring()


def _probed(it: Workplace) -> tuple[NodeSet, int, list[Probe]]:
    async def work(database: Database) -> tuple[NodeSet, int, list[Probe]]:
        current = await SqlNodeSets(database).current()
        head = await SqlInvalidationLog(database).head()
        return current, head.id, await probe_all(current.nodes, it.settings.cache_key_prefix)

    return it.ask(work)


def _all_fine(head: int, probes: list[Probe]) -> bool:
    return all(probe.up and probe.cursor is not None and probe.cursor >= head for probe in probes)


for _change in CHANGES:
    ring.add_command(_change)
