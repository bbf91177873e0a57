"""What can go wrong when the stack starts. Every message is one sentence that names the next step."""


class StackError(Exception):
    """The stack cannot start; `str()` is a sentence for the person who asked for it."""


class DataDirError(StackError):
    """The data directory cannot be used: not writable, in use, or its secret is damaged."""


class NodeError(StackError):
    """A Redis node cannot be found, started or reached."""
