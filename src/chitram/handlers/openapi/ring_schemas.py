"""The fields of the ring: sets, reports, plans, keys. Times in seconds, sizes in bytes, parts from 0 to 1."""

from typing import get_args

from chitram.domain.node_set import Action, Member
from chitram.handlers.api_admin import ChangeRequest, CommitRequest
from chitram.handlers.openapi.fields import (
    Schema,
    flag,
    integer,
    listed,
    maybe,
    moment,
    number,
    ratio,
    ratios,
    record,
    sent,
    text,
)
from chitram.services.ring_ports import HoldingKind

_WEIGHT = number(exclusiveMinimum=0, examples=[1.0])
_MEMBER = text("What the operator wants of it.", enum=[state.value for state in Member])
_NAME = text(examples=["a"])
_SEED = integer("Its place beside the salt.", minimum=0)


def _set(node: Schema, **more: Schema) -> Schema:
    return record(
        "A node set.",
        version=integer("Each change makes the next one."),
        hash=text("How keys are placed."),
        vnodes=integer("Points for a weight of 1.", minimum=1),
        salt=integer("Chosen for even shares.", minimum=0),
        imbalance=number("The largest share over the mean; 1 is perfect.", minimum=0),
        nodes=listed(node),
        **more,
    )


_NODE = record(
    "One node: as stored, as this process sees it, and in its own words.",
    name=_NAME,
    letters=text("**U**p or **D**own; **N**ormal, **J**oining or **L**eaving.", pattern="^[UD][NJL]$", examples=["UN"]),
    state=_MEMBER,
    serving=flag("This process may read it now."),
    address=maybe(text("Without credentials.", examples=["redis-a:6379"])),
    weight=_WEIGHT,
    seed=_SEED,
    share=ratio("Its part of all keys, exact."),
    sampled=ratio("Its part of `sample` keys."),
    hit_ratio=maybe(ratio("Of the last minute in this process.")),
    reads=integer("In the last minute.", minimum=0),
    p99=maybe(number("Of its answers, since the start.", minimum=0)),
    errors_per_second=number("In the last minute.", minimum=0),
    verified_age=maybe(number("How long ago it was proven to be up to date.", minimum=0)),
    lag=maybe(integer("Invalidations that it has not applied.", minimum=0)),
    cause=text("Why it is not read."),
    answers=flag("It answered within 0.5 s."),
    memory_bytes=integer(minimum=0),
    memory_limit=integer("0 where none is set.", minimum=0),
    keys=integer("All of them, whoever put them.", minimum=0),
    evicted=integer(minimum=0),
)
_LIVE = record(
    "One node as this process sees it.",
    name=_NAME,
    address=text("Without credentials."),
    state=text(),
    trusted=flag("It may be read now."),
    verified_age=maybe(number(minimum=0)),
    lag=maybe(integer(minimum=0)),
    cause=text(),
    median_latency=maybe(number(minimum=0)),
)
_EVENT = record(
    "Something that happened.",
    at=moment("The last time."),
    node=maybe(text("Null for what concerns all of them.")),
    what=text(),
    cause=text(),
    good={"type": ["boolean", "null"], "description": "Null for what is neither."},
    times=integer("In a row.", minimum=1),
)
_HOLDING = record(
    "What one node holds under the key; never the value.",
    node=_NAME,
    kind=text("`negative`: the note that there is no such picture.", enum=list(get_args(HoldingKind))),
    ttl=maybe(number("How long it is kept still.", minimum=0)),
    size=integer(minimum=0),
    current=flag("Of the node's present epoch: what is not is never served."),
    error=text("Why there was no answer."),
)

RING_SCHEMAS: dict[str, Schema] = {
    "Action": text(enum=[action.value for action in Action]),
    "NodeChange": sent(ChangeRequest, name={"examples": ["d"]}, address={"examples": ["redis-d:6379"]}),
    "NodeCommit": sent(CommitRequest, name={"examples": ["d"]}, version={"description": "Of the plan."}),
    "NodeSet": _set(record("One node.", name=_NAME, weight=_WEIGHT, seed=_SEED, state=_MEMBER, share=ratio())),
    "RingReport": _set(
        _NODE,
        sentence=text("All of it in a line."),
        serving=integer("How many nodes this process may read now.", minimum=0),
        hit_ratio=maybe(ratio("Of the last minute; null without reads.")),
        changed_age=maybe(number("How long ago the set changed, as far as is known.")),
        live=listed(_LIVE),
        sample=integer("How many keys were placed to see.", minimum=0),
        events=listed(_EVENT, "Up to 50, newest first."),
    ),
    "RingPlan": record(
        "What a change would do.",
        version=integer("For the commit."),
        before=ratios("Shares now."),
        after=ratios("Shares then."),
        moved=ratio("The part of all keys that gets another node."),
        moves=ratios("From where to where, as `a to d`."),
        expected_hit_ratio=record(
            "Null where nothing was read in the last minute.", now=maybe(ratio()), after=maybe(ratio()), sentence=text()
        ),
    ),
    "CacheKey": record(
        "Where a key lies.",
        key=text(examples=["image:51e6e972-e59e-8e37-84e2-f12d6a1b2f4d"]),
        slot=integer(minimum=0, maximum=65_535),
        position=text("As the points of nodes are compared.", pattern="^[0-9a-f]{16}$"),
        readable_from=integer("So many of `nodes`, from the front, may be read for it.", minimum=0),
        nodes=listed(_HOLDING, "The owner first."),
    ),
}
