"""Where a worker's memory goes: one setting, split among all that would else grow with the load."""

from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024
LARGEST_MEMTABLE = 8 * MIB  # a larger one is slower to write to, and no faster to read
LARGEST_FETCH = 50 * MIB  # librdkafka's own default, of one answer of a broker
MOST_FETCHED = 2_097_151  # librdkafka takes no larger number of KiB


@dataclass(frozen=True)
class Memory:
    """Bytes for each part; a part that is full makes others wait, or goes to the disk."""

    blocks: int  # RocksDB's cache of what it has read, for all partitions together
    memtables: int  # rows that RocksDB has not yet written to the disk, for all partitions together
    memtable: int  # the most of these in one table of one partition
    fetched: int  # records that librdkafka has fetched: it fetches no more until some are processed
    produced: int  # records that librdkafka has not sent yet: processing waits until some are

    @property
    def fetching(self) -> dict[str, Any]:
        """Give librdkafka's settings of what is fetched; half is kept for the answer on its way."""
        return {
            "queued.max.messages.kbytes": min(self.fetched // 2 // 1024, MOST_FETCHED),
            "fetch.max.bytes": min(self.fetched // 2, LARGEST_FETCH),
        }

    @property
    def producing(self) -> dict[str, Any]:
        """Give librdkafka's settings of what is produced."""
        return {"queue.buffering.max.kbytes": self.produced // 1024}


def split(memory_mib: int, partitions: int) -> Memory:
    """Split what a worker may take on top of what Python itself needs.

    A quarter each for RocksDB's blocks and for its memtables, an eighth for what is fetched, and
    three eighths for what is produced: a batch's output is several times as large as the batch. The
    memtables of all partitions must fit into their part together, since a worker may come to own
    all: even an empty one takes an eighth of its size and a filter of a tenth.

    Not in it are Python's own 150 MiB, the batch in its hands, and the citizens whom `process`
    keeps between batches.
    """
    eighth = memory_mib * MIB // 8
    memtables = 2 * eighth
    memtable = min(memtables // (2 * partitions), LARGEST_MEMTABLE)
    return Memory(2 * eighth, memtables, memtable, eighth, 3 * eighth)
