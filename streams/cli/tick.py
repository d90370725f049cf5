"""`plainscore tick`: lets time pass, once or every hour."""

import time
from typing import Annotated

import typer

from streams import settings
from streams.cli import fields, show
from streams.errors import Unreachable
from streams.settings import Settings


def tick(
    at: Annotated[
        str | None, typer.Option(help="The time to tick; now unless given. Time never goes back.")
    ] = None,
    *,
    hourly: Annotated[
        bool, typer.Option("--hourly", help="Tick now and every hour until stopped.")
    ] = False,
) -> None:
    """Let time pass for everybody: one tick in every partition."""
    chosen = settings.load()
    moment = None if at is None else fields.moment(at, "--at")
    try:
        _tick(chosen, moment, hourly=hourly)
    except KeyboardInterrupt:
        if not hourly:
            raise


def _tick(chosen: Settings, moment: int | None, *, hourly: bool) -> None:
    from streams.client import Publisher

    while True:
        ticked = show.now() if moment is None else moment
        try:
            with Publisher(**chosen.cluster) as publisher:
                publisher.tick(ticked)
        except Unreachable as error:
            if not hourly:
                raise
            show.say(f"error: {error} Trying again in a minute.")
            time.sleep(60)
            continue
        show.note({"ticked": show.when(ticked)})
        if not hourly:
            return
        moment = None
        time.sleep(chosen.tick_minutes * 60)
