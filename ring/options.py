"""The knobs of a RingCache. The defaults are the ones that are tested; all durations are in seconds."""

from dataclasses import dataclass

from ring.fencing import Timing


@dataclass(frozen=True, slots=True)
class Options:
    """How a RingCache behaves. `d_read` and `reach` must be equal in all processes that share a log.

    Raises ValueError if the durations contradict each other.
    """

    d_read: float = 2.0
    """How long a node may be read after it was seen to have caught up; also how long a write may have to wait."""
    reach: int = 3
    """A key is read only from this many nodes of its preference list, and a write waits only for these."""
    follow_interval: float = 0.5
    backoff_least: float = 0.1
    backoff_most: float = 5.0
    op_timeout: float = 0.1
    connect_timeout: float = 1.0
    max_in_flight: int = 16384
    lease: float = 3.0
    lease_polls: tuple[float, ...] = (0.005, 0.010, 0.020, 0.030, 0.035)
    """The pauses between looks at a key that another process is filling; together the longest such wait."""
    negative_ttl: float = 10.0
    ttl_jitter: float = 0.1
    early_refresh: float = 1.0
    """XFetch's beta: how early hot entries are loaded anew; 0 switches it off."""
    serve_stale: bool = True
    """Serve hits, marked stale, when neither the log nor the loader can reach the database."""
    replay_batch: int = 500
    apply_batch: int = 1000

    def __post_init__(self) -> None:
        if self.follow_interval * 1.2 + self.op_timeout >= self.d_read:
            raise ValueError("d_read must be longer than a follower's interval, or no node is ever trusted for long")
        if self.reach < 1:
            raise ValueError("reach must be at least 1")

    @property
    def timing(self) -> Timing:
        """The durations on which readers and writers agree."""
        return Timing(self.d_read)
