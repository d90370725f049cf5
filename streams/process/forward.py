"""Records in another partition than their citizen's: forwarded, once."""

from streams.dead_letters import own_headers
from streams.given import Given, named
from streams.marks import ANSWERS, MOVED, RECEIPT
from streams.process.batch import Batch, has
from streams.process.refuse import dead_letter
from streams.record import Record
from streams.topics import TOPICS, partition_of


def elsewhere(batch: Batch, names: tuple[str, ...]) -> int | None:
    """Give the partition where a record belongs, None if that is this one."""
    if not names or batch.find(names[0]) is not None:  # whoever is known here belongs here
        return None
    right = partition_of(names[0], batch.options.partitions)
    return None if right == batch.number else right


def left_behind(batch: Batch, record: Record) -> bool:
    """Say whether this is the tombstone of a record that was moved; a withdrawal may be moved
    too, but is then where it belongs.
    """
    if record.value is not None or not has(record, MOVED):
        return False
    names = named(record)
    return not names or partition_of(names[0], batch.options.partitions) != batch.number


def forward(batch: Batch, given: Given, right: int) -> None:
    """Forward a record to its citizen's partition; one that was moved before is at its end.

    It keeps its time of sending, unless Kafka takes none as old as that any more: then it is judged
    by the time at which it is forwarded, as if it were sent only now. A dispute is out of time by
    that. But shares might so outlive a withdrawal that came after them: those are not forwarded.

    Of what is not, only the place is told: whether its citizen has consented is not known here.
    """
    record = given.record
    in_time = batch.out.takes(record.topic, record.timestamp)
    if has(record, MOVED):
        detail = "partition: the citizen's own expected"
        dead_letter(batch, record, "misplaced", detail, bare=True)
    elif not in_time and given.values and given.values.get("shares"):
        detail = "partition: the citizen's own expected, of a record as old as this one"
        dead_letter(batch, record, "too_old_to_move", detail, bare=True)
    else:
        ours = [
            (header, (value or b"")[:256])
            for header, value in record.headers
            if header in (ANSWERS, RECEIPT)
        ][:2]
        batch.out.produce(
            record.topic,
            # its own, though nobody's: it is refused there as it would have been at once
            given.names[0].encode() if record.key is None else record.key,
            record.value,
            partition=right,
            headers=[*ours, *own_headers(record, ANSWERS, RECEIPT), (MOVED, b"1")],
            timestamp=record.timestamp if in_time else None,
        )
        batch.count(record, "forwarded")
    if TOPICS[record.topic].cleanup == "compact" and record.key is not None:
        batch.out.produce(record.topic, record.key, None, headers=[(MOVED, b"1")])
