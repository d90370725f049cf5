"""`plainscore publish`: a file of events into their topic, row by row; bad rows stop no other."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from streams import settings
from streams.cli import show
from streams.cli.rows import Mapped, Row, Source, form_of, opened, rows
from streams.dead_letters import REASONS
from streams.errors import BadData, BadUsage, PlainscoreError, Unreachable
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.client import Publisher

SHOWN_LINES = 5  # of each reason
SHOWN_REASONS = 20


@dataclass
class Summary:
    """How many rows went out, and which were refused for what."""

    sent: int = 0
    refused: int = 0
    reasons: dict[str, list[int | None]] = field(default_factory=dict)  # what was wrong -> lines
    examples: dict[str, PlainscoreError] = field(default_factory=dict)

    def refuse(self, line: int | None, error: PlainscoreError) -> None:
        """Note a row that was not sent; piped, say so at once. No line: Kafka does not say."""
        self.refused += 1
        told = error.what.partition(", and is ")[0]  # the same reason, whatever the value
        self.reasons.setdefault(told, []).append(line)
        self.examples.setdefault(told, error)
        if not show.on_terminal():
            show.note({"line": line, "refused": error.what, "what_to_do": _advice(error)})


def _advice(error: PlainscoreError) -> str | None:
    """What to do, in the words of the worker's reason if it would refuse it for one."""
    return REASONS.get(error.where) or error.next_step or None


def publish(
    topic: Annotated[str, typer.Argument(help="purchases, fines, payments, consents, ...")],
    file: Annotated[Path, typer.Argument(help="An NDJSON or CSV file; - for stdin.")],
    *,
    map_: Annotated[
        list[str], typer.Option("--map", metavar="FIELD=COLUMN", help="Which column a field is in.")
    ] = [],  # noqa: B006 - typer copies it
    set_: Annotated[
        list[str],
        typer.Option("--set", metavar="FIELD=VALUE", help="The same value for every row."),
    ] = [],  # noqa: B006
    form: Annotated[
        str | None, typer.Option("--format", help="ndjson or csv, if the name does not tell.")
    ] = None,
    natural_key: Annotated[
        bool,
        typer.Option(
            "--natural-key", help="Make event_id of a row's content: sending again changes nothing."
        ),
    ] = False,
) -> None:
    """Publish a file of events, one a line. Exit code 1 if any row was refused.

    Times are ISO 8601 with a zone, a day, or ms since 1970. `amount` stands for amount_minor in
    whole units (12.99). Columns named like a field need no --map.
    """
    from streams.cli import fields
    from streams.client import Publisher

    _takes_records(topic)
    columns, constants = fields.pairs(map_, "--map"), fields.pairs(set_, "--set")
    fields.known(topic, list(columns), "--map")
    fields.known(topic, list(constants), "--set")
    mapped = Mapped(topic, columns, constants)
    chosen = settings.load()
    with opened(file) as source:
        form = form_of(file, form, mapped)
        with Publisher(**chosen.cluster) as publisher, _progress(source, topic) as seen:
            sender = Sender(publisher, topic, chosen, natural_key=natural_key)
            for row in rows(source, form, mapped):
                sender.send(row)
                seen(sender.summary)
            sender.finish()
    _tell(topic, sender.summary)
    if sender.summary.refused:
        raise typer.Exit(1)


def _takes_records(topic: str) -> None:
    from streams.topics import INPUTS

    takes = [name for name in INPUTS if name != "ticks"]
    if topic in takes:
        return
    instead = {"ticks": "`plainscore tick`", "scorecards": "`plainscore scorecard publish`"}
    close = difflib.get_close_matches(topic, takes, 1)
    hint = f"Use {instead[topic]}." if topic in instead else f"They are {', '.join(takes)}."
    raise BadUsage(
        f"{topic!r} is no topic that takes records",
        where="TOPIC",
        next_step=(f"Did you mean {close[0]}? " if close else "") + hint,
    )


class Sender:
    """Hands rows to a publisher; what it refuses is noted, and the rest goes on."""

    def __init__(
        self, publisher: "Publisher", topic: str, chosen: Settings, *, natural_key: bool
    ) -> None:
        self.summary = Summary()
        self._natural_key = natural_key
        self._publisher = publisher
        self._topic = topic
        self._largest = chosen.max_record_bytes

    def send(self, row: Row) -> None:
        """Send one row, or note why not. Raises Unreachable, saying how far it came."""
        if isinstance(row.values, PlainscoreError):
            self.summary.refuse(row.line, row.values)
            return
        try:
            if row.size > self._largest // 2:  # Avro is smaller than text, but for very long ids
                self._hold_to_size(row.values)
            self._publish(row.values)
        except BadData as error:
            self.summary.refuse(row.line, error)
        except Unreachable as error:
            sent = self.summary.sent
            raise Unreachable(
                f"{error.what}; {sent:,} rows were handed over before line {row.line:,}",
                where=error.where,
                next_step=f"{error.next_step} Then publish the whole file again: "
                "what arrived the first time changes nothing.",
            ) from error
        else:
            self.summary.sent += 1

    def finish(self) -> None:
        """Wait for Kafka's word on every row."""
        try:
            self._publisher.flush()
        except BadData as error:
            self._lost(error)

    def _publish(self, values: dict[str, Any]) -> None:
        try:
            self._publisher.publish(self._topic, values, natural_key=self._natural_key)
        except BadData as error:
            if not error.where.startswith("brokers"):
                raise
            self._lost(error)  # Kafka's word on an earlier row: this one did not go out
            self._publisher.publish(self._topic, values, natural_key=self._natural_key)

    def _lost(self, error: BadData) -> None:
        """Note a row that Kafka refused after it was handed over; it does not say which."""
        self.summary.sent -= 1
        self.summary.refuse(None, error)

    def _hold_to_size(self, values: dict[str, Any]) -> None:
        from streams.client.shape import shaped
        from streams.codec import encode

        shape = shaped(self._topic, {"event_id": "", **values} if self._natural_key else values)
        size = len(encode(self._topic, shape)) + len(shape["citizen_id"].encode())
        if size > self._largest:
            raise BadData(
                f"{self._topic}: at most {self._largest:,} bytes expected",
                where="oversized",
                next_step=REASONS["oversized"],
            )


@contextmanager
def _progress(source: Source, topic: str) -> Iterator[Any]:
    """A bar on a terminal, fed every thousand rows; nothing when piped."""
    if not show.words().is_terminal:
        yield lambda _: None
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[sent]:,} sent, {task.fields[refused]:,} refused"),
        TimeRemainingColumn(),
        console=show.words(),
        transient=True,
    )
    with bar:
        task = bar.add_task(topic, total=source.size, sent=0, refused=0)

        def seen(summary: Summary) -> None:
            if (summary.sent + summary.refused) % 1000 == 0:
                bar.update(task, completed=source.read, sent=summary.sent, refused=summary.refused)

        yield seen


def _tell(topic: str, summary: Summary) -> None:
    if not show.on_terminal():
        show.note({"topic": topic, "sent": summary.sent, "refused": summary.refused})
        return
    show.say(f"{summary.sent:,} sent to {topic}, {summary.refused:,} refused.")
    if not summary.refused:
        return
    by_count = sorted(summary.reasons, key=lambda reason: -len(summary.reasons[reason]))
    show.rows(
        (
            {
                "rows": len(summary.reasons[reason]),
                "lines": _some(summary.reasons[reason]),
                "what_was_wrong": summary.examples[reason].what,
                "what_to_do": _advice(summary.examples[reason]),
            }
            for reason in by_count[:SHOWN_REASONS]
        ),
        ("rows", "lines", "what_was_wrong", "what_to_do"),
    )
    if len(by_count) > SHOWN_REASONS:
        show.say(f"and {len(by_count) - SHOWN_REASONS} more reasons; pipe it to see every row.")


def _some(lines: list[int | None]) -> str:
    shown = ", ".join("?" if line is None else f"{line:,}" for line in lines[:SHOWN_LINES])
    return shown + (", ..." if len(lines) > SHOWN_LINES else "")
