"""What a citizen decides: consent, share, dispute, erase; and the source's corrections."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import typer

from streams import settings
from streams.cli import fields, show
from streams.errors import BadData, BadUsage, Unreachable
from streams.scoring.recount import EventRef, Ledger
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.cli.records import Records
    from streams.client import About, Grant, Publisher

RECEIPT_WITHIN = 60.0  # seconds that erase waits for a receipt

Citizen = Annotated[str, typer.Argument(help="The citizen's id.")]

disputes = typer.Typer(no_args_is_help=True, help="Open, withdraw or decide a dispute.")


def consent(
    citizen: Citizen,
    grant: Annotated[
        list[str],
        typer.Option(metavar="SCORECARD:KIND,KIND[:FROM]", help="May be given several times."),
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Put a consent in force, or show the one that is.

    The grants given are the whole list: what is stored and no longer covered is erased. Without
    FROM, a scorecard that was granted before keeps its date, if it had one only, and a new one
    begins now.
    """
    from streams.cli.records import Records

    chosen = settings.load()
    with Records(chosen) as records:
        before = _in_force(records, "consents", citizen, "grants")
    if not grant:
        _show_list("consents", "grants", before, f"No consent of {citizen} is on record.")
        return
    grants = [_grant(each, before) for each in grant]
    with _publisher(chosen) as publisher:
        publisher.consent(citizen, grants)
    _show_list("consents", "grants", grants, "")
    kept = {each["scorecard"] for each in grants}
    for left in before:
        if left["scorecard"] not in kept:
            show.say(f"No longer granted: {left['scorecard']}. What only it covered is erased.")


def share(
    citizen: Citizen,
    audience: Annotated[str | None, typer.Option(help="Who may see it.")] = None,
    reveals: Annotated[str, typer.Option(help="tier, score, or both with a comma.")] = "tier",
    until: Annotated[
        str | None, typer.Option(help="Until when: 2031-01-01 is its midnight, UTC.")
    ] = None,
    *,
    end: Annotated[bool, typer.Option("--end", help="End the share with this audience.")] = False,
) -> None:
    """Let an audience see a tier or a score until a day, end that, or show what is shared."""
    from streams.cli.records import Records
    from streams.topics import audience_topic, full_name

    if audience is None and (end or until is not None):
        raise BadUsage(
            "It is not said whose share this is",
            where="--audience",
            next_step="Name the audience: --audience bank. Without options, the shares are shown.",
        )
    ends_at = None if until is None else _to_come(until)
    chosen = settings.load()
    with Records(chosen) as records:
        shares = _in_force(records, "shares", citizen, "shares")
        consented = _in_force(records, "consents", citizen, "grants")
        topics = records.topics
    if audience is None:
        _show_list("shares", "shares", shares, f"{citizen} shares nothing.")
        return
    others = [each for each in shares if each["audience"] != audience]
    if end and len(others) == len(shares):
        raise BadData(f"{citizen} shares nothing with {audience}", next_step="There is no share.")
    if not end:
        if ends_at is None:
            raise BadUsage(
                "A share needs an end",
                where="--until",
                next_step="Say until when: --until 2031-01-01.",
            )
        if full_name(audience_topic(audience).name, chosen.prefix) not in topics:
            raise BadData(
                f"No audience {audience!r} is set up",
                next_step="The operator names it in PLAINSCORE_AUDIENCES, for the workers too, "
                "and runs `plainscore topics apply`.",
            )
        if not consented:  # a worker would drop it, and nobody would hear of that
            raise BadData(
                f"No consent of {citizen} is on record, so there is nothing to share",
                next_step=f"First: plainscore consent {citizen} --grant SCORECARD:KIND.",
            )
        others.append(
            {
                "audience": audience,
                "reveals": [each.strip() for each in reveals.split(",")],
                "until": ends_at,
            }
        )
    with _publisher(chosen) as publisher:
        publisher.share(citizen, others)
    _show_list("shares", "shares", others, f"{citizen} shares nothing now.")


def erase(
    citizen: Citizen,
    *,
    wait: Annotated[bool, typer.Option(help="Wait for the receipt and print it.")] = True,
) -> None:
    """Withdraw every consent: all that is stored of the citizen is erased, with a receipt."""
    from streams.cli.records import Records
    from streams.codec import decode, schema

    chosen = settings.load()
    with Records(chosen) as records:
        ends = records.ends("receipts") if wait else {}
        with _publisher(chosen) as publisher:
            receipt_id = publisher.withdraw(citizen)
        if not wait:
            show.result({"receipt_id": receipt_id})
            show.say("The withdrawal is on record. The receipt comes when all is erased.")
            return
        with show.waiting("Withdrawn. Waiting for the receipt"):
            record = records.wait_for("receipts", receipt_id.encode(), ends, RECEIPT_WITHIN)
    if record is None:
        raise Unreachable(
            f"The withdrawal is on record, and no receipt came within {RECEIPT_WITHIN:.0f} s",
            where=f"receipt {receipt_id}",
            next_step="See that a worker runs (`plainscore worker`); it erases as soon as it does.",
        )
    show.result(fields.readable(schema("receipts"), decode("receipts", record.value)))


@disputes.command("open")
def open_dispute(
    citizen: Citizen,
    event_id: Annotated[str, typer.Argument(help="The event's id.")],
    *,
    statement: Annotated[str, typer.Option(help="Your own words, up to 500 characters.")] = "",
    kind: Annotated[str | None, typer.Option(help="If several events have this id.")] = None,
    source: Annotated[str | None, typer.Option(help="If several events have this id.")] = None,
    at: Annotated[str | None, typer.Option(help="The event's time, if it is not stored.")] = None,
) -> None:
    """Open a dispute about an event: it stops counting at once, until decided."""
    chosen = settings.load()
    about = _about(chosen, citizen, event_id, Told(kind, source, at))
    with _publisher(chosen) as publisher:
        dispute_id = publisher.dispute(citizen, about, statement=statement)
    show.result({"dispute_id": dispute_id, "about": _readable_about(about)})
    show.say("Open. Undecided within 30 days, it ends in the citizen's favour.")


def _decide(action: str, words: str) -> None:
    """Add the command for one further step of a dispute."""

    def step(
        citizen: Citizen,
        dispute_id: Annotated[str, typer.Argument(help="What opening it gave.")],
        *,
        event_id: Annotated[str | None, typer.Option(help="If the dispute is not stored.")] = None,
        kind: Annotated[str | None, typer.Option(help="If the dispute is not stored.")] = None,
        source: Annotated[str | None, typer.Option(help="If the dispute is not stored.")] = None,
        at: Annotated[str | None, typer.Option(help="If the dispute is not stored.")] = None,
    ) -> None:
        chosen = settings.load()
        if event_id is None:
            about = _disputed(chosen, citizen, dispute_id)
        else:
            about = _about(chosen, citizen, event_id, Told(kind, source, at))
        with _publisher(chosen) as publisher:
            publisher.dispute(citizen, about, action=action, dispute_id=dispute_id)
        show.result({"dispute_id": dispute_id, "action": action, "about": _readable_about(about)})

    step.__doc__ = words
    disputes.command(action)(step)


_decide("withdraw", "Withdraw a dispute: the event counts again.")
_decide("uphold", "Decide for the citizen: the event goes.")
_decide("reject", "Decide that the event stays and counts.")


def correct(
    citizen: Citizen,
    event_id: Annotated[str, typer.Argument(help="The event's id.")],
    set_: Annotated[
        list[str], typer.Option("--set", metavar="FIELD=VALUE", help="What it should say.")
    ] = [],  # noqa: B006
    *,
    retract: Annotated[bool, typer.Option("--retract", help="It never happened.")] = False,
    kind: Annotated[str | None, typer.Option(help="If several events have this id.")] = None,
    source: Annotated[str | None, typer.Option(help="If several events have this id.")] = None,
    at: Annotated[str | None, typer.Option(help="The event's time, if it is not stored.")] = None,
) -> None:
    """Correct an event as its source: replace fields of it, or retract it."""
    if retract == bool(set_):
        raise BadUsage(
            "A correction either replaces fields or retracts the event",
            next_step="Give --set FIELD=VALUE, or --retract.",
        )
    texts = fields.pairs(set_, "--set")
    _replaceable(texts)
    replaced = fields.from_texts("corrections", texts)
    chosen = settings.load()
    about = _about(chosen, citizen, event_id, Told(kind, source, at))
    with _publisher(chosen) as publisher:
        correction_id = publisher.correct(citizen, about, None if retract else replaced)
    show.result({"correction_id": correction_id, "about": _readable_about(about)})


# ---- what the commands are told, and what is on record


def _publisher(chosen: Settings) -> "Publisher":
    from streams.client import Publisher

    return Publisher(**chosen.cluster)


def _in_force(records: "Records", topic: str, citizen: str, list_: str) -> list[Any]:
    """The list that the citizen's last record of a compacted topic puts in force."""
    from streams.codec import Undecodable, decode

    record = records.latest(topic, citizen.encode())
    if record is None:
        return []
    try:
        found: list[Any] = decode(topic, record.value)[list_]
    except Undecodable:
        return []
    return found


def _to_come(until: str) -> int:
    """Read when a share ends; one that has ended already would show nothing to anybody."""
    ends_at = fields.moment(until, "--until")
    if ends_at <= show.now():
        raise BadUsage(
            f"The share would be over already: it would end at {show.when(ends_at)}",
            where="--until",
            next_step="Name a time to come, or --end a share that there is.",
        )
    return ends_at


def _grant(text: str, before: list["Grant"]) -> "Grant":
    """Read SCORECARD:KIND,KIND[:FROM]."""
    scorecard, _, rest = text.partition(":")
    kinds, _, start = rest.partition(":")
    named = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    if not scorecard or not named:
        raise BadUsage(
            f"{text!r} is no grant",
            where="--grant",
            next_step="Write it like everyday:purchases,payments or everyday:purchases:2024-01-01.",
        )
    if start:
        covers_from = fields.moment(start, "--grant")
    else:
        known = {cast(int, g["covers_from"]) for g in before if g["scorecard"] == scorecard}
        if len(known) > 1:  # the earliest would allow more than was, the latest would erase
            raise BadUsage(
                f"{scorecard} was granted from several dates",
                where="--grant",
                next_step=f"Say from when: {text}:{show.when(min(known))}.",
            )
        covers_from = min(known, default=show.now())
    return {"scorecard": scorecard, "kinds": named, "covers_from": covers_from}


def _replaceable(texts: Mapping[str, str]) -> None:
    """Refuse a name that no kind of event has; whether the event's kind has it, Publisher says.

    And a text that is empty: it would replace nothing, and undo what was corrected before.
    """
    from streams.kinds import kinds

    offered = dict.fromkeys(name for kind in kinds().values() for name in kind.fields)
    for name, text in texts.items():
        if name not in offered:
            raise BadUsage(
                f"A correction cannot replace {name!r}",
                where="--set",
                next_step=f"It replaces {', '.join(offered)}.",
            )
        if not text.strip():
            raise BadUsage(
                f"A correction cannot empty {name!r}",
                where="--set",
                next_step="Say what it should be, or --retract the event and send one anew.",
            )


class Told(NamedTuple):
    """What a command was told of an event besides its id."""

    kind: str | None
    source: str | None
    at: str | None


def _about(chosen: Settings, citizen: str, event_id: str, told: Told) -> "About":
    """Name an event whole: from what was told, and the ledger for the rest."""
    kind, source, at = told
    if kind and source and at:
        return _named(EventRef(kind, source, event_id), fields.moment(at, "--at"))
    found = [
        (event, entry.fact.occurred_at)
        for event, entry in _ledger(chosen, citizen).items()
        if event.event_id == event_id
        and kind in (None, event.kind)
        and source in (None, event.source)
        and entry.fact is not None
    ]
    if len(found) != 1:
        several = ", ".join(f"{event.kind} of {event.source!r}" for event, _ in found)
        raise BadData(
            f"{citizen} has {len(found) or 'no'} stored events {event_id!r}"
            + (f": {several}" if several else ""),
            next_step="Name it by --kind and --source."
            if found
            else "See `plainscore export`, or name it whole: --kind, --source and --at.",
        )
    ((event, occurred_at),) = found
    return _named(event, fields.moment(at, "--at") if at else occurred_at)


def _named(event: EventRef, occurred_at: int) -> "About":
    return {
        "kind": event.kind,
        "source": event.source,
        "event_id": event.event_id,
        "occurred_at": occurred_at,
    }


def _disputed(chosen: Settings, citizen: str, dispute_id: str) -> "About":
    """The event that a stored dispute is about."""
    for event, entry in _ledger(chosen, citizen).items():
        for stored_id, named in entry.disputes:
            if stored_id == dispute_id:
                return _named(event, named)
    raise BadData(
        f"{citizen} has no stored dispute {dispute_id!r}",
        next_step="Name its event: --event-id, --kind, --source and --at.",
    )


def _ledger(chosen: Settings, citizen: str) -> Ledger:
    from streams.client import Reader

    with Reader(**chosen.cluster) as reader:
        return reader.citizen_ledger(citizen)


def _readable_about(about: "About") -> dict[str, Any]:
    return {**about, "occurred_at": show.when(cast(int, about["occurred_at"]))}


def _show_list(topic: str, list_: str, found: Sequence[Any], empty: str) -> None:
    from streams.codec import schema

    (type_,) = (f["type"] for f in schema(topic)["fields"] if f["name"] == list_)
    show.rows(
        fields.readable(type_, found), [f["name"] for f in type_["items"]["fields"]], empty=empty
    )
