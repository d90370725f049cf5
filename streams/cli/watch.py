"""`plainscore watch`: changes of scores as they are committed."""

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams import settings
from streams.cli import fields, show

if TYPE_CHECKING:
    from streams.client import Change, SharedScore


def watch(
    audience: Annotated[
        str | None, typer.Option(help="See only what citizens show this audience.")
    ] = None,
    citizen: Annotated[str | None, typer.Option(help="See only this citizen's.")] = None,
    *,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with the oldest that is kept.")
    ] = False,
) -> None:
    """Watch scores change, until stopped."""
    from streams.client import Subscriber

    chosen = settings.load()
    subscriber = Subscriber(
        **chosen.cluster,
        audience=audience,
        citizen=citizen,
        from_="start" if from_start else "end",
    )
    with suppress(KeyboardInterrupt), subscriber as changes:
        if show.words().is_terminal:
            show.say("Watching; Ctrl-C ends it.")
        for change in changes:
            if show.on_terminal():
                show.console().print(show.visible(_line(change)), markup=False)
            else:
                show.line(_readable(change, audience))


def _readable(change: "Change | SharedScore", audience: str | None) -> Any:
    topic = "score-changes" if audience is None else f"score-changes.{audience}"
    return fields.readable(fields.schema_of(topic), asdict(change))


def _line(change: "Change | SharedScore") -> str:
    from streams.client import Change

    if not isinstance(change, Change):
        shown = (
            "ended"
            if change.ended
            else " ".join(str(each) for each in (change.score, change.tier) if each is not None)
        )
        return f"{change.citizen_id}  {change.scorecard}  {shown}"
    if change.previous_score is None:
        moved = f"begins at {change.score}"
    else:
        moved = (
            f"{change.previous_score} -> {change.score} ({change.score - change.previous_score:+})"
        )
    tier = change.tier if change.tier == change.previous_tier else f"now {change.tier}"
    return (
        f"{show.when(change.as_of)}  {change.citizen_id}  {change.scorecard}  {moved}  {tier}"
        f"  {change.cause.kind}: {', '.join(change.reasons)}"
    )
