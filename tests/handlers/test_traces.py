"""Traces, as a real collector receives them."""

import asyncio
import socket
import subprocess
import sys

from chitram.embedded.node import NodeProcess
from chitram.services.uploads import hash_token
from tests.api import API, PASSWORD, healthy, register, show, status_of, thumbnails_ready, upload, upload_form
from tests.log_lines import Lines
from tests.otlp import Collector, Received
from tests.pictures import picture
from tests.servers.ports import free_port
from tests.servers.service import node_list
from tests.waiting import until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WRITTEN = ["UPDATE cache_clock", "INSERT cache_log", "SELECT cache_node"]


async def received(collector: Collector, name: str, count: int = 1) -> Received:
    """The newest span of this name, once there are so many of them; its children were ended before it."""
    await until(lambda: len(collector.named(name)) >= count)
    return collector.named(name)[-1]


def names(spans: list[Received]) -> list[str]:
    """Statements that only begin a transaction left out."""
    return [span.name for span in spans if span.name != "BEGIN"]


def outcomes(spans: list[Received], name: str) -> dict[str, str]:
    """What the operations of this name on each node ended with."""
    return {span.fields["ring.node"]: span.fields["ring.result"] for span in spans if span.name == name}


async def test_an_upload_and_its_job(start_service, redis_nodes: dict[str, NodeProcess], collector: Collector):
    """Each is a tree: what was done, where, with what outcome; the job's is its own, and linked to the request's."""
    client = await start_service(redis_nodes=node_list(redis_nodes), otel_exporter_otlp_endpoint=collector.url)
    await healthy(client)
    image = await upload(client, visibility="public")
    root = await received(collector, f"POST {API}/images/upload")
    below = collector.below(root)
    assert names(below)[:7] == ["storage stage", "storage store", "INSERT images", "INSERT jobs", *WRITTEN]
    assert outcomes(below, "ring apply") == dict.fromkeys("abc", "applied")
    assert below[0].fields["chitram.storage.bytes"] == image["file_size"]
    assert root.fields["http.response.status_code"] == 201
    assert collector.resources[0]["service.name"] == "chitram"

    job = await received(collector, "job thumbnails")
    assert not job.span.parent_span_id
    assert [(link.trace_id, link.span_id) for link in job.span.links] == [(root.trace, root.span.span_id)]
    made = names(collector.below(job))
    assert made.count("storage put") == 6
    assert {"storage open", "storage read", "UPDATE images", "ring apply"} <= set(made)


async def test_a_miss_and_a_hit(start_service, redis_nodes: dict[str, NodeProcess], collector: Collector):
    """A hit is one read of one node; a miss is filled from one statement."""
    client = await start_service(redis_nodes=node_list(redis_nodes), otel_exporter_otlp_endpoint=collector.url)
    await healthy(client)
    token = await register(client)
    image = await upload(client, token=token)
    await thumbnails_ready(client, image["id"])
    address = f"{API}/images/{image['id']}"
    assert await status_of(client, address, method="PATCH", token=token, json={"title": "new"}) == 200
    await received(collector, f"PATCH {API}/images/{{id}}")
    collector.spans.clear()
    found = [(await show(client, image["id"]))[2] for _ in range(2)]
    assert [headers["X-Cache"] for headers in found] == ["MISS", "HIT"]
    await received(collector, f"GET {API}/images/{{id}}", 2)
    miss, hit = collector.named(f"GET {API}/images/{{id}}")
    node = found[0]["X-Cache-Node"]
    assert names(collector.below(miss)) == ["ring get", "SELECT images", "ring fill"]
    assert outcomes(collector.below(miss), "ring get") == {node: "miss"}
    assert outcomes(collector.below(miss), "ring fill") == {node: "stored"}
    assert [(span.name, span.fields["ring.result"]) for span in collector.below(hit)] == [("ring get", "hit")]
    assert (hit.fields["chitram.cache.result"], hit.fields["chitram.cache.node"]) == ("hit", node)
    assert hit.fields["url.path"] == address
    [statement] = [span for span in collector.below(miss) if span.name == "SELECT images"]
    assert statement.fields["db.system.name"] == "sqlite"
    assert image["id"] not in statement.fields["db.query.text"]


async def test_a_delete_with_a_dead_node(start_service, redis_nodes: dict[str, NodeProcess], collector: Collector):
    """The trace shows which node was not told, and that the answer waited for it."""
    client = await start_service(redis_nodes=node_list(redis_nodes), otel_exporter_otlp_endpoint=collector.url)
    await healthy(client)
    image = await upload(client)
    await thumbnails_ready(client, image["id"])
    redis_nodes["a"].kill()
    await healthy(client, "degraded")
    headers = {"X-Delete-Token": image["delete_token"]}
    assert await status_of(client, f"{API}/images/{image['id']}", method="DELETE", headers=headers) == 204
    root = await received(collector, f"DELETE {API}/images/{{id}}")
    below = collector.below(root)
    assert outcomes(below, "ring apply") == {"a": "error", "b": "applied", "c": "applied"}
    assert [span.fields["ring.node"] for span in below if span.failed] == ["a"]
    [wait] = [span for span in below if span.name == "ring ack wait"]
    assert wait.fields["ring.nodes"] == ["a"]
    assert {"DELETE images", *WRITTEN, "storage delete"} <= set(names(below))


async def test_a_trace_goes_on_from_its_caller_s_and_into_the_log(start_service, collector: Collector, logged: Lines):
    """By W3C's header; a line names the trace and the span that it belongs to. Probes are in no trace."""
    client = await start_service(otel_exporter_otlp_endpoint=collector.url)
    caller = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert await status_of(client, path, headers=caller) == 200
    form = upload_form(picture()[:60] + b"\0" * 40)
    async with client.post(f"{API}/images/upload", data=form, headers=caller) as answer:
        assert answer.status == 415
    span = await received(collector, f"POST {API}/images/upload")
    assert (span.trace.hex(), span.span.parent_span_id.hex()) == (TRACE, PARENT)
    assert span.fields["chitram.request_id"] == answer.headers["X-Request-ID"]
    assert {each.name.partition(" ")[2].partition("/h")[0] for each in collector.spans} <= {
        f"{API}/images/upload",
        "stage",
    }
    [line] = logged.events("a picture could not be decoded")
    assert (line["trace_id"], line["span_id"]) == (TRACE, span.span.span_id.hex())


async def test_a_failure_is_told_by_its_kind_alone(start_service, collector: Collector, monkeypatch):
    """The status, and no text of an exception."""

    async def broken(*_arguments, **_options):
        raise RuntimeError("the secret text")

    monkeypatch.setattr("chitram.services.gallery.Gallery.public", broken)
    client = await start_service(otel_exporter_otlp_endpoint=collector.url)
    assert await status_of(client, f"{API}/images") == 500
    span = await received(collector, f"GET {API}/images")
    assert span.failed
    assert span.fields["error.type"] == "500"
    assert b"secret" not in collector.raw


async def test_no_secret_reaches_the_collector(start_service, postgres_url: str, collector: Collector):
    """Neither what people send, nor what the service is configured with."""
    database = postgres_url.replace("postgres@", "postgres:database-password@")
    client = await start_service(database_url=database, otel_exporter_otlp_endpoint=collector.url)
    token = await register(client)
    mine, anonymous = await upload(client, token=token), await upload(client)
    login = {"email": "ann@example.com", "password": PASSWORD}
    assert await status_of(client, f"{API}/auth/login", method="POST", json=login) == 200
    address = f"{API}/images/{anonymous['id']}"
    assert await status_of(client, f"{address}?delete_token=wrong{anonymous['delete_token']}", method="DELETE") == 403
    assert await status_of(client, f"{address}?delete_token={anonymous['delete_token']}", method="DELETE") == 204
    assert await status_of(client, f"{API}/images/{mine['id']}", method="DELETE", token=token) == 204
    assert await status_of(client, f"{API}/auth/logout", method="POST", token=token) == 204
    await received(collector, f"POST {API}/auth/logout")
    assert collector.named("INSERT users")
    assert [span.fields["user.id"] for span in collector.named(f"POST {API}/auth/logout")]
    hashed = hash_token(anonymous["delete_token"])
    for secret in (
        PASSWORD,
        *token.split("."),
        anonymous["delete_token"],
        hashed,
        "database-password",
        "ann@",
        "argon2",
    ):
        assert secret.encode() not in collector.raw


async def test_sampling_is_by_the_standard_variables(start_service, collector: Collector, monkeypatch):
    """None, where none are wanted."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    quiet = await start_service(otel_exporter_otlp_endpoint=collector.url)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    loud = await start_service(otel_exporter_otlp_endpoint=collector.url)
    assert await status_of(quiet, "/login") == 200
    assert await status_of(loud, f"{API}/images") == 200
    await received(collector, f"GET {API}/images")
    assert not collector.named("GET /login")


async def test_a_collector_that_is_away_is_one_line_and_holds_nothing_up(start_service, logged: Lines, monkeypatch):
    """It refuses, or takes the connection and never answers: the service works and ends."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    client = await start_service(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{free_port()}")
    for _ in range(5):
        assert await status_of(client, f"{API}/images") == 200
        await asyncio.sleep(0.03)
    await until(lambda: bool(logged.events("traces cannot be delivered")))
    await client.close()
    about = [line for line in logged.events() if "opentelemetry" in line["logger"] or "traces" in line["event"]]
    assert [line["event"] for line in about] == ["traces cannot be delivered"]

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = await start_service(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert await status_of(client, f"{API}/images") == 200
        async with asyncio.timeout(20):
            await client.close()


def test_where_no_traces_are_wanted_nothing_of_them_is_loaded(tmp_path):
    """No middleware, and none of the libraries that make and send spans. (redis-py loads another part by itself.)"""
    script = (
        "import sys; from chitram.app import create_app; from chitram.settings import Settings\n"
        "app = create_app(Settings.load({}, dotenv=None))\n"
        "ours = {'chitram.tracing.traced', 'opentelemetry.sdk.trace', 'opentelemetry.exporter', 'google.protobuf'}\n"
        "assert not ours & set(sys.modules), ours & set(sys.modules)\n"
        "assert not app.middlewares"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
