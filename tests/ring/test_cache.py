"""The cache against real nodes: what a caller sees while nodes are killed, frozen and restarted."""

import asyncio
import time

import pytest

from ring import CacheClosedError, Found, Membership, MemoryLog, Options, RingCache
from tests.ring.conftest import until


class Database:
    """A source of truth with its log: one dictionary, as atomic as a transaction."""

    def __init__(self):
        self.rows = {}
        self.log = MemoryLog()
        self.loads = 0

    def loader(self, key):
        async def load():
            self.loads += 1
            await asyncio.sleep(0)
            return self.rows.get(key)

        return load

    def write(self, **rows):
        self.rows |= rows
        return self.log.append(rows)


@pytest.fixture
def database():
    return Database()


async def read(cache, database, key="k"):
    return await cache.get_or_load(key, database.loader(key))


async def test_a_second_read_is_a_hit_of_the_owner(three_nodes, start_cache, database):
    """Cache-aside: the first read loads and fills, the second one asks the owner alone."""
    cache = await start_cache(three_nodes, database.log)
    database.rows["k"] = b"v1"
    owner = cache.ring.preference("k")[0]
    assert await read(cache, database) == Found(b"v1", "miss", owner)
    assert await read(cache, database) == Found(b"v1", "hit", owner)
    assert database.loads == 1


async def test_what_is_read_is_decoded_wherever_it_came_from(three_nodes, start_cache, database):
    """A fresh load, a hit, and with every node dead; what is not there is None and never seen by the decoder."""
    cache = await start_cache(three_nodes, database.log)
    database.rows["k"] = b"12"
    found = [await cache.get_or_load("k", database.loader("k"), int) for _ in range(2)]
    absent = [await cache.get_or_load("none", database.loader("none"), int) for _ in range(2)]
    for node in three_nodes.values():
        node.kill()
    await until(lambda: not cache.status().serving)
    found.append(await cache.get_or_load("k", database.loader("k"), int))
    assert [(answer.value, answer.result) for answer in found] == [(12, "miss"), (12, "hit"), (12, "miss")]
    assert [(answer.value, answer.result) for answer in absent] == [(None, "miss"), (None, "hit")]


async def test_what_cannot_be_decoded_is_its_reader_s_error(three_nodes, start_cache, database):
    """And nobody else's: the entry stays as it is."""
    cache = await start_cache(three_nodes, database.log)
    database.rows["k"] = b"twelve"
    for _ in range(2):
        with pytest.raises(ValueError, match="twelve"):
            await cache.get_or_load("k", database.loader("k"), int)
    assert (await read(cache, database)).value == b"twelve"


async def test_an_acknowledged_write_is_seen_by_every_process(three_nodes, start_cache, database):
    """G2 in its plainest form."""
    caches = [await start_cache(three_nodes, database.log) for _ in range(2)]
    for version in range(5):
        await caches[0].acknowledge(database.write(k=b"v%d" % version))
        for cache in caches:
            assert (await read(cache, database)).value == b"v%d" % version


async def test_what_does_not_exist_is_remembered_too(three_nodes, start_cache, database):
    """A negative answer is a hit, until the thing is made."""
    cache = await start_cache(three_nodes, database.log)
    await read(cache, database)
    assert (await read(cache, database))[:2] == (None, "hit")
    await cache.acknowledge(database.write(k=b"made"))
    assert (await read(cache, database)).value == b"made"


async def test_a_write_is_acknowledged_at_once_when_all_nodes_answer(three_nodes, start_cache, database):
    """Only an unreachable node makes a write wait."""
    seen = Recorder()
    cache = await start_cache(three_nodes, database.log, observer=seen)
    await cache.acknowledge(database.write(k=b"v"))
    assert not seen.of("AckWaited")
    assert {event.result for event in seen.of("Invalidated")} == {"applied"}


async def test_a_killed_node_is_skipped_and_comes_back_clean(three_nodes, start_cache, database):
    """H1: what is deleted while the node is away is not there when it returns with all its memory."""
    cache = await start_cache(three_nodes, database.log)
    owner = cache.ring.preference("k")[0]
    database.rows["k"] = b"v1"
    await read(cache, database)
    three_nodes[owner].save()
    three_nodes[owner].kill()
    await cache.acknowledge(database.write(k=b"v2"))
    assert (await read(cache, database)).value == b"v2"
    three_nodes[owner].start()
    await until(lambda: cache.status().serving == 3)
    assert (await read(cache, database)) == Found(b"v2", "miss", owner)
    assert (await read(cache, database)) == Found(b"v2", "hit", owner)


async def test_the_next_node_serves_while_the_owner_is_down(three_nodes, start_cache, database):
    """Failover goes along the preference list, and each read that it helps is told of once."""
    seen = Recorder()
    cache = await start_cache(three_nodes, database.log, observer=seen)
    first, second, _ = cache.ring.preference("k")
    database.rows["k"] = b"v"
    three_nodes[first].kill()
    await until(lambda: cache.status().serving == 2)
    assert (await read(cache, database)) == Found(b"v", "miss", second)
    assert (await read(cache, database)) == Found(b"v", "hit", second)
    assert [op[0] for op in seen.ops if op[2] == "skipped"] == [first, first]


async def test_a_frozen_node_costs_a_deadline_and_then_nothing(three_nodes, start_cache, database):
    """Reads go on from the database, then from the next node; after it thaws the node comes back, never stale."""
    seen = Recorder()
    cache = await start_cache(three_nodes, database.log, observer=seen)
    owner = cache.ring.preference("k")[0]
    database.rows["k"] = b"v1"
    await read(cache, database)
    three_nodes[owner].freeze()
    for _ in range(5):
        assert (await read(cache, database)).value == b"v1"
    await until(lambda: cache.status().serving == 2)
    await cache.acknowledge(database.write(k=b"v2"))
    assert seen.of("AckWaited")
    assert (await read(cache, database)).value == b"v2"
    three_nodes[owner].thaw()
    await until(lambda: cache.status().serving == 3)
    assert (await read(cache, database)).value == b"v2"


async def test_a_long_outage_delays_only_the_first_writes(three_nodes, start_cache, database):
    """A fence that is known for long enough takes the dead node's part."""
    options = Options(d_read=0.7, follow_interval=0.1, op_timeout=0.1)
    seen = Recorder()
    cache = await start_cache(three_nodes, database.log, observer=seen, options=options)
    three_nodes["a"].kill()
    await cache.acknowledge(database.write(k=b"v1"))
    assert len(seen.of("AckWaited")) == 1
    await asyncio.sleep(options.timing.d_wait)
    await cache.acknowledge(database.write(k=b"v2"))
    assert len(seen.of("AckWaited")) == 1
    three_nodes["a"].start()
    await until(lambda: cache.status().serving == 3)
    assert not (await database.log.head()).fences


async def test_a_node_restarted_from_an_old_dump_is_not_believed(three_nodes, start_cache, database):
    """H4: the dump holds an entry that was deleted after it was written."""
    cache = await start_cache(three_nodes, database.log)
    owner = cache.ring.preference("k")[0]
    database.rows["k"] = b"v1"
    await read(cache, database)
    three_nodes[owner].save()
    await cache.acknowledge(database.write(k=b"v2"))
    three_nodes[owner].kill()
    await until(lambda: cache.status().serving == 2)
    three_nodes[owner].start()
    await until(lambda: cache.status().serving == 3)
    assert (await read(cache, database)).value == b"v2"


async def test_a_node_behind_a_pruned_log_is_initialised_anew(three_nodes, start_cache, database):
    """Missing rows are never jumped: the node gets a new epoch and starts cold."""
    cache = await start_cache(three_nodes, database.log)
    owner = cache.ring.preference("k")[0]
    database.rows["k"] = b"v1"
    await read(cache, database)
    three_nodes[owner].save()
    three_nodes[owner].kill()
    commit = database.write(k=b"v2")
    database.write(other=b"x")
    database.log.prune(commit.first)
    await cache.acknowledge(commit)
    three_nodes[owner].start()
    await until(lambda: cache.status().serving == 3)
    assert (await read(cache, database)) == Found(b"v2", "miss", owner)


async def test_a_log_that_was_set_back_makes_the_nodes_cold(three_nodes, start_cache, database):
    """A restored database has fewer entries than the nodes have applied; ids will be used again."""
    seen = Recorder()
    cache = await start_cache(three_nodes, database.log, observer=seen)
    for i in range(5):
        await cache.acknowledge(database.write(k=b"%d" % i))
    seen.events.clear()
    database.log._head, database.log._entries = 2, database.log._entries[:2]
    await until(lambda: len({event.node for event in seen.of("Initialised")}) == 3)
    assert {event.cause for event in seen.of("Initialised")} == {"future"}


async def test_every_node_dead_is_slow_but_right(three_nodes, start_cache, database):
    """G3: no node is needed for an answer."""
    cache = await start_cache(three_nodes, database.log)
    for node in three_nodes.values():
        node.kill()
    database.rows["k"] = b"v"
    await until(lambda: cache.status().serving == 0)
    assert (await read(cache, database)) == Found(b"v", "miss", None)
    assert (await cache.get_many(["k", "x"], load_many(database)))["k"].value == b"v"


async def test_with_every_node_dead_only_the_first_writes_wait(three_nodes, start_cache, database):
    """The fences are noticed although no node can be reached; reads and writes need none."""
    options = Options(d_read=0.7, follow_interval=0.1)
    seen = Recorder()
    cache = await start_cache(three_nodes, database.log, observer=seen, options=options)
    for node in three_nodes.values():
        node.kill()

    async def waits():
        before = len(seen.of("AckWaited"))
        await cache.acknowledge(database.write(k=b"v"))
        return len(seen.of("AckWaited")) > before

    assert await waits()
    deadline = time.monotonic() + 10
    while await waits():
        assert time.monotonic() < deadline, "every write waits"
    assert not await waits()


async def test_a_new_node_set_is_noticed_although_every_node_is_dead(three_nodes, start_cache, database):
    """Whoever replaces all nodes at once need not restart anything, nor wait for a write."""
    cache = await start_cache({"a": three_nodes["a"]}, database.log)
    three_nodes["a"].kill()
    members = Membership.of(f"a={three_nodes['b'].address}")
    database.log.membership = Membership(members.nodes, version=1)
    await until(lambda: (cache.status().version, cache.status().serving) == (1, 1))


async def test_no_node_at_start_is_a_node_later(start_node, start_cache, database):
    """Absent at the start is not absent for ever."""
    node = start_node()
    node.kill()
    cache = await start_cache({"a": node}, database.log, wait=False)
    assert (await read(cache, database)).result == "miss"
    node.start()
    await until(lambda: cache.status().serving == 1)


async def test_without_nodes_the_cache_is_disabled(start_cache, database):
    """It just loads, until the node set says otherwise."""
    cache = await start_cache("", database.log)
    assert (await read(cache, database)).result == "disabled"
    await cache.acknowledge(database.write(k=b"v"))


async def test_a_new_node_set_is_taken_over_while_running(three_nodes, start_cache, database):
    """Nodes come, are drained and leave without a restart; reads are right throughout."""
    options = Options(d_read=0.7, follow_interval=0.1)
    cache = await start_cache("", database.log, options=options)
    for version, text in enumerate(["a,b", "a,b,c", "b,c", ""], start=1):
        members = ",".join(f"{name}={three_nodes[name].address}" for name in text.split(",") if name)
        database.log.membership = Membership(Membership.of(members).nodes, version=version)
        await until(lambda: (cache.status().version, cache.status().serving) == (version, len(cache.ring.nodes)))  # noqa: B023  # awaited in this turn
        await cache.acknowledge(database.write(k=b"v%d" % version))
        assert (await read(cache, database)).value == b"v%d" % version


async def test_many_keys_take_one_request_a_node_and_one_load(three_nodes, start_cache, database):
    """A page of pictures costs as many requests as there are nodes."""
    seen = Recorder()
    cache = await start_cache(three_nodes, database.log, observer=seen)
    keys = [f"k{i}" for i in range(60)]
    database.rows |= {key: key.encode() for key in keys if key != "k7"}
    loader = load_many(database)
    first = await cache.get_many(keys, loader)
    assert [first[key].value for key in keys] == [database.rows.get(key) for key in keys]
    assert database.loads == 1
    second = await cache.get_many([*keys, "new"], loader)
    assert {second[key].result for key in keys} == {"hit"}
    assert second["new"].result == "miss"
    assert await cache.get_many([], loader) == {}


def load_many(database):
    async def load(keys):
        database.loads += 1
        return {key: database.rows[key] for key in keys if key in database.rows}

    return load


async def test_a_stampede_loads_once(three_nodes, start_cache, database):
    """Ten thousand waiters, one load; given that the node gets the time to answer ten thousand questions."""
    cache = await start_cache(three_nodes, database.log, options=Options(op_timeout=1.0))
    database.rows["k"] = b"v"
    found = await asyncio.gather(*(read(cache, database) for _ in range(10_000)))
    assert {answer.value for answer in found} == {b"v"}
    assert database.loads == 1


async def test_two_processes_share_one_load(three_nodes, start_cache, database):
    """The lease makes the second process wait for the first one's fill."""
    caches = [await start_cache(three_nodes, database.log) for _ in range(2)]
    database.rows["k"] = b"v"
    gate = asyncio.Event()

    async def slow():
        await gate.wait()
        return await database.loader("k")()

    first = asyncio.ensure_future(caches[0].get_or_load("k", slow))
    await until(lambda: three_nodes_hold(three_nodes, caches[0], "k"))
    second = asyncio.ensure_future(read(caches[1], database))
    asyncio.get_running_loop().call_later(0.01, gate.set)
    assert ((await first).result, (await second).result) == ("miss", "hit")
    assert database.loads == 1


def three_nodes_hold(nodes, cache, key):
    return nodes[cache.ring.preference(key)[0]].command("EXISTS", f"ring:k:{key}") == b":1\r\n"


async def test_a_caller_after_the_acknowledgement_never_gets_an_older_load(start_cache, start_node, database):
    """The single flight's trap: the load began before the delete, the caller came after its acknowledgement."""
    node = start_node()
    cache = await start_cache({"a": node}, database.log)
    gates = [asyncio.Event(), asyncio.Event()]

    async def old_load():
        gates[0].set()
        await gates[1].wait()
        return b"old"

    early = asyncio.ensure_future(cache.get_or_load("k", old_load))
    await gates[0].wait()
    await cache.acknowledge(database.write(k=b"new"))
    late = asyncio.ensure_future(read(cache, database))
    await asyncio.sleep(0.02)
    gates[1].set()
    assert (await early).value == b"old"
    assert (await late).value == b"new"
    assert (await read(cache, database)).value == b"new"


@pytest.mark.parametrize("dead", [False, True])
async def test_a_loaders_error_reaches_all_who_wait(start_cache, start_node, database, dead):
    """The database's failures are the caller's business."""
    node = start_node()
    cache = await start_cache({"a": node}, database.log)
    if dead:
        node.kill()

    async def broken():
        raise LookupError("database")

    results = await asyncio.gather(*(cache.get_or_load("k", broken) for _ in range(50)), return_exceptions=True)
    assert {type(result) for result in results} == {LookupError}


async def test_a_cancelled_first_caller_does_not_cancel_the_others(start_cache, start_node, database):
    """The load belongs to all who wait for it."""
    cache = await start_cache({"a": start_node()}, database.log)
    gate, started = asyncio.Event(), asyncio.Event()

    async def slow():
        started.set()
        await gate.wait()
        return b"v"

    first = asyncio.ensure_future(cache.get_or_load("k", slow))
    second = asyncio.ensure_future(cache.get_or_load("k", slow))
    await started.wait()
    first.cancel()
    gate.set()
    assert (await second).value == b"v"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_load_that_nobody_waits_for_is_cancelled(start_cache, start_node, database):
    """A loader that never returns holds nothing once its callers have gone."""
    cache = await start_cache({"a": start_node()}, database.log)
    started, ended = asyncio.Event(), asyncio.Event()

    async def endless():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    callers = [asyncio.ensure_future(cache.get_or_load("k", endless)) for _ in range(10)]
    await started.wait()
    for caller in callers:
        caller.cancel()
    await asyncio.wait_for(ended.wait(), 5)
    database.rows["k"] = b"v"
    assert (await read(cache, database)).value == b"v"


async def test_closing_during_a_load_ends_the_wait(start_node, database):
    """Whoever waits is told; nothing stays behind."""
    node = start_node()
    cache = RingCache(f"a={node.address}", database.log)
    await cache.start()
    await until(lambda: cache.status().serving == 1)
    started = asyncio.Event()

    async def endless():
        started.set()
        await asyncio.Event().wait()

    caller = asyncio.ensure_future(cache.get_or_load("k", endless))
    await started.wait()
    await cache.close()
    with pytest.raises(CacheClosedError):
        await caller
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (await read(cache, database)).result == "disabled"


@pytest.mark.parametrize("key", ["", "ring", "a b\r\nc", "\x00", "చిత్రం", "\ud800", "x" * 5000])
async def test_any_key_works(start_cache, start_node, database, key):
    """Keys are opaque; none of them can reach the ring record."""
    cache = await start_cache({"a": start_node()}, database.log)
    database.rows[key] = b"v"
    assert [(await read(cache, database, key)).result for _ in range(2)] == ["miss", "hit"]
    await cache.acknowledge(database.write(**{key: b"w"}))
    assert (await read(cache, database, key)).value == b"w"


async def test_a_value_may_have_megabytes(start_cache, start_node, database):
    """Large values pass through the same connection."""
    cache = await start_cache({"a": start_node()}, database.log, options=Options(op_timeout=1.0, d_read=2.0))
    database.rows["k"] = bytes(range(256)) * 16_384
    assert [await read(cache, database) for _ in range(2)][1] == Found(database.rows["k"], "hit", "a")


async def test_somebody_elses_bytes_under_our_key_are_a_miss(start_cache, start_node, database):
    """Foreign values are replaced, a foreign type is left alone; neither reaches the caller."""
    node = start_node()
    cache = await start_cache({"a": node}, database.log)
    database.rows |= {"k": b"v", "list": b"v"}
    node.command("SET", "ring:k:k", "garbage")
    node.command("RPUSH", "ring:k:list", "1")
    assert [(await read(cache, database)).result for _ in range(2)] == ["miss", "hit"]
    assert [(await read(cache, database, "list")).value for _ in range(2)] == [b"v", b"v"]


async def test_a_node_that_lost_its_record_is_merely_cold(start_cache, start_node, database):
    """FLUSHALL costs hits and nothing else."""
    seen = Recorder()
    node = start_node()
    cache = await start_cache({"a": node}, database.log, observer=seen)
    database.rows["k"] = b"v1"
    await read(cache, database)
    seen.events.clear()
    node.command("DEL", "ring:ring")
    database.rows["k"] = b"v2"
    await until(lambda: seen.of("Initialised"))
    found = await read(cache, database)
    assert (found.value, found.result) == (b"v2", "miss")


async def test_an_unreachable_database_leaves_stale_hits(start_cache, start_node, database):
    """Marked as such, and only while neither the log nor the loader gets through."""
    cache = await start_cache(
        {"a": start_node()}, database.log, options=Options(d_read=0.5, follow_interval=0.1, op_timeout=0.1)
    )
    database.rows["k"] = b"v"
    await read(cache, database)
    works = database.log.head
    database.log.head = failing
    await until(lambda: cache.status().serving == 0)
    assert (await read(cache, database)).result == "miss"
    assert (await cache.get_or_load("k", failing)) == Found(b"v", "stale", "a")
    with pytest.raises(ConnectionError):
        await cache.get_or_load("unknown", failing)
    database.log.head = works
    await until(lambda: cache.status().serving == 1)
    assert (await read(cache, database)).result == "hit"


async def test_stale_hits_can_be_switched_off(start_cache, start_node, database):
    """Then an unreachable database is an error, whatever the nodes hold."""
    options = Options(d_read=0.5, follow_interval=0.1, op_timeout=0.1, serve_stale=False)
    cache = await start_cache({"a": start_node()}, database.log, options=options)
    database.rows["k"] = b"v"
    await read(cache, database)
    database.log.head = failing
    await until(lambda: cache.status().serving == 0)
    with pytest.raises(ConnectionError):
        await cache.get_or_load("k", failing)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [(["--requirepass", "x"], "NOAUTH"), (["--maxmemory", "1kb"], "OOM"), (["--replicaof", "127.0.0.1", "1"], "")],
)
async def test_a_misconfigured_node_is_named_with_its_cause(start_cache, start_node, database, arguments, cause):
    """Reads go on without it, and the status says what to repair."""
    cache = await start_cache({"a": start_node(*arguments)}, database.log, wait=False)
    await until(lambda: cache.status().nodes[0].state == "down")
    assert cache.status().nodes[0].cause.startswith(cause)
    database.rows["k"] = b"v"
    assert await read(cache, database) == Found(b"v", "miss", None)


async def failing():
    raise ConnectionError("database down")


async def test_hot_entries_are_loaded_anew_before_they_end(start_cache, start_node, database):
    """XFetch: near its end a read of a dear entry refreshes it in the background, and is itself still a hit."""
    cache = await start_cache({"a": start_node()}, database.log, ttl=1.0, options=Options(early_refresh=1000.0))

    async def dear():
        await asyncio.sleep(0.01)
        return await database.loader("k")()

    database.rows["k"] = b"v1"
    await cache.get_or_load("k", dear)
    database.rows["k"] = b"v2"
    deadline = time.monotonic() + 5
    found = Found(b"v1", "hit")
    while found.value == b"v1" and time.monotonic() < deadline:
        found = await cache.get_or_load("k", dear)
        assert found.result == "hit"
    assert found.value == b"v2"


async def test_an_observers_bug_is_not_the_readers(start_cache, start_node, database):
    """Whatever it raises stays with it."""

    class Broken:
        def op(self, *arguments):
            raise ZeroDivisionError

        def event(self, event):
            raise ZeroDivisionError

    cache = await start_cache({"a": start_node()}, database.log, observer=Broken())
    assert [(await read(cache, database)).result for _ in range(2)] == ["miss", "hit"]


class Recorder:
    """Remembers every event."""

    def __init__(self):
        self.events = []
        self.ops = []

    def op(self, *arguments):
        self.ops.append(arguments)

    def event(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if type(event).__name__ == kind]
