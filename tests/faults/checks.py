"""What must hold after a schedule, beside scores and changes: of logs, folders and lag."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams import dead_letters
from streams.codec import decode
from streams.record import Record
from streams.state import PARTITION_KEY, read_partition, standing_of
from streams.tables.counted import Counted
from streams.tables.overlay import due_key
from streams.tables.partition import TABLES, Corrupt, PartitionStore
from streams.topics import INPUTS
from tests.faults.history import GARBAGE, NOBODY, Published
from tests.lane_world import CHANGELOGS, OUTPUTS, PARTITIONS, last_of_each_key

Seen = Mapping[str, list[Record]]


def settled(seen: Seen, now: int) -> bool:
    """Whether nothing is left to do of what is done in pieces, or when time has passed."""
    for key, record in last_of_each_key(seen["citizens-changelog"]).items():
        if record.value is None:
            continue
        if key == PARTITION_KEY:
            if read_partition(record.value).sweep is not None:
                return False
            continue
        due = standing_of(key, record.value).due
        if due is not None and due <= now:
            return False
    return True


def check_logs(seen: Seen, published: Published) -> None:
    """Assert that each refused record and each withdrawal has been answered exactly once."""
    refused = Counter(_refused_place(record) for record in seen["dead-letters"])
    twice = [place for place, times in refused.items() if times > 1]
    assert not twice, f"dead letters stand twice for {twice[:5]}"
    nobodys = [
        (record.topic, record.partition, record.offset)
        for topic in INPUTS
        for record in seen[topic]
        if _is_nobodys(record)
    ]
    assert len(nobodys) == published.nobodys
    missing = set(nobodys) - set(refused)
    assert not missing, f"no dead letter tells of {missing}"
    receipts = Counter(decode("receipts", each.value)["receipt_id"] for each in seen["receipts"])
    expected = Counter(published.receipts)
    assert receipts == expected, f"receipts {receipts} in place of {expected}"


def _refused_place(record: Record) -> tuple[str, int, int]:
    headers = {name: value or b"" for name, value in record.headers}
    return (
        headers[dead_letters.TOPIC].decode(),
        int(headers[dead_letters.PARTITION]),
        int(headers[dead_letters.OFFSET]),
    )


def _is_nobodys(record: Record) -> bool:
    return record.value == GARBAGE and record.key in (None, NOBODY)


def check_no_open_transaction(admin: AdminClient, prefix: str) -> None:
    """Assert that whoever reads committed records can read each log to its end."""
    places = [
        TopicPartition(prefix + topic, number)
        for topic in (*INPUTS, *OUTPUTS, *CHANGELOGS)
        for number in range(PARTITIONS)
    ]
    ends = []
    for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED):
        asked = dict.fromkeys(places, OffsetSpec.latest())
        answers = admin.list_offsets(asked, isolation_level=level, request_timeout=30)
        ends.append({(at.topic, at.partition): f.result().offset for at, f in answers.items()})
    stable, high = ends
    assert all(end >= 0 for end in (*stable.values(), *high.values())), "a leader gave no answer"
    open_ones = [place for place in high if stable[place] != high[place]]
    assert not open_ones, f"transactions are open in {open_ones}"


def check_folder(path: Path, seen: Seen, *, compacted: bool, spoiled: bool) -> None:
    """Assert that a partition's folder holds what its changelogs say up to its offsets.

    It may be the folder of a worker long dead. Of a log that was compacted, only the end can be
    told: there the folder is passed over unless it is there. One that was spoiled, and that no
    worker has needed since, must be seen to be so.
    """
    number = int(path.name.removeprefix("partition-"))
    try:
        store = PartitionStore.open(path)
    except Corrupt:
        assert spoiled
        return
    try:
        offsets = store.offsets()
        for table in TABLES:
            log = [r for r in seen[f"{table}-changelog"] if r.partition == number]
            reached = offsets.get(table, 0)
            if compacted and log and log[-1].offset >= reached:
                return
            last = last_of_each_key(each for each in log if each.offset < reached)
            right = {key: each.value for key, each in last.items() if each.value is not None}
            rows = dict(store.rows(table))
            wrong = [key for key in right.keys() | rows.keys() if right.get(key) != rows.get(key)]
            assert not wrong, f"{path}: {len(wrong)} rows of {table} differ, such as {wrong[:3]}"
        _check_derived(store)
    finally:
        store.close()


def _check_derived(store: PartitionStore) -> None:
    """Assert that the index of due times and the counts agree with the rows of citizens."""
    written = store.counted()
    if written is None:  # a restore broke off: the next one makes both
        return
    due, counted = set(), Counted()
    for key, value in store.rows("citizens"):
        standing = standing_of(key, value)
        if standing.due is not None:
            due.add(due_key(standing.due, key))
        counted.count(standing, 1)
    found = {key for key, _ in store.rows("due")}
    assert found == due, f"{store.path}: the index of due times differs: {found ^ due}"
    assert Counted.decode(written) == counted, f"{store.path}: counts differ"
