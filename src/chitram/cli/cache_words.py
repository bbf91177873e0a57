"""The nodes' contents in columns."""

from collections.abc import Sequence
from typing import Any

from chitram.adapters.held_entry import Held
from chitram.adapters.node_facts import NodeFacts
from chitram.cli.words import columns, size
from chitram.services.node_set_ports import NodeSet

_HEADINGS = ("node", "owns", "keys", "ours", "memory", "hits", "misses", "evicted", "policy", "cursor", "lag")
_MEANS = {
    "value": "a value",
    "negative": "known not to exist",
    "lease": "being filled",
    "foreign": "not Chitram's",
}


def node_fields(node: NodeFacts, current: NodeSet, head: int) -> dict[str, Any]:
    """One node for programs."""
    return {
        "name": node.name,
        "address": node.address,
        "error": node.error,
        "owns": current.shares.get(node.name, 0.0),
        "keys": node.keys,
        "keys_of_ours": node.keys_of_ours,
        "memory_bytes": node.number("used_memory"),
        "memory_limit_bytes": node.number("maxmemory"),
        "hits": node.number("keyspace_hits"),
        "misses": node.number("keyspace_misses"),
        "evicted": node.number("evicted_keys"),
        "policy": node.info.get("maxmemory_policy", ""),
        "cursor": node.record[0] if node.record else None,
        "lag": max(0, head - node.record[0]) if node.record else None,
    }


def stats_table(facts: Sequence[NodeFacts], current: NodeSet, head: int) -> str:
    """All nodes for people."""
    if not facts:
        return "no nodes: the cache is off"
    rows: list[tuple[str, ...]] = [
        ("node", "owns", "keys", "ours", "memory", "hits", "misses", "evicted", "policy", "cursor", "lag")
    ]
    down = []
    for node in facts:
        if node.error:
            down.append(f"{node.name} does not answer: {node.error}")
        else:
            rows.append(_row(node_fields(node, current, head)))
    return "\n".join([*([columns(rows)] if len(rows) > 1 else []), *down, f"head of the log: {head}"])


def held_table(key: str, order: Sequence[str], held: Sequence[Held]) -> str:
    """Where a key lies."""
    owner = f"its owner is {order[0]}" if order else "there is no node on the ring"
    rows = [(entry.node, *_state(entry)) for entry in held]
    return "\n".join([f"{key}: {owner}", *([columns(rows)] if rows else [])])


def _row(fields: dict[str, Any]) -> tuple[str, ...]:
    limit, cursor = fields["memory_limit_bytes"], fields["cursor"]
    return (
        fields["name"],
        f"{fields['owns']:.2%}",
        str(fields["keys"]),
        f"~{fields['keys_of_ours']}",
        size(fields["memory_bytes"]) + (f" of {size(limit)}" if limit else ""),
        *(str(fields[name]) for name in ("hits", "misses", "evicted")),
        fields["policy"],
        *(("none", "new") if cursor is None else (str(cursor), str(fields["lag"]))),
    )


def _state(entry: Held) -> tuple[str, str, str, str, str]:
    if entry.error:
        return (f"no answer: {entry.error}", "", "", "", "")
    if entry.kind == "nothing":
        return ("nothing", "", "", "", "")
    epoch = "" if entry.current else "of an earlier epoch: not served"
    ttl = "no end" if entry.ttl is None else f"{entry.ttl:.0f} s left"
    about = f"{entry.document.visibility}, ETag {entry.document.etag}" if entry.document else ""
    return (_MEANS[entry.kind], size(entry.size), ttl, about, epoch)
