"""The nodes: whether each one answers, and whether its server is set up to be a node of a ring."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from chitram.adapters.node_facts import NodeFacts
from chitram.cli.doctor.finding import Finding, ok, problem, warning
from chitram.cli.words import size
from chitram.embedded.binary import OLDEST

SLOW = 0.02
"""Seconds; the ring itself calls such a node slow once the others are faster."""
SKEW = 5.0
FULL = 0.9
_POLICY = "CONFIG SET maxmemory-policy volatile-lfu"


def check_nodes(facts: Sequence[NodeFacts], *, head: int | None, log: str, fenced: Sequence[str]) -> list[Finding]:
    """Judge every node; *head* is ``None`` where the database could not be asked."""
    found: list[Finding] = []
    for node in facts:
        wrong = [*_server(node), *_memory(node), *_persistence(node)] if not node.error else [_unreachable(node)]
        if not node.error and head is not None:
            wrong += _record(node, head, log, fenced=node.name in fenced)
        found += wrong or [_fine(node)]
    return found + list(_twice(facts))


def _fine(node: NodeFacts) -> Finding:
    kind = "Valkey" if "valkey_version" in node.info else "Redis"
    used = size(node.number("used_memory"))
    return ok(_about(node), f"{kind} {node.version}, {node.round_trip * 1000:.1f} ms, {used} used, caught up")


def _unreachable(node: NodeFacts) -> Finding:
    about, address = _about(node), node.address
    login = f"its address needs the password: {_renew(node.name, 'redis://:PASSWORD@HOST:PORT')}"
    if node.cause == "NOAUTH" or "Authentication required" in node.error:
        return problem(about, f"{address} wants a password and its address has none", login)
    if node.cause == "WRONGPASS" or "invalid password" in node.error or "without any password" in node.error:
        return problem(about, f"{address} refuses the password of its address: {node.cause}", login)
    if node.cause == "NOPERM":
        return problem(about, f"{address}: {node.error}", "allow the user all commands on this prefix: ACL SETUSER")
    if node.cause == "timeout":
        says = f"{address} takes connections and does not answer: frozen, or far too busy"
        return problem(about, says, f"restart it; until then the others serve. Gone for good: {_let_go(node.name)}")
    if node.cause == "LOADING":
        return problem(about, f"{address} is loading a dump", "wait; a node needs none: CONFIG SET save ''")
    return problem(about, f"cannot be reached: {node.error}", f"start it; gone for good: {_let_go(node.name)}")


def _server(node: NodeFacts) -> Iterator[Finding]:
    about = _about(node)
    oldest = ".".join(map(str, OLDEST))
    if _numbers(node.info.get("redis_version", "")) < OLDEST:
        says = f"is version {node.version or 'unknown'}: the protocol needs {oldest} (SET … NX GET)"
        yield problem(about, says, f"run Redis {oldest} or later, or Valkey, there")
    if node.info.get("cluster_enabled") == "1":
        says = "runs in cluster mode, where a script may not touch the record and the entries together"
        yield problem(about, says, "start it with cluster-enabled no: the ring places the keys itself")
    if node.info.get("role", "master") != "master":
        says = "is a read-only replica: nothing can be cached or invalidated on it"
        yield problem(about, says, f"redis-cli REPLICAOF NO ONE there, or {_renew(node.name, 'PRIMARY:PORT')}")
    if not node.scripts:
        yield problem(about, "runs no Lua scripts, by which invalidations are brought", "allow EVAL and EVALSHA")
    if node.round_trip > SLOW:
        says = f"a round trip takes {node.round_trip * 1000:.0f} ms; a read waits 100 ms at the most"
        yield warning(about, says, "put it nearer to the service, or see what keeps it busy: redis-cli SLOWLOG GET")
    if abs(node.clock_ahead) > SKEW:
        way = "ahead of" if node.clock_ahead > 0 else "behind"
        says = f"its clock is {abs(node.clock_ahead):.0f} s {way} this machine's"
        yield warning(about, says, "let NTP set it: timedatectl set-ntp true")


def _memory(node: NodeFacts) -> Iterator[Finding]:
    about, policy, most = _about(node), node.info.get("maxmemory_policy", ""), node.number("maxmemory")
    if policy.startswith("allkeys"):
        make = problem if most else warning
        says = f"maxmemory-policy is {policy}: it may evict the ring record, and everything starts cold"
        yield make(about, says, f"there: {_POLICY}")
    elif not most:
        says = "has no memory limit: it grows until the system ends it"
        yield warning(about, says, f"there: CONFIG SET maxmemory 256mb, and {_POLICY}")
    elif policy == "noeviction":
        full = node.number("used_memory") > FULL * most
        says = "maxmemory-policy is noeviction: once it is full, it takes nothing new"
        yield (problem if full else warning)(about, says, f"there: {_POLICY}")


def _persistence(node: NodeFacts) -> Iterator[Finding]:
    about = _about(node)
    if node.snapshots and node.info.get("rdb_last_bgsave_status", "ok") != "ok":
        says = "cannot save its memory to the disk, and refuses writes because of it"
        yield problem(about, says, "a node needs no copy on disk: CONFIG SET save ''")
    elif node.snapshots or node.info.get("aof_enabled") == "1":
        says = "keeps a copy of its memory on disk, which costs forks and writes; the database has it all"
        yield warning(about, says, "there: CONFIG SET save '' and CONFIG SET appendonly no")


def _record(node: NodeFacts, head: int, log: str, *, fenced: bool) -> list[Finding]:
    about, status = _about(node), "start the service; chitram ring status shows the lag"
    if node.record is None:
        return [warning(about, "has no ring record yet: no process has caught it up", status)]
    cursor, of = node.record
    if of != log:
        says = "holds the ring record of another database: two services share it, or this database was restored"
        return [warning(about, says, "give each service its CACHE_KEY_PREFIX; after a restore: start the service")]
    if cursor < head or fenced:
        says = f"lags by {counted_lag(head - cursor)}" if cursor < head else "is fenced: a writer could not reach it"
        return [warning(about, says, f"{status}; a running one catches up within a second")]
    return []


def counted_lag(lag: int) -> str:
    """In words."""
    return f"{lag} invalidation{'' if lag == 1 else 's'}"


def _twice(facts: Sequence[NodeFacts]) -> Iterator[Finding]:
    servers: dict[str, list[NodeFacts]] = defaultdict(list)
    for node in facts:
        if node.info.get("run_id"):
            servers[node.info["run_id"]].append(node)
    for same in servers.values():
        if len(same) > 1:
            names = " and ".join(node.name for node in same)
            yield problem(
                f"nodes {names}",
                f"are one server ({same[0].address}) under several names: they die together and share a record",
                f"keep one: {_let_go(same[-1].name)}",
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _about(node: NodeFacts) -> str:
    return f"node {node.name}"


def _let_go(name: str) -> str:
    return f"chitram ring drain {name}, then chitram ring remove {name}"


def _renew(name: str, address: str) -> str:
    return f"{_let_go(name)}, then chitram ring add {name} {address}"
