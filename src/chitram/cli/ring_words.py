"""The ring in words and columns."""

from collections.abc import Sequence
from typing import Any

from chitram.adapters.node_probe import Probe
from chitram.cli.words import columns, size
from chitram.domain.node_set import Action, Member, NodeChange
from chitram.services.node_set_ports import NodePlan, NodeSet

_LETTERS = {Member.UP: "N", Member.JOINING: "J", Member.DRAINING: "L"}
_NEXT = {
    Action.ADD: "Every process reaches it within a second. Read it with: {command} ready {name}",
    Action.READY: "Every process reads it as soon as it has seen it caught up.",
    Action.DRAIN: "In a few seconds it can go: {command} remove {name}",
    Action.WEIGHT: "",
    Action.REMOVE: "Its process can be stopped.",
}


def set_table(current: NodeSet) -> str:
    """The stored set."""
    rows = [
        (_LETTERS[node.state], node.name, f"{node.weight:g}", f"{current.shares.get(node.name, 0):.2%}")
        for node in current.nodes
    ]
    return f"{_headline(current)}\n{columns([('', 'node', 'weight', 'owns'), *rows])}"


def status_table(current: NodeSet, head: int, probes: Sequence[Probe]) -> str:
    """The set with what each node said: U or D, then N normal, J joining or L leaving, as in nodetool."""
    said = {probe.name: probe for probe in probes}
    rows = [("", "node", "owns", "lag", "keys", "memory", "server says")]
    for node in current.nodes:
        probe = said[node.name]
        letters = ("U" if probe.up else "D") + _LETTERS[node.state]
        share = f"{current.shares.get(node.name, 0):.2%}"
        if probe.up:
            lag = "new" if probe.cursor is None else str(max(0, head - probe.cursor))
            rows.append((letters, node.name, share, lag, str(probe.keys), size(probe.memory_bytes), probe.version))
        else:
            rows.append((letters, node.name, share, "", "", "", probe.error))
    return f"{_headline(current)}\n{columns(rows)}"


def plan_table(change: NodeChange, plan: NodePlan) -> str:
    """What a change moves."""
    names = sorted({*plan.before, *plan.after})
    rows = [(name, f"{plan.before.get(name, 0):.2%}", f"{plan.after.get(name, 0):.2%}") for name in names]
    table = columns([("node", "owns now", "then"), *rows])
    return f"{change.action} {change.name}: {plan.moved:.2%} of the keys get another node and start cold\n{table}"


def change_sentence(change: NodeChange, stored: NodeSet, command: str) -> str:
    """What was done, and what to do next; *command* is how this one was called, up to the action."""
    following = _NEXT[change.action].format(name=change.name, command=command)
    return f"done, version {stored.version}. {following}".rstrip()


def _headline(current: NodeSet) -> str:
    if not current.nodes:
        return "no nodes: the cache is off. Start with REDIS_NODES, or: chitram ring add NAME ADDRESS"
    count = len(current.nodes)
    return (
        f"{count} node{'s' if count > 1 else ''}, version {current.version}, ring {current.ring_hash}, "
        f"busiest {current.imbalance:.2f} times the fair share"
    )


def set_fields(current: NodeSet) -> dict[str, Any]:
    """The stored set for programs."""
    nodes = [
        {
            "name": n.name,
            "state": n.state.value,
            "weight": n.weight,
            "seed": n.seed,
            "share": current.shares.get(n.name, 0.0),
        }
        for n in current.nodes
    ]
    return {
        "version": current.version,
        "hash": current.ring_hash,
        "vnodes": current.vnodes,
        "salt": current.salt,
        "imbalance": current.imbalance,
        "nodes": nodes,
    }
