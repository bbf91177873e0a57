"""The commands of `chitram ring` that plan a change of the node set and make it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from chitram.adapters.database import Database
from chitram.adapters.node_facts import examine
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.cli.doctor.finding import Finding, Level
from chitram.cli.doctor.nodes_check import check_nodes
from chitram.cli.ring_words import change_sentence, plan_table, set_fields
from chitram.cli.workplace import Workplace, placed
from chitram.domain.node_set import Action, NodeChange, RingNode
from chitram.services.node_set_ports import NodePlan

HEAVIEST = 100
"""What the ring takes for a weight."""
_FORCE = click.option("--force", is_flag=True, help="Even if the node does not answer or cannot serve.")


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
            weight = float(value)
        except ValueError:
            weight = 0.0
        if not 0 < weight <= HEAVIEST:
            raise click.UsageError(
                f"weight takes a number above 0, at most {HEAVIEST}: chitram ring weight {name} 0.5; "
                f"to have it read no more: chitram ring drain {name}"
            )
        return NodeChange(action, name, weight=weight)
    return NodeChange(action, name)


def _commit(it: Workplace, change: NodeChange, *, force: bool) -> None:
    planned: NodePlan = it.ask(lambda database: SqlNodeSets(database).plan(change))
    if change.action in {Action.ADD, Action.READY}:
        _require_fit(it, change, force=force or change.action is Action.ADD)
    if not it.as_json:
        click.echo(plan_table(change, planned))
    stored = it.ask(lambda database: SqlNodeSets(database).commit(change, version=planned.version))
    it.say(set_fields(stored), change_sentence(change, stored, it.again("ring")))


def _require_fit(it: Workplace, change: NodeChange, *, force: bool) -> None:
    """Ask the node itself. What keeps it from serving is said; without *force* nothing is changed then."""
    wrong = it.ask(lambda database: _problems(it, database, change))
    for finding in wrong:
        click.echo(f"warning: {finding.about} {finding.says}\n         mend: {finding.cure}", err=True)
    if wrong and not force:
        again = f"`{it.again('ring ready')} {change.name}`"
        raise click.ClickException(f"nothing has been changed: mend that, then {again} again, or add --force")


async def _problems(it: Workplace, database: Database, change: NodeChange) -> list[Finding]:
    stored = (await SqlNodeSets(database).current()).nodes
    node = next((one for one in stored if one.name == change.name), RingNode(change.name, change.address))
    facts = await examine(node, it.settings.cache_key_prefix)
    found = check_nodes([facts], head=None, log="", fenced=())
    return [finding for finding in found if finding.level is Level.PROBLEM]


def _changing(action: Action, text: str, example: str, *arguments: str) -> click.Command:
    def run(it: Workplace, name: str, value: str = "", *, force: bool = False) -> None:
        _commit(it, _change(action, name, value), force=force)

    run.__doc__ = f"{text}\n\n\b\n{example}"
    command: Callable[..., Any] = placed(run)
    for argument in reversed(("name", *arguments)):
        command = click.argument("value" if argument != "name" else "name", metavar=argument.upper())(command)
    if action is Action.READY:
        command = _FORCE(command)
    return click.command(action.value)(command)


CHANGES = (
    plan,
    _changing(
        Action.ADD,
        "Take a node in. Writers reach it from now on; it is read after `ring ready`. One that does not answer, "
        "or cannot serve, is taken in with a warning.",
        "chitram ring add d redis-d:6379",
        "address",
    ),
    _changing(
        Action.READY,
        "Let a node be read: after joining, or instead of draining. Exit code 1, and no change, if it does not answer "
        "or cannot serve.",
        "chitram ring ready d",
    ),
    _changing(Action.DRAIN, "Stop reading a node, so that it can be removed.", "chitram ring drain a"),
    _changing(Action.WEIGHT, "Give a node a larger or smaller share.", "chitram ring weight d 0.5", "weight"),
    _changing(Action.REMOVE, "Let a drained node go.", "chitram ring remove a"),
    renew,
)
"""In the order of a help text."""
