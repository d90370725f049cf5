"""Any history, in any order, duplicated, cut into any batches, restarted anywhere: one outcome.

It is the outcome that `tests/histories.py` works out naively, and that `recount` gives.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from streams.codec import decode, unpack
from streams.marks import HEARTBEAT
from streams.process.batch import Options
from streams.record import Record
from streams.scoring.citizen import AccountKey, Citizen
from streams.scoring.ledger import standing
from streams.scoring.recount import recount
from streams.scoring.score import contributions
from streams.scoring.scorecard import Scorecard
from streams.scoring.totals import offset_of, period_of, weigh
from streams.state import PARTITION_KEY, read_partition, standing_of
from streams.topics import audience_topic, partition_of
from tests import histories
from tests.histories import HORIZON, PARTITIONS, Expected, Sent
from tests.memory import Lane

_ANY = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
    "database": None,
    "phases": [Phase.explicit, Phase.generate, Phase.shrink],
}
settings.register_profile("quick", max_examples=60, **_ANY)
settings.register_profile("ci", max_examples=500, print_blob=True, **_ANY)
# what mutation.py asks for: the same examples each time, and no time lost on making them smaller
settings.register_profile(
    "mutation",
    max_examples=150,
    derandomize=True,
    **{**_ANY, "phases": [Phase.explicit, Phase.generate]},
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "quick")
)


# ---- sending a history


@dataclass(frozen=True)
class Batch:
    """How the next records are sent: how many, whether all work is done after, and a restart."""

    size: int
    until_done: bool
    restart: bool


@dataclass(frozen=True)
class Way:
    """One way to send a history."""

    order: Any  # a random.Random of Hypothesis
    repeated: int  # how many records of each phase come twice
    batches: list[Batch]  # taken in turn
    rows: int
    citizens: int


STRAIGHT = Way(None, 0, [Batch(1_000, True, False)], 5_000, 500)
WAYS = st.builds(
    Way,
    st.randoms(use_true_random=False),
    st.integers(0, 6),
    st.lists(
        st.builds(Batch, st.integers(1, 9), st.booleans(), st.sampled_from((False, False, True))),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from((1, 2, 3, 5_000)),
    st.sampled_from((1, 2, 500)),
)


@contextmanager
def pieces(rows: int, citizens: int) -> Iterator[None]:
    with (
        patch("streams.process.batch.ROWS_A_BATCH", rows),
        patch("streams.process.ticks.CITIZENS_A_BATCH", citizens),
    ):
        yield


def lane() -> Lane:
    made = Lane(histories.published(), PARTITIONS)
    made.options = Options(PARTITIONS, HORIZON, frozenset(("bikes", "bank")))
    return made


def record(lane: Lane, sent: Sent) -> Record:
    return lane.record(sent.topic, sent.values, timestamp=sent.timestamp, partition=sent.where)


def consent(lane: Lane, citizen: str, grants: list[dict[str, Any]] | None, turn: int) -> Record:
    timestamp = histories.NOW + turn
    if grants is None:
        receipt = (("receipt_id", f"receipt-{turn}".encode()),)
        key = citizen.encode()
        return lane.record("consents", None, key=key, timestamp=timestamp, headers=receipt)
    values = {"citizen_id": citizen, "occurred_at": histories.START, "grants": grants}
    return lane.record("consents", values, timestamp=timestamp)


def send(history: list[histories.Phase], way: Way) -> Lane:
    """Send a history one way, until no work is left."""
    sending = lane()
    taken = 0
    with pieces(way.rows, way.citizens):
        for turn, phase in enumerate(history):
            consents = [
                consent(sending, citizen, grants, turn)
                for citizen, grants in phase.consents.items()
            ]
            # a share counts for the life in which it was sent
            records = [
                each._replace(timestamp=histories.NOW + turn) if each.topic == "shares" else each
                for each in phase.records
            ]
            if way.order is not None:
                way.order.shuffle(consents)
                if records:
                    records += way.order.choices(records, k=way.repeated)
                way.order.shuffle(records)
            rest = consents + [record(sending, sent) for sent in records]
            while rest:
                batch = way.batches[taken % len(way.batches)]
                taken += 1
                sending.run(rest[: batch.size], batch.until_done)
                rest = rest[batch.size :]
                if batch.restart:
                    sending.restart()
        sending.run([])
    return sending


# ---- what must hold at the end


def check(lane: Lane, wanted: dict[str, Expected]) -> None:
    for citizen_id in histories.CITIZENS:
        citizen = lane.citizen(citizen_id)
        assert (citizen is not None) == (citizen_id in wanted)
        scores = latest_scores(lane, citizen_id)
        if citizen is None:
            check_erased(lane, citizen_id)
            assert set(scores.values()) <= {None}
            check_audiences(lane, citizen_id, {}, [])
        else:
            check_citizen(lane, citizen, wanted[citizen_id], scores)
    check_changes(lane)
    check_index(lane)


def as_of(lane: Lane, citizen: Citizen) -> int:
    """The time that a citizen's scores are read at."""
    row = lane.citizens[partition_of(citizen.id, PARTITIONS)].get(PARTITION_KEY)
    return max(citizen.as_of, read_partition(row).tick or 0)


def check_citizen(
    lane: Lane, citizen: Citizen, wanted: Expected, scores: dict[str, dict[str, Any] | None]
) -> None:
    ledger = wanted.ledger()
    assert citizen.grants == wanted.grants
    assert citizen.work is None
    assert as_of(lane, citizen) == wanted.as_of
    assert within_horizon(lane, citizen.id, wanted.as_of) == ledger
    counted = {
        event: (entry.fact.occurred_at, content)
        for event, entry in ledger.items()
        if entry.fact is not None and (content := standing(entry)) is not None
    }
    assert counted == wanted.standing()

    accounts = set()
    for scorecard_id in {grant.scorecard for grant in wanted.grants}:
        for shadow, scorecard in histories.in_force(scorecard_id, wanted.as_of).items():
            key = AccountKey(scorecard_id, shadow)
            accounts.add(key)
            account = citizen.accounts[key]
            recounted = recount(citizen.id, ledger, wanted.grants, wanted.as_of, scorecard)
            assert account.version == scorecard.version
            assert contributions(scorecard, account.points) == recounted.contributions
            assert (account.score, account.tier) == (recounted.score, recounted.tier)
            assert live(account.totals, scorecard, citizen.id, wanted.as_of) == naive_totals(
                wanted, citizen.id, scorecard
            )
            if not shadow:
                latest = scores.pop(scorecard_id)
                assert latest is not None
                assert (latest["version"], latest["score"], latest["tier"], latest["perks"]) == (
                    (scorecard.version, recounted.score, recounted.tier, list(recounted.perks))
                )
                assert latest["sequence"] == account.sequence
    assert accounts == set(citizen.accounts)
    assert set(scores.values()) <= {None}
    seen = {key.scorecard: a for key, a in citizen.accounts.items() if not key.shadow}
    assert all(share.until > wanted.as_of for share in citizen.shares)
    check_audiences(lane, citizen.id, seen, citizen.shares)


def within_horizon(lane: Lane, citizen_id: str, as_of: int) -> dict[Any, Any]:
    """The stored ledger, less what is on its way out and weighs nothing any more."""
    found = {}
    for event, entry in lane.ledger_of(citizen_id).items():
        oldest = as_of - HORIZON
        fact = entry.fact if entry.fact and entry.fact.occurred_at >= oldest else None
        disputes = {key: step for key, step in entry.disputes.items() if key[1] >= oldest}
        corrections = {time: part for time, part in entry.corrections.items() if time >= oldest}
        if fact or disputes or corrections:
            found[event] = type(entry)(fact, disputes, corrections)
    return found


def live(totals: Any, scorecard: Scorecard, citizen_id: str, as_of: int) -> dict[Any, int]:
    """What may still count, by period and place."""
    offset = offset_of(citizen_id, scorecard.period_ms)
    now = period_of(as_of, offset, scorecard.period_ms)
    return {
        (period, place): amount
        for period, row in totals.items()
        for place, (amount, each) in enumerate(zip(row, scorecard.characteristics, strict=True))
        if amount and now - period < each.window
    }


def naive_totals(wanted: Expected, citizen_id: str, scorecard: Scorecard) -> dict[Any, int]:
    offset = offset_of(citizen_id, scorecard.period_ms)
    totals: dict[int, list[int]] = defaultdict(lambda: [0] * len(scorecard.characteristics))
    for event, (time, content) in wanted.standing().items():
        granted = any(
            grant.scorecard == scorecard.id
            and event.kind in grant.kinds
            and time >= grant.covers_from
            for grant in wanted.grants
        )
        for place, amount in weigh(scorecard, event.kind, content) if granted else ():
            totals[period_of(time, offset, scorecard.period_ms)][place] += amount
    return live(totals, scorecard, citizen_id, wanted.as_of)


def latest_scores(lane: Lane, citizen_id: str) -> dict[str, dict[str, Any] | None]:
    latest: dict[str, dict[str, Any] | None] = {}
    for made in lane.out:
        if made.topic == "scores" and made.key != HEARTBEAT:
            owner, scorecard = (part.decode() for part in unpack(made.key or b""))
            if owner == citizen_id:
                latest[scorecard] = None if made.value is None else decode("scores", made.value)
    return latest


def check_audiences(lane: Lane, citizen_id: str, seen: dict[str, Any], shares: Any) -> None:
    """What an audience was told last is what it may see now, and nothing else."""
    for audience in ("bikes", "bank"):
        topic = audience_topic(audience).name
        told = {
            each["scorecard"]: each
            for each in lane.values(topic)
            if each["citizen_id"] == citizen_id
        }
        reveals = next((s.reveals for s in shares if s.audience == audience), ())
        for scorecard in told.keys() | (seen.keys() if reveals else set()):
            if reveals and scorecard in seen:
                account = seen[scorecard]
                assert (told[scorecard]["tier"], told[scorecard]["score"]) == (
                    account.tier if "tier" in reveals else None,
                    account.score if "score" in reveals else None,
                )
                assert not told[scorecard]["ended"]
            else:
                assert told[scorecard]["ended"]
                assert told[scorecard]["tier"] is told[scorecard]["score"] is None


def check_changes(lane: Lane) -> None:
    """The changes alone tell the whole story of every score, without a gap."""
    for topic in ("score-changes", "score-changes.shadow"):
        last: dict[tuple[str, str, int], dict[str, Any]] = {}
        summed: dict[tuple[str, str, int], dict[str, int]] = {}
        ids = [change["change_id"] for change in lane.values(topic)]
        assert len(ids) == len(set(ids))
        for change in lane.values(topic):
            key = (change["citizen_id"], change["scorecard"], change["since"])
            before = last.get(key)
            points = {c["characteristic"]: c["points"] for c in change["contributions"]}
            previous = {c["characteristic"]: c["previous_points"] for c in change["contributions"]}
            assert len(points) == len(change["contributions"])
            assert change["sequence"] == (before["sequence"] + 1 if before else 1)
            if change["previous_score"] is None:  # the first, or the first after a closed account
                assert change["previous_tier"] is None
                assert set(previous.values()) == {0}
                summed[key] = {}
            else:
                assert before is not None
                assert change["previous_score"] == before["score"]
                assert change["previous_tier"] == before["tier"]
                assert change["as_of"] >= before["as_of"]
                then = {c["characteristic"]: c["points"] for c in before["contributions"]}
                assert {n: p for n, p in previous.items() if p} == {
                    n: p for n, p in then.items() if p
                }
                assert (points, change["tier"], change["version"]) != (
                    (then, before["tier"], before["version"])
                )
            for name, now in points.items():
                summed[key][name] = summed[key].get(name, 0) + now - previous[name]
            assert sum(summed[key].values()) == sum(points.values()) == change["score"]
            assert_reasons(change)
            last[key] = change


def assert_reasons(change: dict[str, Any]) -> None:
    parts = [
        (c["characteristic"], c["previous_points"], c["points"]) for c in change["contributions"]
    ]
    assert parts[0][0] == "base"
    assert parts[-1][0] == "clamp"
    moved = [(-abs(b - a), n, name) for n, (name, a, b) in enumerate(parts) if a != b]
    still = [(-abs(b), n, name) for n, (name, a, b) in enumerate(parts) if a == b and b]
    telling = [name for _, _, name in sorted(moved) + sorted(still)]
    assert change["reasons"] == [n for n in telling if n not in ("base", "clamp")][:4]


def check_erased(lane: Lane, citizen_id: str) -> None:
    """Nothing of a citizen who left is in any table."""
    name = citizen_id.encode()
    for view in (*lane.citizens, *lane.ledger):
        assert not [key for key, value in view.rows.items() if name in key or name in value]
        assert not [key for _, key in view.index if name in key]
    for topic in ("consents", "shares"):
        written = [r for r in lane.out if r.topic == topic and r.key == name]
        assert not written or written[-1].value is None


def check_index(lane: Lane) -> None:
    """Whoever is due is found: the index is what a restore would make of the rows."""
    for view in lane.citizens:
        standing = {key: standing_of(key, value) for key, value in view.rows.items()}
        made = [(s.due, key) for key, s in standing.items() if s.due is not None]
        assert view.index == sorted(made)


# ---- the properties


@given(histories.phases(), st.lists(WAYS, min_size=1, max_size=2))
def test_any_way_to_send_a_history_ends_the_same(history, ways):
    wanted = histories.expected(history)
    check(send(history, STRAIGHT), wanted)
    for way in ways:
        check(send(history, way), wanted)


@given(histories.phases(), WAYS)
def test_the_same_records_again_change_nothing(history, way):
    sent = send(history, way)
    ledger, changes, scores = sent.ledger, sent.values("score-changes"), sent.values("scores")
    before = [dict(view.rows) for view in ledger]
    with pieces(way.rows, way.citizens):
        sent.run([record(sent, each) for each in history[-1].records if each.topic != "shares"])
        sent.run([])
    assert sent.values("score-changes") == changes
    assert sent.values("scores") == scores
    assert [view.rows for view in ledger] == before
    check(sent, histories.expected(history))


@given(histories.phases(), WAYS, histories.phases())
def test_who_comes_back_starts_anew(history, way, again):
    """A withdrawal forgets all; what comes after makes what a first time would have."""
    leaving = histories.Phase(dict.fromkeys(histories.CITIZENS), [])
    # only ticks are the partition's own and outlast whoever leaves
    ticks = [each for phase in history for each in phase.records if each.topic == "ticks"]
    alone = histories.expected([histories.Phase({}, ticks), *again])
    check(send([*history, leaving, *again], way), alone)


@given(histories.phases(), WAYS)
def test_nothing_is_left_of_who_withdraws(history, way):
    """Not a byte in any table, though the ledger goes in pieces and events go on arriving."""
    sent = send(history, way)
    stored = {name: len(sent.ledger_of(name)) for name in histories.CITIZENS}
    here = {name: sent.citizen(name) for name in histories.CITIZENS}
    late = [each for each in history[-1].records if each.topic != "ticks"]
    with pieces(1, 1):
        for turn, name in enumerate(histories.CITIZENS, 1_000):
            sent.run([consent(sent, name, None, turn)], until_done=False)
        for each in late:
            sent.run([record(sent, each)], until_done=False)
            sent.restart()
        sent.run([])
    check(sent, {})
    receipts = {each["receipt_id"]: each["erased"] for each in sent.values("receipts")}
    for turn, name in enumerate(histories.CITIZENS, 1_000):
        erased, citizen = receipts[f"receipt-{turn}"], here[name]
        assert erased["entries"] == (stored[name] if citizen else 0)
        visible = [key for key in citizen.accounts if not key.shadow] if citizen else []
        assert erased["scorecards"] == len(visible)
        assert erased["shares"] == (len(citizen.shares) if citizen else 0)
    assert not any(view.rows for view in sent.ledger)


def narrowed_to(lane: Lane, kind: str, turn: int) -> Record:
    grant = {"scorecard": "alpha", "kinds": [kind], "covers_from": histories.START}
    return consent(lane, "anna-x", [grant], turn)


def event(lane: Lane, kind: str, event_id: str, **fields: Any) -> Record:
    named = {"citizen_id": "anna-x", "event_id": event_id, "source": "s"}
    money = {"amount_minor": 1, "currency": "USD", "occurred_at": histories.START}
    return record(lane, Sent(kind, {**named, **money, **fields}, histories.NOW))


def with_purchases(*event_ids: str) -> Lane:
    sent = lane()
    sent.run([narrowed_to(sent, "purchases", 0)])
    sent.run([event(sent, "purchases", each, category="food", quantity=1) for each in event_ids])
    assert len(sent.ledger_of("anna-x")) == len(event_ids)
    return sent


def test_an_entry_behind_the_cursor_is_not_forgotten_by_the_next_narrowing():
    """It came while a narrowing had read rows and had kept none of them."""
    sent = with_purchases("e1", "e2")
    with pieces(1, 1):
        sent.run([narrowed_to(sent, "payments", 1)], until_done=False)  # erases one purchase
        bill = event(sent, "payments", "e1", obligation="rent", due_on=19_740, paid_on=None)
        sent.run([bill], until_done=False)  # its key is before those of purchases
        sent.run([])
    assert len(sent.ledger_of("anna-x")) == 1
    sent.run([narrowed_to(sent, "fines", 2)])
    assert not sent.ledger_of("anna-x")


def test_what_a_narrowing_lets_go_does_not_stay_for_a_consent_in_its_midst():
    sent = with_purchases("e1", "e2", "e3")
    with pieces(1, 1):
        sent.run([narrowed_to(sent, "payments", 1)], until_done=False)
        assert sent.ledger_of("anna-x")
        sent.run([narrowed_to(sent, "purchases", 2)])
    assert not sent.ledger_of("anna-x")


def test_a_restart_in_the_midst_of_a_narrowing_goes_on_with_it():
    sent = with_purchases("e1", "e2", "e3")
    with pieces(1, 1):
        sent.run([narrowed_to(sent, "payments", 1)], until_done=False)
        assert sent.ledger_of("anna-x")
        sent.restart()
        sent.run([])
    assert not sent.ledger_of("anna-x")


def test_who_comes_back_at_once_shares_nothing_with_the_life_that_is_being_erased():
    """Both began in one millisecond: what is stored anew must not go with the old pieces."""
    sent = with_purchases("e1", "e2", "e3")
    with pieces(1, 1):
        sent.run([consent(sent, "anna-x", None, 0)], until_done=False)
        sent.run([narrowed_to(sent, "purchases", 0)], until_done=False)
        sent.run([event(sent, "purchases", "e4", category="food", quantity=1)], until_done=False)
        sent.run([])
    assert [each.event_id for each in sent.ledger_of("anna-x")] == ["e4"]
    (receipt,) = sent.values("receipts")
    assert receipt["erased"]["entries"] == 3
