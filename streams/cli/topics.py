"""`plainscore topics` and `plainscore schemas`: is the broker, and are the schemas, as agreed?"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from streams import settings
from streams.cli import show

if TYPE_CHECKING:
    from streams.client.admin import Difference

topics = typer.Typer(no_args_is_help=True, help="The topics: what is missing, and mend it.")
schemas = typer.Typer(no_args_is_help=True, help="The schemas of the records.")


@topics.command("plan")
def plan() -> None:
    """Say what `topics apply` would do. Exit code 1 if anything differs."""
    from streams.client import admin

    chosen = settings.load()
    differences = admin.plan(
        **chosen.cluster, partitions=chosen.partitions, audiences=chosen.audiences
    )
    _show(differences, "Every topic is as it should be.")
    if differences:
        show.say("Nothing was changed. `plainscore topics apply` does it.")
        raise typer.Exit(1)


@topics.command("apply")
def apply() -> None:
    """Create the topics that are missing and set right the ones that differ."""
    from streams.client import admin

    chosen = settings.load()
    done = admin.apply(
        **chosen.cluster,
        partitions=chosen.partitions,
        replication=chosen.replication,
        audiences=chosen.audiences,
    )
    _show(done, "Every topic is as it should be; nothing was changed.")


def _show(differences: Sequence["Difference"], none: str) -> None:
    show.rows(
        (asdict(each) for each in differences),
        ("topic", "setting", "found", "expected"),
        empty=none,
    )


@schemas.command("check")
def check() -> None:
    """Check each schema against its versions, and the registry if one is set."""
    from streams.cli.contract import registry_problems, schema_problems
    from streams.schemas import names, versions

    chosen = settings.load()
    problems = schema_problems()
    if chosen.schema_registry_url:
        with show.waiting("Asking the registry"):
            problems |= registry_problems(chosen.schema_registry_url)
    show.rows(
        (
            {
                "schema": name,
                "id": versions(name)[-1].id,
                "version": versions(name)[-1].version,
                "ok": name not in problems,
                "problem": problems.get(name),
            }
            for name in names()
        ),
        ("schema", "id", "version", "ok", "problem"),
    )
    if problems:
        show.say("error: Schemas differ from what was agreed. Give a changed schema a new version.")
        raise typer.Exit(1)
