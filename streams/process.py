"""One batch of one partition: decode, gate, merge, apply, encode.

No broker, no disk, no clock: the tables, the place for output and the scorecards are given. What
was put into the tables and produced here counts only if the caller's transaction commits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from streams.codec import encode, pack, unpack
from streams.dead_letters import headers_for, own_headers
from streams.effects import Effects, Out
from streams.given import LARGEST, Given, named, read, size
from streams.kinds import kinds
from streams.outcome import Outcome, add
from streams.record import Record
from streams.scoring.apply import (
    Move,
    apply_moves,
    begin_work,
    finish_work,
    grant,
    moves_of,
    next_due,
    pass_time,
    read_again,
    settle,
    share,
    stale,
    work_on,
)
from streams.scoring.change import Closed, Effect, ended
from streams.scoring.citizen import Cause, Citizen, Scorecards, covers
from streams.scoring.ledger import (
    EMPTY,
    Entry,
    Fact,
    canonical,
    conflict,
    content_of,
    correction,
    dispute,
    earliest,
    merge,
)
from streams.state import (
    ERASURE,
    PARTITION_KEY,
    Erasure,
    read_citizen,
    read_entry,
    read_erasure,
    read_grants,
    read_partition,
    read_shares,
    write_citizen,
    write_entry,
    write_erasure,
    write_fact,
    write_partition,
)
from streams.topics import ERASED_WITHIN, GATE, KINDS, TOPICS, partition_of
from streams.validity import replaced
from streams.views import CitizensView, View

MOVED = "plainscore.moved"  # marks a record that was forwarded, and the tombstone it left behind
ANSWERS = "plainscore.answers"  # marks what is in force, written again; names the offset answered
RECEIPT = "receipt_id"  # header of a withdrawal: where the receipt will be found
LONGEST_RECEIPT = 64  # characters of its id
HEARTBEAT = b"\x00"  # key of what keeps the logs of compacted topics rolling

# Work that reads more than its record's entry is done in pieces, so that no transaction grows with
# the number of citizens or the length of a ledger.
ROWS_A_BATCH = 5_000  # ledger entries read for such work
CITIZENS_A_BATCH = 500  # citizens looked at because time has passed
CHUNK = 64  # records read, and then applied: few enough to stay in the processor's nearest cache
KNOWN_CITIZENS = 50_000  # of a partition, kept as they are in memory

# Disputes of one event, and corrections: each further one reads and writes all of them again. They
# are counted apart: no source can leave a person's dispute without a place, nor the reverse.
MOST_PARTS = 100
LARGEST_PARTS = 65_536  # bytes


@dataclass(frozen=True)
class Options:
    """What an operator has set up; it must be the same on every worker."""

    partitions: int
    horizon: int  # ms
    audiences: Collection[str] = ()
    max_record_bytes: int = 65_536


def process(
    partition: int,
    records: Sequence[Record],
    citizens: CitizensView,
    ledger: View,
    scorecards: Scorecards,
    out: Out,
    options: Options,
    known: dict[str, Citizen | None] | None = None,
) -> Outcome:
    """Apply a partition's records: consents and shares come first, then all others, those of one
    citizen in their order.

    What is left (`Outcome.left`) must be given again with the partition's next batch, before its
    records. `known` are citizens as the partition's earlier batches left them, so that they need
    not be read again. The caller keeps both from one committed batch to the next, and drops them
    with the partition or when a transaction does not commit.
    """
    known = {} if known is None else known
    if len(known) > KNOWN_CITIZENS:
        known.clear()
    batch = _Batch(partition, citizens, ledger, scorecards, out, options, known)
    gate: list[Record] = []
    others: list[Record] = []
    for record in records:
        (gate if record.topic in GATE else others).append(record)
    others.sort(key=_whom)  # a citizen's records are taken together, while it is at hand
    left = batch.take_in(gate)
    batch.outcome.left = left + others if left else batch.take_in(others)
    batch.go_on()
    batch.write()
    return batch.outcome


def _whom(record: Record) -> bytes:
    return record.key or b""


def _cause(record: Record) -> Cause:
    return Cause(record.topic, f"{record.topic}-{record.partition}-{record.offset}")


class _Batch:
    """A batch on its way: the citizens and entries that it touches, and what it came to."""

    def __init__(
        self,
        partition: int,
        citizens: CitizensView,
        ledger: View,
        scorecards: Scorecards,
        out: Out,
        options: Options,
        known: dict[str, Citizen | None],
    ) -> None:
        self.number = partition
        self.citizens = citizens
        self.ledger = ledger
        self.scorecards = scorecards
        self.out = out
        self.options = options
        self.outcome = Outcome()
        self.effects = Effects(out, self.outcome)
        self.scored: dict[str, int] = {}  # records that are just that, by topic
        self.known = known
        self.touched: dict[str, Citizen] = {}
        self.entries: dict[bytes, bytes | None] = {}
        self.stored_partition = citizens.get(PARTITION_KEY)
        self.partition = read_partition(self.stored_partition)
        self.rows_left = ROWS_A_BATCH
        self.kinds = kinds()

    # ---- loading, in bulk

    def load_citizens(self, given: list[Given]) -> None:
        names = list({name for each in given for name in each.names if name not in self.known})
        keys = [name.encode() for name in names]
        for name, value in zip(names, self.citizens.get_many(keys), strict=True):
            self.known[name] = None if value is None else self.read_citizen(name, value)

    def load_entries(self, given: list[Given]) -> list[bytes | None]:
        """Load the entries that events, disputes and corrections are about, and give their keys.

        None: the record is not one of those, or cannot be taken; or the citizen is not known here.
        """
        places: list[bytes | None] = []
        before: Citizen | None = None
        start = b""
        for each in given:
            topic, values = each.record.topic, each.values
            sound = each.names and each.refusal is None and topic in _MERGE
            citizen = self.known.get(each.names[0]) if sound else None
            if citizen is None or values is None:
                places.append(None)
            else:
                if citizen is not before:
                    before, start = citizen, pack(citizen.id, citizen.since)
                places.append(start + _event_key(topic, values))
        keys = list({key for key in places if key is not None})
        self.entries = dict(zip(keys, self.ledger.get_many(keys), strict=True)) if keys else {}
        return places

    def find(self, name: str) -> Citizen | None:
        """Give a citizen with a consent on record."""
        if name not in self.known:
            value = self.citizens.get(name.encode())
            self.known[name] = None if value is None else self.read_citizen(name, value)
        return self.known[name]

    def read_citizen(self, name: str, value: bytes) -> Citizen:
        citizen = read_citizen(name, value)
        read_again(citizen, self.scorecards)
        return citizen

    # ---- records

    def take_in(self, records: list[Record]) -> list[Record]:
        """Take records in their order; give those from the first on that must wait."""
        largest, audiences = self.options.max_record_bytes, self.options.audiences
        for start in range(0, len(records), CHUNK):
            chunk = records[start : start + CHUNK]
            taken = self.take_all([read(each, largest, audiences) for each in chunk])
            if taken < len(chunk):
                return records[start + taken :]
        return []

    def take_all(self, given: list[Given]) -> int:
        """Take records, with what is stored about them loaded in bulk; give how many were taken."""
        self.load_citizens(given)
        for taken, (each, key) in enumerate(zip(given, self.load_entries(given), strict=True)):
            if key is not None:
                _MERGE[each.record.topic](self, each, key)
            elif not self.take(each):
                return taken
        return len(given)

    def take(self, given: Given) -> bool:
        """Pass over, forward, refuse or apply one record, and count it as what it was.

        False: it must wait for another batch.
        """
        record, names = given.record, given.names
        if record.key == HEARTBEAT or self.left_behind(record):
            self.count(record, "passed")
        elif size(record) > LARGEST:
            self.enormous(given)
        elif record.topic != "ticks" and (right := self.elsewhere(names)) is not None:
            self.misplaced(given, names[0], right)
        elif record.topic in GATE and _has(record, ANSWERS):
            self.own(record)
        elif given.refusal is not None:
            self.refuse(given, names, *given.refusal)
        elif record.topic == "ticks":
            self.tick(given)
        elif record.topic not in GATE:
            self.count(record, "dropped", "no_consent")
        elif record.value is None:
            self.withdraw(given, names)
        elif record.topic == "consents":
            return self.consent(given)
        else:
            self.shares(given)
        return True

    def count(self, record: Record, outcome: str, reason: str = "") -> None:
        if outcome == "scored" and not reason:  # nearly every record
            add(self.scored, record.topic, 1)
        else:
            add(self.outcome.counts, (record.topic, outcome, reason), 1)

    def elsewhere(self, names: tuple[str, ...]) -> int | None:
        """Give the partition where a record belongs, None if that is this one."""
        if not names or self.find(names[0]) is not None:  # whoever is known here belongs here
            return None
        right = partition_of(names[0], self.options.partitions)
        return None if right == self.number else right

    def left_behind(self, record: Record) -> bool:
        """Say whether this is the tombstone of a record that was moved; a withdrawal may be moved
        too, but is then where it belongs.
        """
        if record.value is not None or not _has(record, MOVED):
            return False
        names = named(record)
        return not names or partition_of(names[0], self.options.partitions) != self.number

    def enormous(self, given: Given) -> None:
        """Refuse a record whose bytes no topic of ours might take; where it stood is told."""
        self.dead_letter(given.record, "oversized", f"at most {LARGEST} bytes are kept", bare=True)
        # compaction would keep it; a key as large as that names nobody
        if given.record.topic in GATE and len(given.record.key or b"") <= LARGEST:
            self.write_in_force(given.record)

    def refuse(self, given: Given, names: tuple[str, ...], reason: str, detail: str) -> None:
        """Keep a bad record as a dead letter, unless it names somebody without consent."""
        if any(self.find(name) is None for name in names):
            self.count(given.record, "dropped", "no_consent")
        else:
            self.dead_letter(given.record, reason, detail)
        if given.record.topic in GATE:
            self.write_in_force(given.record)

    def dead_letter(
        self,
        record: Record,
        reason: str,
        detail: str,
        *,
        kept: bool | None = None,
        bare: bool = False,
    ) -> None:
        headers = headers_for(reason, detail, record, kept=kept, bare=bare)
        key, value = (None, None) if bare else (record.key, record.value)
        self.out.produce("dead-letters", key, value, headers=headers)
        self.count(record, "dead_letter", reason)

    def misplaced(self, given: Given, name: str, right: int) -> None:
        """Forward a record to its citizen's partition; one that was moved before is at its end.

        Of that one only the place is told: whether its citizen has consented is not known here.
        """
        record = given.record
        if _has(record, MOVED):
            self.dead_letter(
                record, "misplaced", "partition: the citizen's own expected", bare=True
            )
        else:
            ours = [
                (header, (value or b"")[:256])
                for header, value in record.headers
                if header in (ANSWERS, RECEIPT)
            ][:2]
            self.out.produce(
                record.topic,
                # its own, though nobody's: it is refused there as it would have been at once
                name.encode() if record.key is None else record.key,
                record.value,
                partition=right,
                headers=[*ours, *own_headers(record, ANSWERS, RECEIPT), (MOVED, b"1")],
                timestamp=record.timestamp,
            )
            self.count(record, "forwarded")
        if TOPICS[record.topic].cleanup == "compact" and record.key is not None:
            self.out.produce(record.topic, record.key, None, headers=[(MOVED, b"1")])

    # ---- consents and shares

    def consent(self, given: Given) -> bool:
        """Put a consent in force; False while the work of the citizen's last one is not done.

        What that has let go must not stay because this one lets it in again.
        """
        record, values = given.record, given.values
        assert values is not None
        grants = read_grants(values["grants"])
        if not grants:
            self.withdraw(given, given.names)
            return True
        citizen = self.find(values["citizen_id"])
        if citizen is None:
            citizen = self.begin(values["citizen_id"], record.timestamp, values, grants)
        else:
            self.pass_time(citizen, 0)
            self.effects.emit(citizen, self.advance(citizen))
            if citizen.work is not None:
                return False  # this batch may read no more
        effects = grant(citizen, grants, values["occurred_at"], _cause(record), self.scorecards)
        effects += self.advance(citizen)
        self.effects.emit(citizen, effects)
        self.count(record, "stored")
        return True

    def begin(
        self, citizen_id: str, timestamp: int, values: dict[str, Any], grants: Any
    ) -> Citizen:
        """Begin with a citizen; an erased generation that is still going keeps its own `since`."""
        since = timestamp
        while self.citizens.get(ERASURE + pack(citizen_id, since)) is not None:
            since += 1
        as_of = max(self.partition.tick or 0, min(g.covers_from for g in grants))
        citizen = Citizen(citizen_id, since, as_of, (), values["occurred_at"])
        self.known[citizen_id] = self.touched[citizen_id] = citizen
        self.outcome.citizens += 1
        return citizen

    def withdraw(self, given: Given, names: tuple[str, ...]) -> None:
        """Forget a citizen, or its shares; the ledger goes in pieces, out of sight at once."""
        record = given.record
        if not names:
            self.refuse(given, names, "null_value", "key: a citizen_id expected")
            return
        citizen = self.find(names[0])
        if record.value is not None:  # compaction would keep an empty list
            self.out.produce(
                record.topic, record.key or names[0].encode(), None, headers=_answer(record)
            )
        if record.topic == "shares":
            if citizen is not None:
                self.pass_time(citizen, 0)  # which also has the row stored
                self.effects.emit(citizen, share(citizen, (), record.timestamp))
                citizen.shared_at = None
            self.count(record, "stored")
            return
        receipt = next((value for name, value in record.headers if name == RECEIPT and value), b"")
        receipt_id = receipt.decode("utf-8", "replace")
        # nothing of the person goes into a receipt, nor a part of an id that is longer
        if not 0 < len(receipt_id) <= LONGEST_RECEIPT or names[0] in receipt_id:
            receipt_id = token_hex(16)
        self.count(record, "stored")
        if citizen is None:
            self.receipt(Erasure(b"", receipt_id, record.timestamp, 0, 0))
            return
        visible = [key for key in citizen.accounts if not key.shadow]
        effects: list[Effect] = [
            Closed(key.scorecard, citizen.accounts[key].tier) for key in visible
        ]
        effects += (ended(s, key.scorecard) for s in citizen.shares for key in visible)
        self.effects.emit(citizen, effects)
        if citizen.shared_at is not None:
            self.out.produce("shares", citizen.id.encode(), None, headers=_answer(record))
        self.citizens.delete(citizen.id.encode())
        self.citizens.set_due(citizen.id.encode(), citizen.due, None)
        self.touched.pop(citizen.id, None)
        self.known[citizen.id] = None
        self.outcome.citizens -= 1
        erasure = Erasure(
            pack(citizen.id, citizen.since),
            receipt_id,
            record.timestamp,
            len(visible),
            len(citizen.shares),
        )
        self.citizens.put(ERASURE + erasure.prefix, write_erasure(erasure))
        self.citizens.set_due(ERASURE + erasure.prefix, None, 0)

    def shares(self, given: Given) -> None:
        values = given.values
        assert values is not None
        citizen = self.find(values["citizen_id"])
        if citizen is None:
            self.count(given.record, "dropped", "no_consent")
            self.write_in_force(given.record)
        elif not values["shares"]:
            self.withdraw(given, given.names)
        else:
            self.pass_time(citizen, 0)
            shares = read_shares(values["shares"])
            self.effects.emit(citizen, share(citizen, shares, values["occurred_at"]))
            self.count(given.record, "stored")

    def own(self, record: Record) -> None:
        """Read what a worker wrote: it changes nothing, but what is in force must have the last
        word in the log, or compaction would keep this.
        """
        if record.value != self.in_force(record.topic, named(record)):
            self.write_in_force(record)
        self.count(record, "passed")

    def in_force(self, topic: str, named: tuple[str, ...]) -> bytes | None:
        """Give the value of a consent or of shares that says what is in force; None: nothing is."""
        citizen = self.find(named[0]) if named else None
        if citizen is None or (topic == "shares" and citizen.shared_at is None):
            return None
        values: dict[str, Any] = {"citizen_id": citizen.id}
        if topic == "consents":
            values["occurred_at"] = citizen.granted_at
            values["grants"] = [each._asdict() for each in citizen.grants]
        else:
            values["occurred_at"] = citizen.shared_at
            values["shares"] = [each._asdict() for each in citizen.shares]
        return encode(topic, values)

    def write_in_force(self, record: Record) -> None:
        """Have the last word about the record's key, which need not be whom its value names."""
        if record.key is not None:
            value = self.in_force(record.topic, named(record))
            self.out.produce(record.topic, record.key, value, headers=_answer(record))

    # ---- events, disputes, corrections

    def event(self, given: Given, key: bytes) -> None:
        record, values = given.record, given.values
        assert values is not None
        kind, occurred_at = record.topic, values["occurred_at"]
        citizen = self.admitted(given, kind, occurred_at)
        if citizen is None:
            return
        content = content_of(self.kinds[kind], values)
        self.pass_time(citizen, occurred_at)  # only events move it
        self.renew(citizen)
        cause = Cause(kind, values["event_id"])
        if self.entries[key] is None and not self.past_horizon(citizen, occurred_at):
            # Nearly every event is the first of its key: what its merge comes to is plain.
            self.count(record, "scored")
            written = write_fact(occurred_at, canonical(content))
            moves = [(+1, occurred_at, content)]
            self.store(citizen, key, kind, written, occurred_at, moves, cause)
        else:
            part = Entry(Fact(occurred_at, canonical(content)))
            self.merge_in(record, citizen, key, kind, part, occurred_at, cause)

    def dispute(self, given: Given, key: bytes) -> None:
        record, values = given.record, given.values
        assert values is not None
        kind, named = values["about"]["kind"], values["about"]["occurred_at"]
        citizen = self.admitted(given, kind, named)
        if citizen is not None:
            dispute_id, statement = values["dispute_id"], values["statement"]
            part = dispute(dispute_id, named, values["occurred_at"], values["action"], statement)
            self.pass_time(citizen, 0)
            self.renew(citizen)
            self.merge_in(record, citizen, key, kind, part, named, Cause(record.topic, dispute_id))

    def correction(self, given: Given, key: bytes) -> None:
        record, values = given.record, given.values
        assert values is not None
        kind, named = values["about"]["kind"], values["about"]["occurred_at"]
        citizen = self.admitted(given, kind, named)
        if citizen is not None:
            correction_id = values["correction_id"]
            content = {"action": values["action"], **replaced(values)}
            part = correction(correction_id, named, values["occurred_at"], content)
            self.pass_time(citizen, 0)
            self.renew(citizen)
            cause = Cause(record.topic, correction_id)
            self.merge_in(record, citizen, key, kind, part, named, cause)

    def admitted(self, given: Given, kind: str, time: int) -> Citizen | None:
        """The gate: give the citizen if some grant covers the kind at the event's time."""
        citizen = self.known[given.names[0]]
        if citizen is None or not covers(citizen.grants, kind, time):
            self.count(given.record, "dropped", "not_granted")
            return None
        return citizen

    def past_horizon(self, citizen: Citizen, time: int) -> bool:
        """Say whether an event time lies so far back that nothing of it is kept."""
        return time < citizen.as_of - self.options.horizon

    def merge_in(
        self,
        record: Record,
        citizen: Citizen,
        key: bytes,
        kind: str,
        part: Entry,
        time: int,
        cause: Cause,
    ) -> None:
        """Merge a record into its entry, and publish what that changes."""
        if self.past_horizon(citizen, time):
            self.count(record, "dropped", "past_horizon")
            before = after = EMPTY
        else:
            before, after = self.merged(record, key, part)
        if after is before:
            self.effects.emit(citizen, settle(citizen, cause, self.scorecards))
        else:
            moves = moves_of(before, after)
            self.store(citizen, key, kind, write_entry(after), earliest(after), moves, cause)

    def store(
        self,
        citizen: Citizen,
        key: bytes,
        kind: str,
        written: bytes,
        oldest: int,
        moves: list[Move],
        cause: Cause,
    ) -> None:
        """Put an entry into its place, and publish what it changes."""
        self.entries[key] = written
        self.ledger.put(key, written)
        effects = apply_moves(citizen, key, kind, oldest, moves, cause, self.scorecards)
        if effects:
            self.effects.emit(citizen, effects)

    def merged(self, record: Record, key: bytes, part: Entry) -> tuple[Entry, Entry]:
        """Give an entry before and after a record; the same one twice where nothing changes."""
        stored = self.entries[key]
        if stored is None:
            self.count(record, "scored")
            return EMPTY, part
        before = read_entry(stored)
        after = merge(before, part)
        if after == before:
            after = before
        if after is not before and part.fact is None and _too_much(before, part, after):
            detail = f"at most {MOST_PARTS} disputes, or corrections, of an event expected"
            self.dead_letter(record, "entry_full", detail)
            return before, before
        if conflict(before, part):
            detail, kept = "another content came under this id and time", after.fact == part.fact
            self.dead_letter(record, "conflicting_duplicate", detail, kept=kept)
        else:
            self.count(record, "scored", "duplicate" if after is before else "")
        return before, after

    # ---- time

    def tick(self, given: Given) -> None:
        """Let time pass for the whole partition; who is due is looked at in pieces."""
        assert given.values is not None
        record, partition = given.record, self.partition
        time = given.values["occurred_at"]
        if partition.tick is None or time > partition.tick:
            partition.tick = time
            partition.tick_cause = _cause(record).id
        in_force = self.scorecards.all_in_force(partition.tick)
        if in_force != partition.swept:
            partition.sweep, partition.swept = b"", in_force
        for topic in TOPICS.values():
            if topic.cleanup == "compact" and topic.partitioned:
                self.out.produce(topic.name, HEARTBEAT, None)
        self.count(record, "stored")

    def pass_time(self, citizen: Citizen, to: int) -> None:
        """Move a citizen's time to the latest of `to`, the partition's tick and its own."""
        self.touched[citizen.id] = citizen
        tick = self.partition.tick
        effects = pass_time(citizen, to if tick is None or to > tick else tick)
        if effects:
            self.effects.emit(citizen, effects)

    def renew(self, citizen: Citizen) -> None:
        """Bring a citizen to the scorecards in force now; and go on with what was begun."""
        while citizen.work is not None or stale(citizen, citizen.as_of, self.scorecards):
            if citizen.work is None:
                begin_work(citizen, Cause("scorecard", ""), self.scorecards)
            self.effects.emit(citizen, self.advance(citizen))
            if citizen.work is not None:
                return  # this batch may read no more

    def expire(self, citizen: Citizen) -> None:
        """Let entries leave that lie past the horizon; they have long weighed nothing."""
        self.renew(citizen)  # a version that has come into force is a cause of its own
        oldest = citizen.oldest
        past = oldest is not None and oldest < citizen.as_of - self.options.horizon
        if past and citizen.work is None:
            begin_work(citizen, Cause("ticks", self.partition.tick_cause), self.scorecards)
            self.effects.emit(citizen, self.advance(citizen))

    def advance(self, citizen: Citizen) -> list[Effect]:
        """Do the citizen's work as far as this batch may."""
        if citizen.work is None:
            return []
        self.touched[citizen.id] = citizen
        prefix = pack(citizen.id, citizen.since)
        while citizen.work is not None and self.rows_left > 0:
            limit = min(self.rows_left, 1_000)
            rows = self.ledger.scan(prefix, citizen.work.cursor or None, limit)
            self.rows_left -= len(rows)
            read = [(key, unpack(key)[2].decode(), read_entry(value)) for key, value in rows]
            lost = work_on(citizen, read, self.scorecards, self.options.horizon)
            for key, kept in lost.items():
                self.entries[key] = written = None if kept == EMPTY else write_entry(kept)
                if written is None:
                    self.ledger.delete(key)
                else:
                    self.ledger.put(key, written)
            if len(rows) < limit:
                return finish_work(citizen, self.scorecards)
        return []

    def go_on(self) -> None:
        """Do a piece of what time, versions and withdrawals have left to do."""
        until = self.partition.tick or 0
        due = self.citizens.due(until, CITIZENS_A_BATCH)
        for time, key in due:
            if key.startswith(ERASURE):
                self.erase(key)
                continue
            citizen = self.find(key.decode())
            if citizen is None or citizen.due != time:  # left by an older state of the row
                self.citizens.set_due(key, time, None)
            else:
                self.look_at(citizen)
        if self.partition.sweep is not None and len(due) < CITIZENS_A_BATCH:
            rows = self.citizens.scan(b"", self.partition.sweep or None, CITIZENS_A_BATCH)
            names = [key.decode() for key, _ in rows if not key.startswith(b"\x00")]
            for name in [*names, *self.touched]:  # who began in this batch is in no row yet
                citizen = self.find(name)
                if citizen is not None and stale(
                    citizen, max(citizen.as_of, until), self.scorecards
                ):
                    self.look_at(citizen)
            self.partition.sweep = rows[-1][0] if len(rows) == CITIZENS_A_BATCH else None
        for citizen in self.touched.values():
            if citizen.due is None or citizen.due <= citizen.as_of:
                self.expire(citizen)
        self.outcome.pending = (
            len(due) == CITIZENS_A_BATCH
            or self.partition.sweep is not None
            or self.rows_left <= 0
            or any(citizen.work is not None for citizen in self.touched.values())
        )

    def look_at(self, citizen: Citizen) -> None:
        """Let time pass for a citizen for whom nothing has arrived."""
        self.pass_time(citizen, 0)
        self.renew(citizen)
        cause = Cause("ticks", self.partition.tick_cause)
        self.effects.emit(citizen, settle(citizen, cause, self.scorecards))

    def erase(self, key: bytes) -> None:
        """Erase a piece of a withdrawn ledger; after the last, write the receipt."""
        stored = self.citizens.get(key)
        if stored is None:
            self.citizens.set_due(key, 0, None)
            return
        if self.rows_left <= 0:
            return
        erasure = read_erasure(key, stored)
        limit = self.rows_left
        rows = self.ledger.scan(erasure.prefix, None, limit)
        self.rows_left -= len(rows)
        for row, _ in rows:
            self.ledger.delete(row)
        erasure.entries += len(rows)
        if len(rows) < limit:
            self.citizens.delete(key)
            self.citizens.set_due(key, 0, None)
            self.receipt(erasure)
        else:
            self.citizens.put(key, write_erasure(erasure))

    def receipt(self, erasure: Erasure) -> None:
        """Write what was erased, under an id that only the withdrawing client knows."""
        values = {
            "receipt_id": erasure.receipt_id,
            "erased": {
                "scorecards": erasure.scorecards,
                "entries": erasure.entries,
                "shares": erasure.shares,
            },
            "withdrawn_at": erasure.withdrawn_at,
            "erased_by": erasure.withdrawn_at + ERASED_WITHIN,
        }
        self.out.produce("receipts", erasure.receipt_id.encode(), encode("receipts", values))

    # ---- the end

    def write(self) -> None:
        """Put every row that was touched into its table, and the latest scores out."""
        for topic, number in self.scored.items():
            add(self.outcome.counts, (topic, "scored", ""), number)
        for citizen in self.touched.values():
            key = citizen.id.encode()
            due = next_due(citizen, self.scorecards, self.options.horizon)
            if due != citizen.due:
                self.citizens.set_due(key, citizen.due, due)
                citizen.due = due
                if due is not None and due <= (self.partition.tick or 0):
                    self.outcome.pending = True
            self.citizens.put(key, write_citizen(citizen))
        partition = write_partition(self.partition)
        if partition != (self.stored_partition or write_partition(read_partition(None))):
            self.citizens.put(PARTITION_KEY, partition)
        self.effects.send_scores()


_MERGE = {
    "disputes": _Batch.dispute,
    "corrections": _Batch.correction,
    **dict.fromkeys(KINDS, _Batch.event),
}


def _event_key(topic: str, values: dict[str, Any]) -> bytes:
    """Give what stands behind the citizen in the ledger's key of an event."""
    about = values.get("about")
    kind, event = (topic, values) if about is None else (about["kind"], about)
    return pack(kind, event["source"], event["event_id"])


def _has(record: Record, header: str) -> bool:
    return any(name == header for name, _ in record.headers)


def _too_much(before: Entry, part: Entry, after: Entry) -> bool:
    """Say whether a part is more of its sort than is kept of one event; what ends a dispute is
    always taken.
    """
    same = Entry(None, after.disputes) if part.disputes else Entry(None, {}, after.corrections)
    parts = len(same.disputes) + len(same.corrections)
    if parts <= 1 or (parts <= MOST_PARTS and len(write_entry(same)) <= LARGEST_PARTS):
        return False
    ends = [key in before.disputes and s.opened_at is None for key, s in part.disputes.items()]
    return not any(ends)


def _answer(record: Record) -> list[tuple[str, bytes]]:
    return [(ANSWERS, str(record.offset).encode())]
