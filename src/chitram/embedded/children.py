"""Child processes that do not outlive their parent. Nothing here knows what the child is.

On Linux the kernel kills the child when its parent dies, even by `kill -9`. Other systems have no such
request: there a child outlives a killed parent, and whoever starts it next must look for leftovers.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def spawn(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals = signal.SIGKILL,
    owner: tuple[int, int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (so Ctrl-C reaches the parent alone), its output going to `log`.

    `death_signal` is what the child gets when the parent dies; SIGKILL also ends one that is paused.
    `owner` is the (uid, gid) to run as; only root may ask for another than its own.

    Raises RuntimeError outside the main thread: Linux ties the death signal to the *thread* that
    forked, so the child of a worker thread would die with that thread. OSError if it cannot be started.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "children are spawned from the main thread only: a child dies with the thread that forked it"
        )
    uid, gid = owner or (None, None)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the callers build the arguments, no shell reads them
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
            preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509 - one system call, no Python locks taken
        )


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: the loader's lock may be held after it
    parent = os.getpid()

    def ask_for_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died before the request was made
            os._exit(1)

    return ask_for_signal


def end(child: subprocess.Popen[bytes], *, grace: float) -> None:
    """Ask the child to stop and kill it if it has not within `grace` seconds. Returns when it is gone."""
    if child.poll() is None:
        child.terminate()
        child.send_signal(signal.SIGCONT)  # a paused process cannot act on SIGTERM
    try:
        child.wait(timeout=grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
