"""What a node is: a name on the ring, an address to connect to, a weight, a state. Parsing of the two, no I/O."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
_SCHEMES = {"redis": False, "rediss": True, "valkey": False, "valkeys": True}
_DEFAULT_PORT = 6379
_SEEDS = 1 << 16
_UNREADABLE = "host or port cannot be read; in a password write / as %2F, # as %23, ? as %3F, @ as %40"


class NodeState(StrEnum):
    """What the operator wants of a node. Only `up` nodes are on the ring; followers and writers serve all three."""

    UP = "up"
    JOINING = "joining"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed address. The password is in no representation."""

    host: str = ""
    port: int = _DEFAULT_PORT
    path: str = ""
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0

    @property
    def display(self) -> str:
        """The address without credentials, for logs and pages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "rediss://" if self.tls else ""
        where = f"unix://{self.path}" if self.path else f"{scheme}{host}:{self.port}"
        return f"{where}/{self.database}" if self.database else where


@dataclass(frozen=True, slots=True)
class Node:
    """One Redis node. Its identity on the ring is `name`: an address may change without moving a key.

    The address (`host:port`, `redis://`, `rediss://` or `unix://`) is resolved anew at each connect. The seed is 0 for
    a node that the ring's salt was chosen with, and `choose_seed`'s for one that joined later.
    Raises ValueError for a name, address, weight or seed that cannot be used.
    """

    name: str
    address: str = field(repr=False)
    weight: float = 1.0
    state: NodeState = NodeState.UP
    seed: int = 0
    endpoint: Endpoint = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"node name {self.name!r}: use 1 to 64 letters, digits, '.', '_' or '-'")
        if not 0 < self.weight <= 100:
            raise ValueError(f"node {self.name}: weight {self.weight} is not above 0 and at most 100")
        if not 0 <= self.seed < _SEEDS:
            raise ValueError(f"node {self.name}: seed {self.seed} is not between 0 and {_SEEDS - 1}")
        object.__setattr__(self, "state", NodeState(self.state))
        object.__setattr__(self, "endpoint", parse_address(self.address))


def parse_address(address: str) -> Endpoint:
    """Parse one address; raise ValueError that names what is wrong without repeating a password."""
    if "://" not in address:
        return _host_port(address)
    try:
        url = urlsplit(address)
        scheme, port = url.scheme, url.port
    except ValueError:  # whose text repeats what stands where the port should, such as half of a password
        raise ValueError(f"node address {_safe(address)!r}: {_UNREADABLE}") from None
    username, password = unquote(url.username or ""), unquote(url.password or "")
    if scheme == "unix":
        return Endpoint(
            path=_required(unquote(url.path), "unix:// needs a path", address), username=username, password=password
        )
    if scheme not in _SCHEMES:
        raise ValueError(f"node address {_safe(address)!r}: use host:port, redis://, rediss:// or unix://")
    host = _required(url.hostname or "", "the host is missing", address)
    database = _database(url.path, address)
    port = _DEFAULT_PORT if port is None else port
    return Endpoint(host, port, "", _SCHEMES[scheme], username, password, database)


def parse_nodes(text: str) -> tuple[Node, ...]:
    """Parse `REDIS_NODES`: comma-separated `name=address` or `address`, a nameless node being called by its address.

    A comma inside a password is written `%2C`. An empty text is no node at all, which is allowed.
    Raises ValueError naming the part that cannot be read, or the name that stands there twice.
    """
    nodes = tuple(_parse_part(part.strip()) for part in text.split(",") if part.strip())
    names = [node.name for node in nodes]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"node {min(twice)!r} is listed twice: give each node a name of its own, name=host:port")
    return nodes


def _parse_part(part: str) -> Node:
    name, separator, address = part.partition("=")
    if separator and _NAME.fullmatch(name.strip()):
        return Node(name.strip(), address.strip())
    return Node(_name_of(parse_address(part)), part)


def _name_of(endpoint: Endpoint) -> str:
    plain = endpoint.path.strip("/") or f"{endpoint.host}-{endpoint.port}"
    return re.sub(r"[^A-Za-z0-9_.\-]", "-", plain).strip("-.")[:64]


def _host_port(address: str) -> Endpoint:
    match = re.fullmatch(r"(\[[^\]\s]+\]|[^\s:/@]+)(?::(\d+))?", address)
    if not match or not 0 < int(match[2] or _DEFAULT_PORT) < 65536:
        raise ValueError(f"node address {_safe(address)!r}: expected host:port, for example 127.0.0.1:6379")
    return Endpoint(host=match[1].strip("[]"), port=int(match[2] or _DEFAULT_PORT))


def _database(path: str, address: str) -> int:
    number = path.strip("/") or "0"
    if not number.isdecimal():
        raise ValueError(f"node address {_safe(address)!r}: the database must be a number, as in redis://host:6379/0")
    return int(number)


def _required(value: str, complaint: str, address: str) -> str:
    if not value:
        raise ValueError(f"node address {_safe(address)!r}: {complaint}")
    return value


def _safe(address: str) -> str:
    # Up to the last @: a password that was not escaped may hold anything.
    return re.sub(r"^([A-Za-z]+://)?.*@", r"\1***@", address, flags=re.DOTALL)
