"""The node set: what REDIS_NODES says beside what the database says, which holds."""

from collections.abc import Sequence

from chitram.cli.doctor.finding import Finding, ok, warning
from chitram.domain.node_set import Member, RingNode
from ring import Membership

LOPSIDED = 1.25


def check_members(stored: Sequence[RingNode], configured: Membership, imbalance: float) -> list[Finding]:
    """Judge the set."""
    if not stored:
        return [_empty(configured)]
    found = [*_difference(stored, configured)]
    joining = [node.name for node in stored if node.state is Member.JOINING]
    if joining:
        says = f"{', '.join(joining)} {'is' if len(joining) == 1 else 'are'} joining and not read yet"
        found.append(warning("ring", says, f"chitram ring ready {joining[0]}"))
    if imbalance > LOPSIDED:
        says = f"the busiest node has {imbalance:.2f} times its fair share"
        found.append(warning("ring", says, "more CACHE_VIRTUAL_NODES, or other weights: chitram ring weight"))
    names = ", ".join(node.name for node in stored)
    return found or [ok("ring", f"{names}; the busiest has {imbalance:.2f} times its fair share")]


def _empty(configured: Membership) -> Finding:
    if configured.nodes:
        return ok("ring", "the database has no node set yet; the first start takes that of REDIS_NODES")
    return ok("ring", "there are no nodes: every read goes to the database")


def _difference(stored: Sequence[RingNode], configured: Membership) -> list[Finding]:
    wanted = {node.name: node.address for node in configured.nodes}
    current = {node.name: node.address for node in stored}
    if not wanted or wanted == current:
        return []
    differing = sorted(name for name in {*wanted, *current} if wanted.get(name) != current.get(name))
    says = f"REDIS_NODES differs from the database's node set, which holds, in {', '.join(differing)}"
    return [warning("ring", says, "chitram ring show; change it by chitram ring add|drain|remove, or mend REDIS_NODES")]
