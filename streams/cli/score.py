"""What is known of one citizen: score, explanation in words, what-if, and everything held.

All of it is read from the topics themselves, so no worker needs to run.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams import settings
from streams.cli import fields, show
from streams.errors import BadData, BadUsage
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.client import Change, Reader, Stored
    from streams.scoring.citizen import Account
    from streams.scoring.explain import Explanation
    from streams.scoring.ledger import Entry
    from streams.scoring.recount import EventRef
    from streams.scoring.scorecard import Scorecard

Citizen = Annotated[str, typer.Argument(help="The citizen's id.")]
Only = Annotated[str | None, typer.Option("--scorecard", help="Only this scorecard.")]
Pages = Mapping[tuple[str, int], "Scorecard | BadData"]


def score(citizen: Citizen) -> None:
    """Show a citizen's scores: tier, perks, as of when, and when its period next turns."""
    chosen = settings.load()
    terminal = show.on_terminal()
    with _reader(chosen) as reader:
        stored = _stored(reader, citizen)
        pages = _pages(reader, chosen)
        changes = reader.citizen_changes(citizen) if terminal else []
    shown = show.brief if terminal else show.when
    show.rows(
        (
            {
                "citizen": citizen,
                "scorecard": account.key.scorecard,
                "version": account.version,
                "score": account.score,
                "tier": account.tier,
                "perks": list(_page(pages, account).perks_of(account.tier)),
                "as_of": shown(stored.citizen.as_of),
                "next_turn": shown(_turn(stored, _page(pages, account))),
            }
            | ({"last_week": _course(changes, account)} if terminal else {})
            for account in _accounts(stored)
        ),
        ("scorecard", "version", "score", "tier", "perks", "as_of", "next_turn", "last_week"),
        empty=f"{citizen} has consented, and no scorecard that was granted is published.",
    )


def explain(citizen: Citizen, scorecard: Only = None) -> None:
    """Explain a citizen's scores in words: every point, and where it comes from."""
    from streams.scoring.explain import explain, in_words

    chosen = settings.load()
    with _reader(chosen) as reader:
        stored = _stored(reader, citizen)
        pages = _pages(reader, chosen)
    for account in _accounts(stored, scorecard):
        page = _page(pages, account)
        found = explain(stored.citizen, stored.ledger, stored.citizen.as_of, page)
        if show.on_terminal():
            _lay_out(found, in_words(found))
        else:
            show.line(_readable(citizen, found) | {"words": in_words(found)})
        if found.score != account.score:
            show.say(f"The published score is still {account.score}: a worker is at it.")


def what_if(
    citizen: Citizen,
    add: Annotated[
        list[str],
        typer.Option(metavar="'KIND FIELD=VALUE ...'", help="An event; may be given again."),
    ],
    scorecard: Only = None,
) -> None:
    """Show what further events would make of a citizen's scores. Nothing is sent or stored.

    Left out, an event's time is the citizen's `as of`, its currency the scorecard's.
    """
    from streams.scoring.explain import what_if

    chosen = settings.load()
    with _reader(chosen) as reader:
        stored = _stored(reader, citizen)
        pages = _pages(reader, chosen)
    as_of = stored.citizen.as_of
    for account in _accounts(stored, scorecard):
        page = _page(pages, account)
        events = [_event(text, n, citizen, as_of, page) for n, text in enumerate(add, 1)]
        now, then = what_if(stored.citizen, stored.ledger, events, as_of, page)
        changes = [
            {"characteristic": name, "points": points, "would_be": then.contributions[name]}
            for name, points in now.contributions.items()
            if points != then.contributions[name]
        ]
        told = {
            "citizen": citizen,
            "scorecard": page.id,
            "score": now.score,
            "would_be": then.score,
            "tier": now.tier,
            "tier_would_be": then.tier,
            "as_of": show.when(as_of),
        }
        if not show.on_terminal():
            show.line(told | {"changes": changes})
            continue
        show.result(told)
        show.rows(changes, ("characteristic", "points", "would_be"), empty="No part would change.")


def export(citizen: Citizen) -> None:
    """Print everything that is held of a citizen, as one JSON document."""
    from streams.cli.held import held

    with show.waiting("Reading all topics"):
        found = held(settings.load(), citizen)
    show.document(found)


# ---- what is read


def _reader(chosen: Settings) -> "Reader":
    from streams.client import Reader

    return Reader(**chosen.cluster)


def _stored(reader: "Reader", citizen: str) -> "Stored":
    stored = reader.citizen(citizen)
    if stored is None:
        raise BadData(
            f"Nothing is stored of {citizen!r}: no consent is in force",
            next_step="See `plainscore consent`. If one was just given, a worker must read it.",
        )
    return stored


def _pages(reader: "Reader", chosen: Settings) -> Pages:
    """Every published scorecard by id and version, or why it cannot be read here."""
    from streams import scorecards

    pages: dict[tuple[str, int], Scorecard | BadData] = {}
    for each in reader.published_scorecards():
        try:
            page: Scorecard | BadData = scorecards.read(each.document, chosen.horizon_days)
        except BadData as refused:
            page = refused
        pages[each.id, each.version] = page
    return pages


def _page(pages: Pages, account: "Account") -> "Scorecard":
    named = (account.key.scorecard, account.version)
    page = pages.get(named)
    if page is None:
        raise BadData(
            f"The scorecard {named[0]} version {named[1]} is not published on this broker",
            next_step="Check PLAINSCORE_PREFIX, and `plainscore scorecard list`.",
        )
    if isinstance(page, BadData):  # the worker that scored by it did read it
        why = getattr(page.__cause__, "problems", [page.what])[0]
        raise BadUsage(
            f"The scorecard {named[0]} version {named[1]} cannot be read here as workers do: {why}",
            next_step="Set PLAINSCORE_HORIZON_DAYS to theirs, or use their version of plainscore.",
        ) from page
    return page


def _accounts(stored: "Stored", only: str | None = None) -> list["Account"]:
    accounts = [each for key, each in stored.citizen.accounts.items() if not key.shadow]
    if only is None:
        return accounts
    chosen = [each for each in accounts if each.key.scorecard == only]
    if not chosen:
        granted = ", ".join(each.key.scorecard for each in accounts) or "none"
        raise BadData(
            f"{stored.citizen.id} is not scored by {only!r}", next_step=f"Scored by: {granted}."
        )
    return chosen


def _turn(stored: "Stored", page: "Scorecard") -> int:
    """When the citizen's next period begins, in ms: what ages then counts less."""
    from streams.scoring.totals import offset_of, period_of, start_of

    offset = offset_of(stored.citizen.id, page.period_ms)
    period = period_of(stored.citizen.as_of, offset, page.period_ms)
    return start_of(period + 1, offset, page.period_ms)


def _course(changes: Sequence["Change"], account: "Account") -> str:
    """The scores of the last changes, as a sparkline."""
    scores = [each.score for each in changes if each.scorecard == account.key.scorecard]
    return show.sparkline(scores[-30:])


def _event(
    text: str, number: int, citizen: str, as_of: int, page: "Scorecard"
) -> tuple["EventRef", "Entry"]:
    """Read 'KIND FIELD=VALUE ...' as an event of the citizen's ledger."""
    from streams import validity
    from streams.client.shape import shaped
    from streams.kinds import kinds
    from streams.scoring.ledger import content_of, fact
    from streams.scoring.recount import EventRef

    try:
        kind, *rest = shlex.split(text) or [""]
    except ValueError as error:
        raise BadUsage(
            f"{text!r} is no event: {error}",
            where="--add",
            next_step="Write it like 'purchases category=\"old books\" amount=12.99'.",
        ) from None
    if kind not in kinds():
        raise BadUsage(
            f"{kind!r} is no kind of event",
            where="--add",
            next_step=f"Begin with one of {', '.join(kinds())}.",
        )
    given = fields.pairs(rest, f"--add {kind}")
    fields.known(kind, list(given), "--add")
    values = {
        "event_id": f"what-if-{number}",
        "source": "what-if",
        "citizen_id": citizen,
        "occurred_at": as_of,
        "currency": page.currency,
        **fields.from_texts(kind, {"currency": page.currency, **given}),
    }
    shape = shaped(kind, values)
    problem = validity.problem(kind, shape, max(show.now(), as_of))
    if problem is not None:
        raise BadData(f"{kind}: {problem[1]}", where=problem[0], next_step="Mend it and ask again.")
    content = content_of(kinds()[kind], shape)
    ref = EventRef(kind, shape["source"], shape["event_id"])
    return ref, fact(shape["occurred_at"], content)


def _readable(citizen: str, found: "Explanation") -> dict[str, Any]:
    """An explanation as JSON: times for people, events by their names."""
    return {
        "citizen": citizen,
        **found._asdict(),
        "as_of": show.when(found.as_of),
        "next_turn": show.when(found.next_turn),
        "parts": [
            {**part._asdict(), "events": [ref._asdict() for ref in part.events]}
            for part in found.parts
        ],
        "next_tier": found.next_tier and found.next_tier._asdict(),
        "left_out": [{**ref._asdict(), "why": why} for ref, why in found.left_out],
    }


def _lay_out(found: "Explanation", words: Sequence[str]) -> None:
    lines = show.console()
    lines.print(f"{found.scorecard}, version {found.version}", style="bold", markup=False)
    for sentence in words:
        lines.print(show.visible(sentence), markup=False)
    rows = [{"points": found.base, "part": "base", "events": None}]
    rows += [
        {"points": part.points, "part": part.characteristic, "events": len(part.events)}
        for part in found.parts
    ]
    rows += [{"points": found.clamp, "part": "clamp", "events": None}]
    show.rows(rows, ("points", "part", "events"))
    lines.print(
        f"As of {show.brief(found.as_of)}. What is older counts less "
        f"from {show.brief(found.next_turn)} on.\n",
        markup=False,
    )
