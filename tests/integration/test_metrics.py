"""What an operator reads after things have happened, on a real service."""

import re

from tests.api import API, Client, register, show, status_of, thumbnails_ready, upload, upload_form
from tests.pictures import bomb, picture
from tests.waiting import until


async def scrape(client: Client) -> dict[str, float]:
    """Every series with its value."""
    async with client.get("/metrics") as answer:
        rows = re.findall(r"^([^#\s]\S*) (\S+)$", await answer.text(), re.MULTILINE)
    return {series: float(value) for series, value in rows}


async def test_an_upload_is_told_from_its_place_to_its_thumbnails(service):
    """Size, wait, result; the job and how long the thumbnails took; what went into the storage."""
    data = picture()
    image = await upload(service, data)
    await thumbnails_ready(service, image["id"])
    await until(lambda: counted(service, 'chitram_jobs_total{kind="thumbnails",result="done"}', 1))
    now = await scrape(service)
    assert now['chitram_uploads_total{result="created"}'] == 1
    assert now["chitram_upload_bytes_sum"] == len(data)
    assert now["chitram_upload_wait_seconds_count"] == 1
    assert now["chitram_uploads_in_progress"] == 0
    assert now["chitram_uploads_limit"] == 10
    assert now["chitram_thumbnail_ready_seconds_count"] == 1
    assert now['chitram_storage_operation_duration_seconds_count{operation="store",result="ok"}'] == 1
    assert now['chitram_storage_operation_duration_seconds_count{operation="put",result="ok"}'] == 6
    assert now['chitram_storage_transferred_bytes_total{direction="written"}'] > len(data)


async def test_refusals_are_told_apart(service):
    """A bomb, no picture, and a client that goes away in the middle."""
    for data in (bomb(), b"no picture"):
        async with service.post(f"{API}/images/upload", data=upload_form(data)) as answer:
            assert answer.status >= 400
    now = await scrape(service)
    assert now['chitram_uploads_total{result="IMAGE_TOO_MANY_PIXELS"}'] == 1
    assert now['chitram_uploads_total{result="INVALID_FILE_FORMAT"}'] == 1
    assert now["chitram_upload_bytes_count"] == 0
    assert now["chitram_upload_wait_seconds_count"] == 2


async def test_sign_ins_are_counted_by_result(service):
    """Right and wrong; an address that nobody has is as wrong as a password."""
    await register(service, "ann@example.com")
    for email, password in (
        ("ann@example.com", "correct horse battery"),
        ("ann@example.com", "wrong"),
        ("bob@example.com", "wrong"),
    ):
        async with service.post(f"{API}/auth/login", json={"email": email, "password": password}):
            pass
    now = await scrape(service)
    assert now['chitram_logins_total{result="ok"}'] == 1
    assert now['chitram_logins_total{result="wrong"}'] == 2


async def test_what_lies_in_the_storage_is_known_after_a_sweep(start_service):
    """Files and bytes by kind, and how much room is left."""
    first = await start_service()
    image = await upload(first, picture())
    await thumbnails_ready(first, image["id"])
    await first.close()
    second = await start_service()
    await until(lambda: counted(second, 'chitram_storage_objects{kind="originals"}', 1))
    now = await scrape(second)
    assert now['chitram_storage_bytes{kind="originals"}'] == len(picture())
    assert now['chitram_storage_objects{kind="thumbnails"}'] == 6
    assert now['chitram_storage_objects{kind="other"}'] == 0
    assert now["chitram_storage_orphans"] == 0
    assert 0 < now["chitram_storage_free_bytes"] < now["chitram_storage_size_bytes"]


async def test_pictures_without_thumbnails_for_good_are_dead_jobs(service):
    """As the database has them, so none at first rather than unknown."""
    await until(lambda: counted(service, 'chitram_jobs_dead{kind="thumbnails"}', 0))


async def test_the_database_s_connections_are_counted(service):
    """None is left in use; each use has waited for one."""
    await upload(service)
    now = await scrape(service)
    assert now["chitram_db_pool_limit"] == 15
    assert now["chitram_db_pool_wait_seconds_count"] > 0

    async def given_back() -> bool:
        return (await scrape(service))["chitram_db_pool_in_use"] == 0

    await until(given_back)  # what runs beside the requests takes one now and then


async def test_the_event_loop_is_watched(service):
    """Several times a second."""
    await until(lambda: counted(service, "chitram_event_loop_lag_seconds_count", 2))


async def test_without_a_cache_every_read_is_a_load(service):
    """For the reason that there is none."""
    assert await loads_of_three_reads(service) == {"disabled": 3}


async def test_with_one_only_the_first_read_is(cached_service):
    """Or none, if making the thumbnails was the last to read it."""
    assert await loads_of_three_reads(cached_service) in ({}, {"miss": 1})


async def loads_of_three_reads(client: Client) -> dict[str, float]:
    """By reason, of one picture."""
    image = await upload(client)
    await thumbnails_ready(client, image["id"])
    before = await scrape(client)
    for _ in range(3):
        await show(client, image["id"])
    after = await scrape(client)
    loads = {series[len('ring_loads_total{reason="') : -2]: series for series in after if "ring_loads" in series}
    return {
        reason: after[series] - before[series] for reason, series in loads.items() if after[series] > before[series]
    }


async def test_switched_off_there_is_no_address_and_everything_works(start_service):
    """`METRICS_ENABLED=false`."""
    client = await start_service(metrics_enabled=False)
    assert await status_of(client, "/metrics") == 404
    image = await upload(client)
    assert (await show(client, image["id"]))[0] == 200


async def counted(client: Client, series: str, least: float) -> bool:
    """Whether a series is there and as large."""
    return (await scrape(client)).get(series, -1.0) >= least
