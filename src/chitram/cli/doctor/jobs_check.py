"""The queue of jobs: does anybody do what services leave to workers?"""

from chitram.adapters.database import Database
from chitram.adapters.job_list_sql import count_workers
from chitram.adapters.jobs_sql import SqlJobs
from chitram.cli.doctor.finding import Finding, ok, problem, warning
from chitram.cli.words import counted
from chitram.domain.errors import ServiceUnavailable
from chitram.services.thumbnails import THUMBNAILS
from chitram.settings import Settings

LATE_SECONDS = 300.0


async def check_jobs(settings: Settings, database: Database) -> list[Finding]:
    """Nothing to say of services that do their jobs themselves: where none runs, none is to be done."""
    if settings.jobs == "inline":
        return []
    try:
        census, workers = await SqlJobs(database).census(THUMBNAILS), await count_workers(database)
    except ServiceUnavailable:
        return []  # another check says so
    waits = f"JOBS=worker, and one of {counted(census.owed, 'job')} has waited for {census.overdue / 60:.0f} min"
    if census.overdue <= LATE_SECONDS:
        return [ok("jobs", f"{census.owed} owed, {census.dead} given up; none waits for long")]
    if not workers:
        cure = "start `chitram worker` on a machine that reaches database and storage; or JOBS=inline for the services"
        return [problem("jobs", f"{waits}: no worker seems to run", cure)]
    busy = counted(workers, "worker is busy", "workers are busy")
    return [warning("jobs", f"{waits}: {busy}, but not enough", "start more: chitram worker; or raise --concurrency")]
