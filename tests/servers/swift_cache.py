"""What a Swift proxy keeps in memcached, kept in the proxy itself. Swift loads this, not a test."""

import time
from typing import Any


class Memory:
    """The methods of Swift's memcached client that its proxy calls."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, float]] = {}

    def get(self, key: str, **_options: Any) -> Any:
        """The value, unless it is too old."""
        value, until = self._kept.get(key, (None, 0.0))
        return value if until > time.time() else None

    def set(self, key: str, value: Any, time: float = 0, **_options: Any) -> None:
        """Keep a value for *time* seconds; 0 is for ever."""
        self._kept[key] = (value, _now() + time if time else float("inf"))

    def incr(self, key: str, delta: int = 1, time: float = 0, **_options: Any) -> int:
        """Count up."""
        value = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, value, time=time)
        return value

    def decr(self, key: str, delta: int = 1, time: float = 0, **options: Any) -> int:
        """Count down."""
        return self.incr(key, -delta, time=time, **options)

    def delete(self, key: str, **_options: Any) -> None:
        """Forget."""
        self._kept.pop(key, None)

    def set_multi(self, values: dict[str, Any], _server_key: str, time: float = 0, **_options: Any) -> None:
        """Keep several values."""
        for key, value in values.items():
            self.set(key, value, time=time)

    def get_multi(self, keys: list[str], _server_key: str, **_options: Any) -> list[Any]:
        """Several values."""
        return [self.get(key) for key in keys]


def _now() -> float:
    return time.time()


def filter_factory(_global: dict[str, str], **_local: str) -> Any:
    """A paste filter that gives every request the memory."""
    memory = Memory()

    def wrap(app: Any) -> Any:
        def call(environ: dict[str, Any], start_response: Any) -> Any:
            environ["swift.cache"] = memory
            return app(environ, start_response)

        return call

    return wrap
