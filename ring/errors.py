"""What can go wrong with a node. None of these leaves the cache: a reader gets the database's answer instead."""


class NodeError(Exception):
    """A node did not do what it was asked. `cause` is short and bounded, fit for a label or a page."""

    cause = "error"

    def __init__(self, message: str = "", cause: str = "") -> None:
        super().__init__(message or cause or self.cause)
        self.cause = cause or self.cause


class NodeTimeoutError(NodeError):
    """No reply within the deadline. The command may still be executed, at any later time."""

    cause = "timeout"


class NodeGoneError(NodeError):
    """The connection is lost; what was under way may or may not have been executed."""

    cause = "connection lost"


class NodeBusyError(NodeError):
    """Too much is under way on this connection already; nothing was sent."""

    cause = "too many requests in flight"


class NodeUnreachableError(NodeError):
    """No connection could be made."""

    cause = "unreachable"


class NodeReplyError(NodeError):
    """The node answered with an error; its first word (LOADING, NOAUTH, READONLY, OOM, MOVED …) is the cause."""

    def __init__(self, message: str) -> None:
        super().__init__(message, cause=(message.split(maxsplit=1) or ["ERR"])[0][:32])


class CacheClosedError(RuntimeError):
    """The cache was closed, or its loader was cancelled from within, while this caller waited for a load."""
