"""The ring in JSON: the twin of the ring page, with the same numbers."""

from dataclasses import asdict
from typing import Any

from chitram.handlers.present import timestamp
from chitram.services.node_set_ports import NodePlan, NodeSet
from chitram.services.ring_dip import Dip
from chitram.services.ring_ports import Inspection, RingEvent
from chitram.services.ring_report import NodeRow, RingReport


def set_fields(stored: NodeSet) -> dict[str, Any]:
    """The set without addresses: they may hold passwords."""
    nodes = [
        {"name": n.name, "weight": n.weight, "seed": n.seed, "state": n.state, "share": stored.shares.get(n.name, 0.0)}
        for n in stored.nodes
    ]
    return {
        "version": stored.version,
        "hash": stored.ring_hash,
        "vnodes": stored.vnodes,
        "salt": stored.salt,
        "imbalance": stored.imbalance,
        "nodes": nodes,
    }


def report_fields(report: RingReport) -> dict[str, Any]:
    """``GET /admin/ring``. Times in seconds, sizes in bytes, parts from 0 to 1."""
    return {
        "sentence": report.sentence,
        **set_fields(report.stored),
        "serving": report.serving,
        "hit_ratio": report.hit_ratio,
        "changed_age": report.changed_age,
        "nodes": [_node_fields(row) for row in report.rows],
        "live": [asdict(node) for node in report.live],
        "sample": report.map.sample,
        "events": [_event_fields(event) for event in report.events],
    }


def plan_fields(planned: NodePlan, dip: Dip) -> dict[str, Any]:
    """``POST /admin/ring/plan``."""
    expected = {"now": dip.now, "after": dip.after, "sentence": dip.sentence}
    return {**asdict(planned), "expected_hit_ratio": expected}


def inspection_fields(found: Inspection) -> dict[str, Any]:
    """``GET /admin/cache/{key}``. Nothing of what is cached is in it."""
    return {
        "key": found.key,
        "slot": found.slot,
        "position": found.position,
        "readable_from": found.reach,
        "nodes": [asdict(holding) for holding in found.holdings],
    }


def _node_fields(row: NodeRow) -> dict[str, Any]:
    live, vitals, traffic = row.live, row.vitals, row.traffic
    return {
        "name": row.name,
        "letters": row.letters,
        "state": row.stored.state,
        "serving": row.serving,
        "address": live.address if live else None,
        "weight": row.stored.weight,
        "seed": row.stored.seed,
        "share": row.owns,
        "sampled": row.sampled,
        "hit_ratio": traffic.hit_ratio,
        "reads": traffic.reads,
        "p99": traffic.p99,
        "errors_per_second": traffic.errors_per_second,
        "verified_age": live.verified_age if live else None,
        "lag": live.lag if live else None,
        "cause": live.cause if live else "",
        "answers": not vitals.error,
        "memory_bytes": vitals.memory,
        "memory_limit": vitals.memory_limit,
        "keys": vitals.keys,
        "evicted": vitals.evicted,
    }


def _event_fields(event: RingEvent) -> dict[str, Any]:
    return {
        "at": timestamp(event.at),
        "node": event.node,
        "what": event.what,
        "cause": event.cause,
        "good": event.good,
        "times": event.times,
    }
