"""`plainscore dlq`: the records that were refused: which, why, and how to send them again."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams import dead_letters, settings
from streams.cli import fields, show
from streams.dead_letters import DeadLetter
from streams.errors import BadData, BadUsage
from streams.record import Record

if TYPE_CHECKING:
    from streams.cli.records import Records

dlq = typer.Typer(no_args_is_help=True, help="Records that were refused: list, show, send again.")

MASK = "•••"

Reason = Annotated[str | None, typer.Option(help="Only this reason.")]
From = Annotated[str | None, typer.Option("--topic", help="Only what came from this topic.")]


@dlq.command("ls")
def list_letters(
    reason: Reason = None,
    topic: From = None,
    *,
    each: Annotated[bool, typer.Option("--each", help="One row a record.")] = False,
) -> None:
    """List what was refused: how many records of each reason, topic and partition."""
    found = _letters(reason, topic)
    if each:
        show.rows(
            (_row(letter) for letter in found),
            ("letter", "reason", "topic", "partition", "offset", "sent_at", "detail"),
            empty="No dead letters.",
        )
        return
    groups: dict[tuple[str, str, int], list[DeadLetter]] = {}
    for letter in found:
        refused = letter.refused
        groups.setdefault((letter.reason, refused.topic, refused.partition), []).append(letter)
    show.rows(
        (
            {
                "reason": of_reason,
                "topic": of_topic,
                "partition": partition,
                "offset": min(letter.refused.offset for letter in letters),
                "count": len(letters),
                "letter": _name(letters[0]),
                "what_to_do": letters[0].sentence,
            }
            for (of_reason, of_topic, partition), letters in sorted(groups.items())
        ),
        ("reason", "topic", "partition", "offset", "count", "letter", "what_to_do"),
        empty="No dead letters.",
    )
    if groups and show.on_terminal():
        show.say("See one: `plainscore dlq show LETTER`.")


@dlq.command("show")
def show_letter(
    letter: Annotated[str, typer.Argument(help="PARTITION-OFFSET, as `dlq ls` names it.")],
    *,
    values: Annotated[
        bool, typer.Option("--values", help="Show the values too: they are somebody's.")
    ] = False,
) -> None:
    """Show one refused record: which field, and what was expected of it."""
    found = _letter(letter)
    refused = found.refused
    told = {
        **_row(found),
        "what_to_do": found.sentence,
        "key": _bytes(refused.key, values),
        "fields": _fields(refused, values),
    }
    if found.kept is not None:
        told["kept"] = found.kept
    show.result(told)
    if not values and show.on_terminal():
        show.say("Values are masked; --values shows them.")


@dlq.command("replay")
def replay(
    letters: Annotated[
        list[str], typer.Argument(help="PARTITION-OFFSET of each; none: all that match.")
    ] = [],  # noqa: B006 - typer copies it
    reason: Reason = None,
    topic: From = None,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Send them; without, only say what would be.")
    ] = False,
) -> None:
    """Send refused records again to where they came from, with their own time, after a fix.

    They go through every check again. Without --yes nothing is sent.
    """
    from streams.cli.records import Records

    chosen = settings.load()
    with Records(chosen) as records:
        if letters:
            found = [_find(records, letter) for letter in letters]
            found = [each for each in found if _matches(each, reason, topic)]
        else:
            found = list(_read(records, reason, topic))
        judged = [(each, _obstacle(records, each, chosen.max_record_bytes)) for each in found]
    ready = [each for each, obstacle in judged if obstacle is None]
    if yes and ready:
        from streams.cli.resend import resend

        resend(chosen, [each.refused for each in ready])
    show.rows(
        (
            {
                **_row(each),
                "replay": obstacle or ("sent" if yes else "would be sent"),
            }
            for each, obstacle in judged
        ),
        ("letter", "reason", "topic", "detail", "replay"),
        empty="No dead letter matches.",
    )
    still = len(judged) - len(ready)
    if not yes and ready:
        show.say(f"Nothing was sent. --yes sends {len(ready):,} of {len(judged):,} again.")
    elif ready:
        show.say(f"{len(ready):,} sent again, {still:,} left where they are.")
    if still:
        raise typer.Exit(1)


# ---- the letters


def _letters(reason: str | None, topic: str | None) -> list[DeadLetter]:
    from streams.cli.records import Records

    with Records(settings.load()) as records:
        return list(_read(records, reason, topic))


def _read(records: "Records", reason: str | None, topic: str | None) -> Iterator[DeadLetter]:
    if reason is not None and reason not in dead_letters.REASONS:
        raise BadUsage(
            f"There is no reason {reason!r}",
            where="--reason",
            next_step=f"They are {', '.join(dead_letters.REASONS)}.",
        )
    for record in records.read_all("dead-letters"):
        letter = dead_letters.read(record)
        if _matches(letter, reason, topic):
            yield letter


def _matches(letter: DeadLetter, reason: str | None, topic: str | None) -> bool:
    return reason in (None, letter.reason) and topic in (None, letter.refused.topic)


def _letter(name: str) -> DeadLetter:
    from streams.cli.records import Records

    with Records(settings.load()) as records:
        return _find(records, name)


def _find(records: "Records", name: str) -> DeadLetter:
    partition, dash, offset = name.partition("-")
    if not (dash and partition.isdecimal() and offset.isdecimal()):
        raise BadUsage(
            f"{name!r} names no dead letter",
            next_step="Take PARTITION-OFFSET from the column `letter` of `plainscore dlq ls`.",
        )
    if int(partition) < records.partitions("dead-letters"):
        record = next(records.read("dead-letters", int(partition), int(offset)), None)
        if record is not None and record.offset == int(offset):
            return dead_letters.read(record)
    raise BadData(
        f"There is no dead letter {name}",
        next_step="It may have expired: they are kept for 7 days. See `plainscore dlq ls --each`.",
    )


def _name(letter: DeadLetter) -> str:
    return f"{letter.partition}-{letter.offset}"


def _row(letter: DeadLetter) -> dict[str, Any]:
    refused = letter.refused
    return {
        "letter": _name(letter),
        "reason": letter.reason,
        "topic": refused.topic,
        "partition": refused.partition,
        "offset": refused.offset,
        "sent_at": show.when(refused.timestamp),
        "detail": letter.detail,
    }


# ---- what is in them


def _fields(refused: Record, values: bool) -> Any:
    """The record's fields, masked unless asked for; bytes that cannot be read as their length."""
    from streams.codec import Undecodable, decode, schema
    from streams.topics import INPUTS

    if refused.topic not in INPUTS:
        return _bytes(refused.value, values)
    try:
        decoded = decode(refused.topic, refused.value)
    except Undecodable:
        return _bytes(refused.value, values)
    read = fields.readable(schema(refused.topic), decoded)
    return read if values else _masked(read)


def _masked(value: Any) -> Any:
    """The same shape, with every value hidden."""
    if isinstance(value, dict):
        return {name: _masked(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked(part) for part in value]
    return None if value is None else MASK


def _bytes(value: bytes | None, shown: bool) -> str | None:
    if value is None:
        return None
    if not shown:
        return f"{MASK} ({len(value):,} bytes)"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    return text if text.isprintable() and text else f"0x{value.hex()}"


# ---- whether they would pass now


def _obstacle(records: "Records", letter: DeadLetter, largest: int) -> str | None:
    """Why a record would be refused again, or must not be sent again; None: nothing known."""
    from streams.given import read
    from streams.topics import GATE, INPUTS

    refused = letter.refused
    if letter.bare:
        return "its bytes were not kept: read them where they were sent, and send them again"
    if refused.topic not in INPUTS:
        return "it does not say which topic it came from"
    refusal = read(refused, largest, None).refusal
    if refusal is not None:
        return f"refused again: {refusal[0]}"
    if refused.topic in GATE and refused.key is not None:
        newest = records.latest(refused.topic, refused.key)
        if newest is not None and newest.timestamp >= refused.timestamp:
            return "left: a newer one is in force, which this would undo"
    return None
