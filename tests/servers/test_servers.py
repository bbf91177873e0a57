"""The servers that other tests stand on do what their fixtures say."""

import asyncpg
import pytest
import redis

from chitram.embedded.node import NodeProcess, ping
from tests.servers.postgres import Postgres


def test_three_nodes_answer_on_their_sockets_and_ports(redis_nodes: dict[str, NodeProcess]):
    """Each node is a server of its own, reachable both ways."""
    for name, node in redis_nodes.items():
        with redis.Redis(unix_socket_path=str(node.socket)) as client:
            client.set("name", name)
        with redis.Redis(port=node.port) as client:
            assert client.get("name") == name.encode()


@pytest.mark.parametrize("harm", ["kill", "stop", "pause"])
def test_a_test_may_harm_a_node(redis_nodes: dict[str, NodeProcess], harm: str):
    """A node that is killed, stopped or paused does not answer."""
    getattr(redis_nodes["b"], harm)()
    assert not ping(redis_nodes["b"].socket)
    assert ping(redis_nodes["a"].socket)


def test_the_next_test_finds_every_node_running_and_empty(redis_nodes: dict[str, NodeProcess]):
    """What a test left behind is gone before the next one; here after the tests above."""
    for node in redis_nodes.values():
        with redis.Redis(unix_socket_path=str(node.socket)) as client:
            assert client.dbsize() == 0


async def test_a_database_is_there_for_one_test(postgres_url: str):
    """The URL leads to a real PostgreSQL with the present schema."""
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    assert (await connection.fetchval("select version()")).startswith("PostgreSQL")
    assert await connection.fetchval("select count(*) from images") == 0
    await connection.close()


def test_the_server_comes_back_after_a_crash(postgres: Postgres):
    """What was committed survives an immediate shutdown."""
    postgres.create_database("survivor")
    postgres.kill()
    postgres.start()
    assert postgres.execute("select 1 from pg_database where datname = 'survivor'") == "1"
    postgres.drop_database("survivor")
