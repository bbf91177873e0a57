"""What the settings make of a part: the storage that they name, the first node set, limits, tracing or none.

For the composition root and for commands that need one part alone. Nothing here connects to anything.
"""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import version

from chitram.adapters.blobs_disk import STAGING, DiskStorage
from chitram.adapters.database import Database
from chitram.adapters.export_turns_sql import SqlExportTurns
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.staging import default_folder
from chitram.adapters.zip_archive import zip_archive
from chitram.handlers.present import image_body, image_fields
from chitram.services.exports import Exports
from chitram.services.job_ports import JobQueue, Workshop
from chitram.services.job_worker import Finished, JobWorker
from chitram.services.storage_ports import BlobStorage, ConnectedStorage
from chitram.services.uploads import UploadLimits
from chitram.settings import Settings, SettingsError
from chitram.tracing import Tracing, Untraced
from ring import Membership


def blob_storage(settings: Settings) -> ConnectedStorage:
    """The storage that the settings name, to be used inside its ``connected()``. Raises :class:`SettingsError`."""
    if settings.storage_backend == "local":
        return DiskStorage(settings.local_storage_path)
    # Whoever keeps pictures on a disk need not load a library for this.
    from chitram.adapters.blobs_s3 import S3Storage  # noqa: PLC0415  see above
    from chitram.adapters.s3_bucket import S3Bucket, S3Place  # noqa: PLC0415  see above

    place = S3Place(
        endpoint=settings.minio_endpoint,
        access_key=settings.minio_access_key.get_secret_value(),
        secret_key=settings.minio_secret_key.get_secret_value(),
        bucket=settings.minio_bucket,
        secure=settings.minio_secure,
        region=settings.minio_region,
    )
    try:
        return S3Storage(S3Bucket(place), settings.staging_path or default_folder())
    except ValueError as error:
        raise SettingsError(f"MINIO_ENDPOINT or MINIO_BUCKET: {error}") from None


def configured_members(settings: Settings) -> Membership:
    """The node set of ``REDIS_NODES``. Raises :class:`SettingsError`."""
    try:
        return Membership.of(settings.node_list, settings.cache_virtual_nodes)
    except ValueError as error:
        raise SettingsError(f"REDIS_NODES: {error}") from None


def upload_limits(settings: Settings) -> UploadLimits:
    """What an upload may be."""
    return UploadLimits(
        max_bytes=settings.max_file_bytes,
        allowed_types=settings.allowed_content_types,
        anonymous=settings.allow_anonymous_uploads,
        concurrency=settings.upload_concurrency_limit,
        wait=settings.upload_concurrency_timeout,
    )


def job_worker(
    queue: JobQueue,
    workshop: Workshop,
    *,
    concurrency: int,
    finished: Callable[[Finished], None],
    around: Callable[[str], AbstractContextManager[object]],
    redact: Callable[[str], str],
) -> JobWorker:
    """Does jobs in this process, under a name that says where it is and that no other process has."""
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    return JobWorker(
        queue=queue,
        workshop=workshop,
        claimed_by=name,
        concurrency=concurrency,
        finished=finished,
        around=around,
        redact=redact,
    )


def exports_of(settings: Settings, database: Database, storage: BlobStorage) -> Exports:
    """What makes archives of accounts. What it has to keep meanwhile lies where uploads do on their way."""
    own = settings.local_storage_path / STAGING if settings.storage_backend == "local" else default_folder()
    folder = settings.staging_path or own
    return Exports(
        library=SqlImages(database, image_body),
        storage=storage,
        turns=SqlExportTurns(database),
        archive=lambda: zip_archive(folder),
        describe=image_fields,
        version=version("chitram"),
    )


def tracing_of(settings: Settings) -> Tracing:
    """Traces where a collector is named."""
    if not settings.otel_exporter_otlp_endpoint:
        return Untraced()
    from chitram.tracing.traced import Traced  # noqa: PLC0415  whoever wants no traces need not load a library for them

    return Traced(settings.otel_exporter_otlp_endpoint, version("chitram"))
