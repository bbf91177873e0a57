"""The commands of `chitram ring` that plan a change of the node set and make it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.cli.ring_words import change_sentence, plan_table, set_fields
from chitram.cli.workplace import Workplace, placed
from chitram.domain.node_set import Action, NodeChange
from chitram.services.ports import NodePlan


@click.command()
@click.argument("action", type=click.Choice([action.value for action in Action]))
@click.argument("name")
@click.argument("value", required=False, default="")
@placed
def plan(it: Workplace, action: str, name: str, value: str) -> None:
    """Say what a change would move, and change nothing. VALUE is the address for add, the weight for weight.

    \b
    chitram ring plan add d redis-d:6379
    chitram ring plan drain a
    """
    change = _change(Action(action), name, value)
    planned = it.ask(lambda database: SqlNodeSets(database).plan(change))
    it.say(asdict(planned), plan_table(change, planned))


@click.command()
@placed
def renew(it: Workplace) -> None:
    """Make every node start cold, after a restore.

    A node may hold values, and a cursor, of writes that a restored database has never seen.

    \b
    chitram ring renew
    """
    click.echo("gives the invalidation log a new identity: whatever is cached is not used any more", err=True)
    stored = it.ask(lambda database: SqlNodeSets(database).renew())
    it.say(set_fields(stored), f"done, version {stored.version}. Every node starts cold within a second.")


def _change(action: Action, name: str, value: str) -> NodeChange:
    if action is Action.ADD:
        if not value:
            raise click.UsageError("add takes the node's address: chitram ring add d redis-d:6379")
        return NodeChange(action, name, address=value)
    if action is Action.WEIGHT:
        try:
            return NodeChange(action, name, weight=float(value))
        except ValueError:
            raise click.UsageError("weight takes a number: chitram ring weight d 0.5") from None
    return NodeChange(action, name)


def _commit(it: Workplace, change: NodeChange) -> None:
    planned: NodePlan = it.ask(lambda database: SqlNodeSets(database).plan(change))
    if not it.as_json:
        click.echo(plan_table(change, planned))
    stored = it.ask(lambda database: SqlNodeSets(database).commit(change, version=planned.version))
    it.say(set_fields(stored), change_sentence(change, stored, it.again("ring")))


def _changing(action: Action, text: str, example: str, *arguments: str) -> click.Command:
    def run(it: Workplace, name: str, value: str = "") -> None:
        _commit(it, _change(action, name, value))

    run.__doc__ = f"{text}\n\n\b\n{example}"
    command: Callable[..., Any] = placed(run)
    for argument in reversed(("name", *arguments)):
        command = click.argument("value" if argument != "name" else "name", metavar=argument.upper())(command)
    return click.command(action.value)(command)


CHANGES = (
    plan,
    _changing(
        Action.ADD,
        "Take a node in. Writers reach it from now on; it is read after `ring ready`.",
        "chitram ring add d redis-d:6379",
        "address",
    ),
    _changing(Action.READY, "Let a node be read: after joining, or instead of draining.", "chitram ring ready d"),
    _changing(Action.DRAIN, "Stop reading a node, so that it can be removed.", "chitram ring drain a"),
    _changing(Action.WEIGHT, "Give a node a larger or smaller share.", "chitram ring weight d 0.5", "weight"),
    _changing(Action.REMOVE, "Let a drained node go.", "chitram ring remove a"),
    renew,
)
"""In the order of a help text."""
