"""Random histories, and what must come of them, worked out naively from the records alone.

Nothing here asks `process` or the core what is right: gate, time, horizon and disputes are done
again in the plainest way, from the design's words. Only `recount` and `gather`, the oracle, are
the project's own.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from streams.published import Published
from streams.scorecards import read
from streams.scoring.citizen import Grant
from streams.scoring.ledger import Correction, Dispute, Entry, Fact
from streams.scoring.recount import EventRef, gather
from streams.scoring.scorecard import Scorecard
from streams.scoring.totals import offset_of
from streams.topics import partition_of

DAY = 24 * 60 * 60 * 1000
START = 19_740 * DAY  # 2024-01-18, where a period of 10 and one of 7 days begin, before the offset
HORIZON = 50 * DAY  # as short as the windows of the scorecards below allow
PARTITIONS = 2
CITIZENS = ("anna-x", "dora-x", "zoë-x")  # dora has a partition of her own
DEFAULTS = {"quantity": 1}
FIELDS = {
    "purchases": ("category", "amount_minor", "currency", "quantity"),
    "fines": ("offence", "severity", "amount_minor", "currency"),
    "payments": ("obligation", "amount_minor", "currency", "due_on", "paid_on"),
}


# ---- scorecards with short windows, so that a short history meets every edge


def _page(head: str, rows: Iterable[str], tiers: str) -> Scorecard:
    listed = "".join(
        f"  - {{id: {name}, dimension: d, reads: {reads}, {where}measure: {measure}, "
        f"max_per_event: {most}, window: {window}, ageing: {ageing}, points: {points}, "
        f"reason: Because of {name}.}}\n"
        for name, reads, where, measure, most, window, ageing, points in (
            [part.strip() for part in row.split("|")] for row in rows
        )
    )
    return read(
        f"{head}\ncurrency: USD\npurpose: For tests.\none_event_costs_at_most: 600\n"
        f"characteristics:\n{listed}tiers: {tiers}\nperks:\n"
        "  - {id: first, tier: middle, text: You can a.}\n"
        "  - {id: second, tier: top, text: You can b.}\n",
        HORIZON // DAY,
    )


def _date(days: int) -> str:
    return (datetime.fromtimestamp(START / 1000, UTC) + timedelta(days=days)).date().isoformat()


ALPHA = (
    "money|purchases||amount|5000|2|flat|[[0, 0], [700, 33], [3000, 100]]",
    "books|purchases|where: {category: {in: [books]}}, |count|1|4|linear|[[0, 0], [1, 5], [3, 40]]",
    "things|purchases||quantity|5|3|linear|[[0, 0], [4, -7], [9, 50]]",
    "fines|fines|where: {severity: {not_in: [minor]}}, |count|1|4|linear|"
    "[[0, 0], [1, -50], [3, -170]]",
    "late|payments||days_late|30|3|linear|[[0, 0], [7, -20], [30, -50]]",
    "missed|payments||missed|1|2|flat|[[0, 0], [1, -60]]",
)
TIERS = "[{id: low, from: 350}, {id: middle, from: 580}, {id: top, from: 620}]"
_SCORECARDS = (
    _page(
        f"id: alpha\nversion: 1\neffective_from: {_date(-300)}\nbase: 600\n"
        "range: [350, 720]\nperiod: 10",
        ALPHA,
        TIERS,
    ),
    _page(
        f"id: alpha\nversion: 2\neffective_from: {_date(40)}\nbase: 610\n"
        "range: [350, 700]\nperiod: 7",
        (
            ALPHA[3],
            "spent|purchases||amount|10000|5|linear|[[0, 0], [1000, 41], [2000, 30]]",
            "on_time|payments|where: {outcome: {in: [on_time]}}, |count|1|2|flat|[[0, 0], [2, 31]]",
        ),
        "[{id: low, from: 350}, {id: middle, from: 600}, {id: top, from: 640}]",
    ),
    _page(
        f"id: beta\nversion: 1\neffective_from: {_date(-300)}\nbase: 950\n"
        "range: [350, 950]\nperiod: 7",
        (
            "parking|fines|where: {offence: {in: [parking]}}, |count|1|5|linear|[[0, 0], [3, -20]]",
            "severe|fines|where: {severity: {in: [severe]}}, |count|1|6|flat|[[0, 0], [1, -200]]",
        ),
        "[{id: low, from: 350}, {id: middle, from: 760}, {id: top, from: 940}]",
    ),
    _page(
        f"id: beta\nversion: 2\neffective_from: {_date(30)}\nshadow: true\nbase: 900\n"
        "range: [350, 950]\nperiod: 10",
        ("fined|fines||amount|9000|3|linear|[[0, 0], [100, -1], [9000, -95]]",),
        "[{id: low, from: 350}, {id: middle, from: 850}, {id: top, from: 900}]",
    ),
)


def published() -> Published:
    held = Published()
    for scorecard in _SCORECARDS:
        held.add(scorecard)
    return held


def in_force(scorecard_id: str, as_of: int) -> dict[bool, Scorecard]:
    """Give the version in force at a time, and the one in the shadow, by whether it is a shadow."""
    chosen: dict[bool, Scorecard] = {}
    for scorecard in _SCORECARDS:  # effective_from rises with the version
        if scorecard.id == scorecard_id:
            begun = scorecard.effective_from <= as_of
            if begun or (not scorecard.shadow and scorecard.version == 1):
                chosen[scorecard.shadow] = scorecard
    return chosen


# ---- histories


class Sent(NamedTuple):
    """A record to be sent; `where` is its partition where it isn't its citizen's own."""

    topic: str
    values: dict[str, Any]
    timestamp: int
    where: int | None = None

    @property
    def citizen(self) -> str | None:
        return self.values.get("citizen_id")


@dataclass(frozen=True)
class Phase:
    """Consents (None: withdrawn) that are in force before the records, which have no order."""

    consents: dict[str, list[dict[str, Any]] | None]
    records: list[Sent]


NOW = START + 700 * DAY
_JITTER = (0, 0, 0, 1, -1)


@cache
def _shifts(citizen: str) -> tuple[int, ...]:
    return (0, offset_of(citizen, 10 * DAY), offset_of(citizen, 7 * DAY))


def times(citizen: str) -> st.SearchStrategy[int]:
    """Times of which many are a period or a horizon apart, give or take a millisecond."""
    return st.builds(
        lambda tens, sevens, shift, jitter: START + (10 * tens + 7 * sevens) * DAY + shift + jitter,
        st.integers(0, 9),
        st.sampled_from((0, 0, 0, 1, 2)),
        st.sampled_from(_shifts(citizen)),
        st.sampled_from(_JITTER),
    )


def _contents(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    amounts = st.sampled_from((0, 1, 333, 1_000, 2_999, 70_000))
    money = {"amount_minor": amounts, "currency": st.sampled_from(("USD", "USD", "EUR"))}
    if kind == "purchases":
        return st.fixed_dictionaries(
            {
                "category": st.sampled_from(("books", "food", 'a "quoted\u2028" é')),
                "quantity": st.sampled_from((1, 1, 2, 7)),
                **money,
            }
        )
    if kind == "fines":
        return st.fixed_dictionaries(
            {
                "offence": st.sampled_from(("parking", "speeding")),
                "severity": st.sampled_from(("minor", "moderate", "severe")),
                **money,
            }
        )
    return st.fixed_dictionaries(
        {
            "obligation": st.just("rent"),
            "due_on": st.just(19_750),
            "paid_on": st.sampled_from((None, 19_749, 19_750, 19_751, 19_770)),
            **money,
        }
    )


@st.composite
def _events(draw: st.DrawFn) -> Sent:
    citizen, kind = draw(st.sampled_from(CITIZENS)), draw(st.sampled_from(tuple(FIELDS)))
    time = draw(times(citizen))
    values = {
        "citizen_id": citizen,
        "event_id": draw(st.sampled_from(("e1", "e2", "e3"))),
        "source": draw(st.sampled_from(("shop", "shop", "bank"))),
        "occurred_at": time,
        **draw(_contents(kind)),
    }
    return Sent(kind, values, NOW, draw(_WHERE))


_WHERE = st.sampled_from((None, None, None, 0, 1))
_NAMED = (0, 0, 0, 1, -1, -DAY, -DAY - 1, DAY, -3 * DAY)
_STEPS = (0, 0, 1, DAY, 10 * DAY, 30 * DAY, 30 * DAY + 1, 31 * DAY, 31 * DAY + 1)
_ACTIONS = ("open", "open", "withdraw", "uphold", "reject")


@st.composite
def _rivals(draw: st.DrawFn, event: Sent) -> Sent:
    """Another record under the id of an event, often of the same time."""
    time = event.values["occurred_at"] + draw(st.sampled_from((0, 0, 1, DAY, DAY + 1, 10 * DAY)))
    values = {**event.values, **draw(_contents(event.topic)), "occurred_at": time}
    return event._replace(values=values)


@st.composite
def _about(draw: st.DrawFn, event: Sent, nearly: tuple[int, ...]) -> dict[str, Any]:
    return {
        "kind": event.topic,
        "source": event.values["source"],
        "event_id": event.values["event_id"],
        "occurred_at": event.values["occurred_at"] + draw(st.sampled_from(nearly)),
    }


@st.composite
def _disputes(draw: st.DrawFn, event: Sent) -> Sent:
    about = draw(_about(event, _NAMED))
    # counted from the event and not from what is named: so limits are met to the millisecond
    time = event.values["occurred_at"] + DAY + draw(st.sampled_from(_STEPS))
    action = draw(st.sampled_from(_ACTIONS))
    values = {
        "citizen_id": event.citizen,
        "dispute_id": draw(st.sampled_from(("d1", "d2"))),
        "about": about,
        "occurred_at": time,
        "action": action,
        "statement": draw(st.sampled_from(("", "not me", "no"))) if action == "open" else "",
    }
    return Sent("disputes", values, time, draw(_WHERE))


@st.composite
def _corrections(draw: st.DrawFn, event: Sent) -> Sent:
    about = draw(_about(event, (0, 0, 0, 0, 1)))
    replacing = draw(st.booleans())
    replaced = {}
    if replacing:
        content = draw(_contents(event.topic))
        names = draw(st.sets(st.sampled_from(sorted(content)), min_size=1, max_size=2))
        replaced = {name: content[name] for name in names}
    values = {
        **dict.fromkeys(sorted({name for names in FIELDS.values() for name in names})),
        **replaced,
        "citizen_id": event.citizen,
        "correction_id": draw(st.sampled_from(("c1", "c2"))),
        "about": about,
        "occurred_at": about["occurred_at"] + draw(st.sampled_from((0, 1, DAY))),
        "source": about["source"],
        "action": "replace" if replacing else "retract",
    }
    return Sent("corrections", values, NOW, draw(_WHERE))


@st.composite
def _shares(draw: st.DrawFn) -> Sent:
    citizen = draw(st.sampled_from(CITIZENS))
    share = st.fixed_dictionaries(
        {
            "reveals": st.sampled_from((["tier"], ["score"], ["tier", "score"])),
            "until": times(citizen),
        }
    )
    shares = draw(st.dictionaries(st.sampled_from(("bikes", "bank")), share, max_size=2))
    values = {
        "citizen_id": citizen,
        "occurred_at": START,
        "shares": [{"audience": name, **each} for name, each in sorted(shares.items())],
    }
    return Sent("shares", values, NOW)


_TICKS = st.builds(
    lambda time, partition: Sent("ticks", {"occurred_at": time}, NOW, partition),
    st.sampled_from(CITIZENS).flatmap(times),
    st.integers(0, PARTITIONS - 1),
)


@st.composite
def _grants(draw: st.DrawFn, citizen: str) -> list[dict[str, Any]]:
    grant = st.fixed_dictionaries(
        {
            "scorecard": st.sampled_from(("alpha", "beta")),
            "kinds": st.sampled_from(
                (["purchases", "fines", "payments"], ["purchases", "fines"], ["fines"])
            ),
            "covers_from": st.one_of(st.just(START - 90 * DAY), times(citizen)),
        }
    )
    return draw(st.lists(grant, min_size=1, max_size=3))


@st.composite
def phases(draw: st.DrawFn, withdrawing: bool = True) -> list[Phase]:
    """A history: a first phase after everybody's consent, and others after other grants."""
    made = []
    for number in range(draw(st.sampled_from((1, 1, 2, 3)))):
        consents: dict[str, list[dict[str, Any]] | None] = {}
        for citizen in CITIZENS:
            choice = "grant" if number == 0 else draw(st.sampled_from(("grant", "keep", "leave")))
            if choice == "grant":
                consents[citizen] = draw(_grants(citizen))
            elif choice == "leave" and withdrawing:
                consents[citizen] = None
        events = draw(st.lists(_events(), max_size=12 if number == 0 else 6))
        others: list[Sent] = draw(st.lists(_TICKS, max_size=2))
        if events:
            about = st.sampled_from(events)
            events = events + draw(st.lists(about.flatmap(_rivals), max_size=3))
            others += draw(st.lists(about.flatmap(_disputes), max_size=5))
            others += draw(st.lists(about.flatmap(_corrections), max_size=3))
        others += draw(st.lists(_shares(), max_size=2))
        made.append(Phase(consents, events + others))
    return made


# ---- what must come of them


@dataclass
class Expected:
    """One citizen with a consent on record, as the records alone say."""

    grants: tuple[Grant, ...]
    as_of: int
    parts: list[Sent] = field(default_factory=list)

    def ledger(self) -> dict[EventRef, Entry]:
        """Build the ledger within the horizon."""
        return gather(
            (event_of(sent), part_of(sent))
            for sent in self.parts
            if time_of(sent) >= self.as_of - HORIZON
        )

    def standing(self) -> dict[EventRef, tuple[int, dict[str, Any]]]:
        """Give the time and content of each event that counts."""
        by_event: dict[EventRef, list[Sent]] = {}
        for sent in self.parts:
            if time_of(sent) >= self.as_of - HORIZON:
                by_event.setdefault(event_of(sent), []).append(sent)
        found = {event: stands(parts) for event, parts in by_event.items()}
        return {event: each for event, each in found.items() if each is not None}


def expected(history: list[Phase]) -> dict[str, Expected]:
    """Work out what stands at the end for everybody with a consent on record."""
    here: dict[str, Expected] = {}
    ticks: dict[int, int] = {}
    for phase in history:
        for citizen, grants in phase.consents.items():
            if grants is None:
                here.pop(citizen, None)
                continue
            given = tuple(
                Grant(g["scorecard"], tuple(g["kinds"]), g["covers_from"]) for g in grants
            )
            earliest = min(grant.covers_from for grant in given)
            found = here.setdefault(citizen, Expected(given, earliest))
            found.grants, found.as_of = given, max(found.as_of, earliest)
            found.parts = [part for part in found.parts if _granted(given, part)]
        for sent in phase.records:
            if sent.topic == "ticks":
                assert sent.where is not None
                ticks[sent.where] = max(ticks.get(sent.where, 0), sent.values["occurred_at"])
            elif sent.topic != "shares" and sent.citizen in here:
                found = here[sent.citizen]
                if _granted(found.grants, sent):
                    found.parts.append(sent)
                    if sent.topic in FIELDS:
                        found.as_of = max(found.as_of, sent.values["occurred_at"])
    for citizen, found in here.items():
        found.as_of = max(found.as_of, ticks.get(partition_of(citizen, PARTITIONS), 0))
    return here


def _granted(grants: tuple[Grant, ...], sent: Sent) -> bool:
    return any(
        event_of(sent).kind in grant.kinds and grant.covers_from <= time_of(sent)
        for grant in grants
    )


def event_of(sent: Sent) -> EventRef:
    """Give the event that a record tells of or names."""
    about = sent.values.get("about", {"kind": sent.topic, **sent.values})
    return EventRef(about["kind"], about["source"], about["event_id"])


def time_of(sent: Sent) -> int:
    """Give the event time that a record has or names."""
    time: int = sent.values.get("about", sent.values)["occurred_at"]
    return time


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _content(sent: Sent) -> dict[str, Any]:
    return {
        name: sent.values[name]
        for name in FIELDS[event_of(sent).kind]
        if sent.values[name] is not None
        and (sent.topic == "corrections" or sent.values[name] != DEFAULTS.get(name))
    }


def part_of(sent: Sent) -> Entry:
    """Make the entry of one record alone."""
    values, named = sent.values, time_of(sent)
    if sent.topic == "disputes":
        time, action = values["occurred_at"], values["action"]
        step = {
            "open": Dispute(opened_at=time, statement=values["statement"]),
            "withdraw": Dispute(withdrawn_at=time),
            "uphold": Dispute(decided_at=time, upheld=True),
            "reject": Dispute(decided_at=time),
        }[action]
        return Entry(disputes={(values["dispute_id"], named): step})
    if sent.topic == "corrections":
        text = _text({"action": values["action"], **_content(sent)})
        part = Correction(values["occurred_at"], text, values["correction_id"])
        return Entry(corrections={named: part})
    return Entry(Fact(named, _text(_content(sent))))


# ---- what an event counts as, from its records


def stands(parts: list[Sent]) -> tuple[int, dict[str, Any]] | None:
    """Give the time and content that count of all records about one event; None: it is out."""
    facts = sorted(
        (-time_of(sent), _text(_content(sent))) for sent in parts if sent.topic in FIELDS
    )
    if not facts:
        return None
    time, content = -facts[0][0], json.loads(facts[0][1])
    if _disputed(time, [sent for sent in parts if sent.topic == "disputes"]):
        return None
    corrections = sorted(
        (
            sent.values["occurred_at"],
            _text({"action": sent.values["action"], **_content(sent)}),
            sent.values["correction_id"],
        )
        for sent in parts
        if sent.topic == "corrections" and time_of(sent) == time
    )
    if corrections:
        changes = json.loads(corrections[-1][1])
        if changes.pop("action") == "retract":
            return None
        content.update(changes)
    return time, content


def _disputed(time: int, steps: list[Sent]) -> bool:
    opened_and_undecided, rejected_at, upheld = [], [], False
    for dispute in {(sent.values["dispute_id"], time_of(sent)) for sent in steps}:
        if time > dispute[1] + DAY:
            continue  # the fact lies more than a day after the time that the dispute names
        when: dict[str, list[int]] = {action: [] for action in _ACTIONS}
        for sent in steps:
            if (sent.values["dispute_id"], time_of(sent)) == dispute:
                when[sent.values["action"]].append(sent.values["occurred_at"])
        if not when["open"]:
            continue
        opened = min(when["open"])
        withdrawn = min(when["withdraw"], default=None)
        decided = min(when["uphold"] + when["reject"], default=None)
        if decided is not None and decided > opened + 30 * DAY:
            decided = None  # too late: it has lapsed
        if decided is not None and (withdrawn is None or withdrawn >= decided):
            if decided in when["uphold"]:
                upheld = True
            else:
                rejected_at.append(decided)
        elif withdrawn is None:
            opened_and_undecided.append(opened)
    if upheld:
        return True
    return any(not rejected_at or opened <= min(rejected_at) for opened in opened_and_undecided)
