"""Whatever is published, a worker goes on, and every record is accounted for."""

from collections import Counter
from collections.abc import Iterable, Sequence

from streams import dead_letters
from streams.dead_letters import DeadLetter
from streams.process import ANSWERS, HEARTBEAT, MOVED
from streams.record import Record
from streams.scoring.recount import recount
from streams.topics import INPUTS, partition_of
from tests.hostile import CONSENTING, STRANGERS, Attack, Sent
from tests.memory import NOW, Lane, published

Counts = Counter[tuple[str, str, str]]
Place = tuple[str, int, int]  # topic, partition, offset


# ---- the account


def account_for(
    sent: set[Place],
    inputs: Sequence[Record],
    counts: Counts,
    letters: Iterable[DeadLetter],
    partitions: int,
) -> None:
    """Assert that what became of the records adds up to what was published, exactly.

    sent: where the attack's records came to stand. inputs: all that the input topics hold, so with
    what a worker moved there or said there in answer.
    """
    standing = {(r.topic, r.partition, r.offset): r for r in inputs}
    assert len(standing) == len(inputs)
    assert sent <= standing.keys()
    ours = [record for place, record in standing.items() if place not in sent]
    moved = Counter(r.topic for r in ours if _has(r, MOVED) and _at_home(r, partitions))
    others = Counter(r.topic for r in ours if not (_has(r, MOVED) and _at_home(r, partitions)))
    assert all(_has(r, MOVED) or _has(r, ANSWERS) or r.key == HEARTBEAT for r in ours)
    published_to = Counter(topic for topic, _, _ in sent)
    for topic in INPUTS:
        ends = Counter({end: n for (of, end, _), n in counts.items() if of == topic})
        assert set(ends) <= set(counted_as(topic)), topic
        # what was forwarded is counted once more, as what it came to
        assert counts[topic, "forwarded", ""] == moved[topic], topic
        final = sum(
            n for end in ("scored", "stored", "dropped", "dead_letter") for n in [ends[end]]
        )
        assert final + ends["passed"] - others[topic] == published_to[topic], topic
    found: Counts = Counter()
    places = set()
    for letter in letters:
        refused = letter.refused
        found[refused.topic, "dead_letter", letter.reason] += 1
        places.add((refused.topic, refused.partition, refused.offset))
        record = standing[refused.topic, refused.partition, refused.offset]
        kept = (None, None) if letter.bare else (record.key, record.value)
        assert (refused.key, refused.value) == kept
        assert refused.timestamp == record.timestamp
    assert len(places) == found.total()  # none twice
    assert found == Counter({k: n for k, n in counts.items() if k[1] == "dead_letter"})


def counted_as(topic: str) -> tuple[str, ...]:
    if topic in ("consents", "shares", "ticks"):
        return ("stored", "dropped", "dead_letter", "forwarded", "passed")
    return ("scored", "dropped", "dead_letter", "forwarded", "passed")


def _has(record: Record, header: str) -> bool:
    return any(name == header for name, _ in record.headers)


def _at_home(record: Record, partitions: int) -> bool:
    try:
        name = (record.key or b"").decode()
    except UnicodeDecodeError:
        return False
    return bool(name) and partition_of(name, partitions) == record.partition


# ---- in memory


class Attacked(Lane):
    """A lane that notes what its input topics hold."""

    def __init__(self, partitions: int = 4) -> None:
        super().__init__(published(), partitions)
        self.sent: list[Record] = []

    def take(self, each: Sent) -> Record:
        record = self.record(
            each.topic,
            None,
            key=each.key,
            timestamp=each.timestamp,
            headers=each.headers,
            value=each.value,
            partition=each.partition,
        )
        self.sent.append(record)
        return record

    def account_for(self) -> None:
        places = {(r.topic, r.partition, r.offset) for r in self.sent}
        inputs = self.sent + [record for record in self.out if record.topic in INPUTS]
        letters = [dead_letters.read(r) for r in self.out if r.topic == "dead-letters"]
        account_for(places, inputs, self.counts, letters, self.options.partitions)


def attacked(number: int, seed: int) -> Attacked:
    lane = Attacked()
    attack = Attack(seed, 4, NOW)
    lane.run([lane.take(sent) for sent in attack.consents()])
    batch = []
    for sent in attack.records(number):
        batch.append(lane.take(sent))
        if len(batch) >= 200:
            lane.run(batch)
            batch = []
            if attack.random.random() < 0.1:
                lane.restart()
    lane.run(batch)
    return lane


def test_whatever_comes_every_record_is_accounted_for() -> None:
    """Scored, stored, dropped, dead-lettered and passed over are together what was published."""
    lane = attacked(6_000, seed=1)
    lane.account_for()
    reasons = {reason for _, end, reason in lane.counts if end == "dead_letter"}
    assert set(dead_letters.REASONS) - reasons <= {"entry_full", "conflicting_duplicate"}
    for citizen_id in CONSENTING:
        citizen = lane.citizen(citizen_id)
        if citizen is None:
            continue
        for account in citizen.accounts.values():
            scorecard = lane.published.get(account.key.scorecard, account.version)
            again = recount(
                citizen_id, lane.ledger_of(citizen_id), citizen.grants, citizen.as_of, scorecard
            )
            assert (account.score, account.tier) == (again.score, again.tier)
    kept = [
        row for view in (*lane.citizens, *lane.ledger) for each in view.rows.items() for row in each
    ]
    kept += [part for r in lane.out if r.topic not in INPUTS for part in (r.key, r.value) if part]
    named = [s for s in STRANGERS if any(s.encode() in part for part in kept if part)]
    # bytes that name nobody are kept, so only where nothing else could be read
    for stranger in named:
        for record in lane.out:
            if record.topic not in INPUTS and stranger.encode() in (record.key or b"") + (
                record.value or b""
            ):
                assert record.topic == "dead-letters"
                assert dead_letters.read(record).reason in (
                    "undecodable",
                    "wrong_magic",
                    "unknown_schema",
                    "oversized",
                )
