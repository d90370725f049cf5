"""A batch: what was fetched for one transaction, by partition."""

from dataclasses import dataclass, field

from streams.record import Record

MOST_RECORDS = 20_000  # in a batch, where the machine is fast enough for them
MOST_BYTES = 8 * 1024 * 1024  # fetched for a batch: a few times what so many records usually have


@dataclass(slots=True)
class Batch:
    """Records of one or more partitions, each partition's in the order in which they were read."""

    generation: int  # of the assignment under which it was read; an older one must not be processed
    parts: dict[int, list[Record]] = field(default_factory=dict)
    positions: dict[tuple[str, int], int] = field(default_factory=dict)  # what to commit: next ones

    def add(self, record: Record) -> None:
        """Take a record that follows on those of its topic and partition."""
        self.parts.setdefault(record.partition, []).append(record)
        self.positions[record.topic, record.partition] = record.offset + 1

    def sent(self, partition: int, records: list[Record]) -> dict[str, list[int]]:
        """Give by topic when those records of a partition were sent that are not left for later."""
        places = self.positions.items()
        ends = {topic: end for (topic, number), end in places if number == partition}
        times: dict[str, list[int]] = {}
        for record in records:
            if record.offset < ends[record.topic]:
                times.setdefault(record.topic, []).append(record.timestamp)
        return times

    def __len__(self) -> int:
        return sum(len(records) for records in self.parts.values())
