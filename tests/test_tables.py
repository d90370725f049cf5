"""The tables without a broker: overlay, folder, counts, what is usable, what Faust sees."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import faust
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams import metrics
from streams.errors import BadData, BadUsage, PlainscoreError
from streams.tables.counted import Counted
from streams.tables.ends import Ends
from streams.tables.overlay import Overlay
from streams.tables.partition import FORM, Corrupt, PartitionStore, after_prefix, partition_folder
from streams.tables.progress import EVERY, Progress
from streams.tables.restore import delete_forgotten, usable
from streams.tables.store import Store
from streams.tables.table import Table, TableManager
from streams.views import CitizensView, View

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_800_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PartitionStore]:
    store = PartitionStore.open(tmp_path / "partition-0")
    yield store
    store.close()


def commit(store: PartitionStore, overlay: Overlay, offset: int = 1) -> None:
    offsets = {"citizens": offset, "ledger": offset}
    store.write(overlay.changes(), overlay.due_changes(), offsets, None)
    overlay.clear()


# ---- overlay

KEYS = st.binary(max_size=3).map(lambda key: bytes(b"\x00a\xff"[byte % 3] for byte in key) + b"k")
VALUES = st.one_of(st.none(), st.binary(max_size=2))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, VALUES),
        st.tuples(st.just("scan"), st.sampled_from([b"", b"a", b"\xff", b"aa"]), KEYS),
        st.tuples(st.just("due"), KEYS, st.integers(0, 9)),
        st.tuples(st.just("commit"), st.none(), st.none()),
        st.tuples(st.just("abort"), st.none(), st.none()),
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_an_overlay_over_a_store_is_a_sorted_dict(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any, Any]]
) -> None:
    store = PartitionStore.open(tmp_path_factory.mktemp("state") / "partition-0")
    overlay = Overlay(store)
    citizens = overlay.citizens
    rows: dict[bytes, bytes] = {}
    due: dict[bytes, int] = {}
    committed = (dict(rows), dict(due))
    for step, key, other in steps:
        if step == "put" and other is None:
            citizens.delete(key)
            rows.pop(key, None)
        elif step == "put":
            citizens.put(key, other)
            rows[key] = other
        elif step == "due":
            citizens.set_due(key, due.get(key), other or None)
            due[key] = other
            if not other:
                del due[key]
        elif step == "commit":
            commit(store, overlay)
            committed = (dict(rows), dict(due))
        elif step == "abort":
            overlay.clear()
            rows, due = dict(committed[0]), dict(committed[1])
        else:
            expected = sorted(row for row in rows.items() if row[0].startswith(key))
            assert citizens.scan(key, None, 100) == expected
            after = [row for row in expected if row[0] > other]
            assert citizens.scan(key, other, 2) == after[:2]
            in_order = sorted((time, who) for who, time in due.items())
            assert citizens.due(5, 100) == [each for each in in_order if each[0] <= 5]
            assert citizens.due(9, 2) == in_order[:2]
            keys = [key, other, *rows]
            assert citizens.get_many(keys) == [rows.get(each) for each in keys]
            assert [citizens.get(each) for each in keys] == [rows.get(each) for each in keys]
    assert overlay.ledger.scan(b"", None, 1) == []
    store.close()


def test_views_are_what_process_asks_for(store: PartitionStore) -> None:
    overlay = Overlay(store)
    citizens: CitizensView = overlay.citizens
    ledger: View = overlay.ledger
    assert (overlay.view("citizens"), overlay.view("ledger")) == (citizens, ledger)


def test_scans_between_many_writes_see_all_of_them_in_order(store: PartitionStore) -> None:
    ledger = Overlay(store).ledger
    for number in range(2_000):
        ledger.put(b"%04d" % (number * 7919 % 2_000), b"v")
        if number % 50 == 0:
            assert len(ledger.scan(b"", None, 9_999)) == number + 1
    assert [key for key, _ in ledger.scan(b"00", b"0010", 3)] == [b"0011", b"0012", b"0013"]


@pytest.mark.parametrize(
    ("prefix", "behind"), [(b"a", b"b"), (b"a\xff", b"b"), (b"\xff\xff", None), (b"", None)]
)
def test_the_key_behind_a_prefix(prefix: bytes, behind: bytes | None) -> None:
    assert after_prefix(prefix) == behind


# ---- folder


def test_a_folder_keeps_rows_offsets_time_and_counts(tmp_path: Path) -> None:
    store = PartitionStore.open(tmp_path / "p")
    assert store.offsets() == {}
    assert store.last_write_ms() is None
    assert store.counted() is None
    due = {b"\x00" * 8 + b"ada": b""}
    store.write({"citizens": {b"ada": b"1"}}, due, {"citizens": 7}, b"one", 5)
    store.close()
    store.close()
    store = PartitionStore.open(tmp_path / "p")
    assert list(store.rows("citizens")) == [(b"ada", b"1")]
    assert list(store.rows("due")) == [(b"\x00" * 8 + b"ada", b"")]
    assert (store.offsets(), store.last_write_ms(), store.counted()) == ({"citizens": 7}, 5, b"one")
    store.close()


def test_what_was_deleted_is_in_no_file_a_day_later(tmp_path: Path) -> None:
    path = tmp_path / "p"
    rows = {b"anna-%d" % number: os.urandom(50) for number in range(1_000)}
    store = PartitionStore.open(path)
    store.write({"citizens": rows, "ledger": rows}, dict.fromkeys(rows, b""), {}, None, NOW)
    store.close()
    store = PartitionStore.open(path)
    gone: dict[bytes, bytes | None] = dict.fromkeys(rows)
    store.write({"citizens": gone, "ledger": {**gone, b"ben": b"1"}}, gone, {}, None, NOW + HOUR)
    store.close()
    assert tables_with(path, b"anna")
    store = PartitionStore.open(path)
    store.write({}, {}, {}, None, NOW + DAY - 1)
    assert store._compacting is None
    store.write({}, {}, {"ledger": 9}, None, NOW + DAY)
    assert store._compacting is not None
    store._compacting.join()
    assert not tables_with(path, b"anna")
    assert tables_with(path, b"ben")
    store.close()
    store = PartitionStore.open(path)
    assert (list(store.rows("ledger")), store.offsets()) == ([(b"ben", b"1")], {"ledger": 9})
    store.write({}, {}, {}, None, NOW + 2 * DAY - 1)  # a restart begins no new day
    assert store._compacting is None
    store.close()


def tables_with(path: Path, word: bytes) -> list[Path]:
    return [file for file in path.glob("*.sst") if word in file.read_bytes()]


def test_rows_go_in_and_the_folder_is_let_go_while_it_is_compacted(tmp_path: Path) -> None:
    rows = {b"%06d" % number: os.urandom(200) for number in range(60_000)}
    store = PartitionStore.open(tmp_path / "p")
    store.write({"ledger": rows}, {}, {"ledger": 1}, None, NOW)
    store.write({"ledger": {b"a": b"1"}}, {}, {"ledger": 2}, None, NOW + DAY)
    store.write({"ledger": {b"b": b"2"}}, {}, {"ledger": 3}, None, NOW + 2 * DAY)
    assert store._compacting is not None
    assert store.get_many("ledger", [b"a", b"b"]) == [b"1", b"2"]
    store.close()
    assert not store._compacting.is_alive()
    store = PartitionStore.open(tmp_path / "p")
    assert dict(store.rows("ledger")) == {**rows, b"a": b"1", b"b": b"2"}
    assert store.offsets() == {"ledger": 3}
    store.close()


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from streams.tables.partition import PartitionStore
store = PartitionStore.open(Path(sys.argv[1]))
for number in range(10**9):
    row = {b"%09d" % number: os.urandom(20_000)}
    store.write({"citizens": row, "ledger": row}, {}, {"citizens": number, "ledger": number}, None)
    if number == 4_000:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_after_a_kill_rows_and_offsets_agree(tmp_path: Path) -> None:
    """160 MB were written: RocksDB has flushed some of it, and the rest is lost as one."""
    path = tmp_path / "p"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    store = PartitionStore.open(path)
    offsets = store.offsets()
    assert 0 < offsets["citizens"] == offsets["ledger"]
    for table, offset in offsets.items():
        assert [int(key) for key, _ in store.rows(table)] == list(range(offset + 1))
    store.close()


FULL = """
import os, resource, sys
from dataclasses import replace
from pathlib import Path
from streams.tables.partition import PartitionStore
store = PartitionStore.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    for number in range(20_000):
        store.write({"ledger": {b"%09d" % number: os.urandom(20_000)}}, {}, {}, None)
except Exception as error:
    print(type(error).__name__, error, flush=True)
os._exit(0)
"""


def test_a_disk_that_takes_no_more_is_a_sentence(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "p")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.startswith("PlainscoreError the state folder cannot be used: IO error")
    assert f"({tmp_path / 'p'}). Look at free space" in ran.stdout


NO_ROOM = """
import os, resource, sys
from dataclasses import replace
from pathlib import Path
from streams.tables.partition import PartitionStore
store = PartitionStore.open(Path(sys.argv[1]))
store.write({"citizens": {b"first": b""}}, {b"first": b""}, {"citizens": 1, "ledger": 0}, None)
store.close()
store = PartitionStore.open(Path(sys.argv[1]))
for number in range(3_000):
    row = {b"%09d" % number: os.urandom(1_000)}
    citizen = {b"%09d" % number: b"small"}
    offsets = {"citizens": number + 2, "ledger": number + 1}
    store.write({"citizens": citizen, "ledger": row}, citizen, offsets, None)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))  # the ledger alone takes more
store.close()
"""


def test_a_disk_that_takes_no_more_on_closing_parts_no_family_from_another(tmp_path: Path) -> None:
    """Rows of citizens without their due times would never age: a restore sees nothing to do."""
    path = tmp_path / "p"
    command = [sys.executable, "-c", NO_ROOM, str(path)]
    closed = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "state_folder_not_written" in closed.stdout + closed.stderr
    store = PartitionStore.open(path)
    assert store.offsets() == {"citizens": 1, "ledger": 0}
    held = {family: [key for key, _ in store.rows(family)] for family in ("ledger", "due")}
    assert held == {"ledger": [], "due": [b"first"]}
    assert [key for key, _ in store.rows("citizens")] == [b"first"]
    store.close()


def test_rows_are_the_same_however_the_folder_was_opened_to_write_them(tmp_path: Path) -> None:
    store = PartitionStore.open(tmp_path / "p")
    store.write({"ledger": {b"1": b"one", b"2": b"two"}}, {}, {"ledger": 2}, None)

    def holds_all() -> bool:
        assert list(store.rows("ledger")) == [(b"1", b"one"), (b"3", b"three")]
        assert store.get_many("ledger", [b"1", b"2", b"3"]) == [b"one", None, b"three"]
        assert list(store.rows("due")) == [(b"due", b"")]
        return (store.offsets(), store.counted()) == ({"ledger": 5}, b"one")

    with store.loading():
        store.write({"ledger": {b"2": None, b"3": b"3"}}, {b"due": b""}, {"ledger": 4}, b"one")
        store.write({"ledger": {b"3": b"three"}}, {}, {"ledger": 5}, None)
        assert holds_all()
    assert holds_all()
    store.close()


NOT_TAKEN = """
import os, resource, sys
from dataclasses import replace
from pathlib import Path
from streams.tables.partition import PartitionStore
store = PartitionStore.open(Path(sys.argv[1]))
try:
    with store.loading():
        rows = {b"%09d" % number: os.urandom(1_000) for number in range(3_000)}
        store.write({"ledger": rows}, {}, {"ledger": 3_000}, b"all")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
except Exception as error:
    print(type(error).__name__, error, flush=True)
store.close()
"""


def test_what_the_disk_has_not_taken_is_never_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "p"
    command = [sys.executable, "-c", NOT_TAKEN, str(path)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "PlainscoreError the state folder cannot be used: IO error" in ran.stdout
    store = PartitionStore.open(path)
    assert (store.offsets(), store.counted(), list(store.rows("ledger"))) == ({}, None, [])
    store.close()


def test_a_folder_that_is_in_use_is_not_taken(store: PartitionStore) -> None:
    with pytest.raises(BadUsage, match="another process uses the state folder"):
        PartitionStore.open(store.path)


def test_a_file_in_the_folders_place_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("")
    with pytest.raises(PlainscoreError, match=r"cannot be used: .*File exists"):
        PartitionStore.open(tmp_path / "p")


@pytest.mark.parametrize("damaged", ["MANIFEST-*", "*.sst", "CURRENT"])
def test_a_damaged_folder_is_corrupt(tmp_path: Path, damaged: str) -> None:
    store = PartitionStore.open(tmp_path / "p")
    store.write({"ledger": {b"k": b"v"}}, {}, {"ledger": 1}, None)
    store.close()
    for path in (tmp_path / "p").glob(damaged):
        path.write_bytes(b"not this")
    with pytest.raises(Corrupt, match="damaged"):
        PartitionStore.open(tmp_path / "p")
    PartitionStore.destroy(tmp_path / "p")
    PartitionStore.destroy(tmp_path / "p")
    PartitionStore.open(tmp_path / "p").close()


def test_a_damaged_block_is_never_taken_for_the_end_of_a_table(tmp_path: Path) -> None:
    store = PartitionStore.open(tmp_path / "p")
    rows: dict[bytes, bytes | None] = {b"%06d" % number: os.urandom(100) for number in range(9_999)}
    store.write({"ledger": rows}, {}, {"ledger": 1}, None)
    store.close()
    largest = max((tmp_path / "p").glob("*.sst"), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.seek(largest.stat().st_size // 2)
        file.write(bytes(5_000))
    store = PartitionStore.open(tmp_path / "p")
    with pytest.raises(Corrupt, match="checksum"):
        list(store.rows("ledger"))
    with pytest.raises(Corrupt, match="checksum"):
        store.get_many("ledger", list(rows))
    with pytest.raises(Corrupt, match="checksum"):
        [store.get("ledger", key) for key in rows]
    store.close()


def test_forgotten_folders_are_deleted_after_a_week(tmp_path: Path) -> None:
    for partition in range(3):
        PartitionStore.open(partition_folder(tmp_path, partition)).close()
    (tmp_path / "other").mkdir()
    now = int(os.stat(partition_folder(tmp_path, 1)).st_mtime * 1000)
    assert delete_forgotten(tmp_path, {0}, now + 6 * DAY) == []
    deleted = delete_forgotten(tmp_path, {0, 2}, now + 8 * DAY)
    assert deleted == [partition_folder(tmp_path, 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "other",
        "partition-0",
        "partition-2",
    ]
    assert delete_forgotten(tmp_path / "none", set(), now) == []


# ---- usable

NOW = 1_700_000_000_000
IDS = {"citizens": "a", "ledger": "b"}
ENDS = Ends(NOW, IDS, {"citizens": 0, "ledger": 0}, {"citizens": 20, "ledger": 20})
LOST = replace(ENDS, low={"citizens": 10, "ledger": 0})  # the first ten records of one


@pytest.mark.parametrize(
    ("offsets", "age", "form", "expected"),
    [
        ({"citizens": 10, "ledger": 20}, 0, FORM, True),
        ({"citizens": 10, "ledger": 20}, DAY // 2, FORM, True),
        ({"citizens": 10, "ledger": 20}, DAY // 2 + 1, FORM, False),
        ({"citizens": 10, "ledger": 21}, 0, FORM, False),
        ({"citizens": 10}, 0, FORM, False),
        ({"citizens": 10, "ledger": 20}, 0, FORM + 1, False),
    ],
)
def test_which_folder_may_go_on(
    tmp_path: Path, offsets: dict[str, int], age: int, form: int, expected: bool
) -> None:
    store = PartitionStore.open(tmp_path / "p", form)
    store.write({}, {}, offsets, None, NOW - age)
    store.close()
    store = PartitionStore.open(tmp_path / "p")
    assert usable(store, ENDS, DAY) is expected
    store.close()


@pytest.mark.parametrize(
    ("citizens", "age", "form"), [(9, 0, FORM), (0, 0, FORM), (20, DAY, FORM), (20, 0, FORM + 1)]
)
def test_a_folder_that_may_hold_what_its_changelog_has_lost_is_not_given_up(
    tmp_path: Path, citizens: int, age: int, form: int
) -> None:
    store = PartitionStore.open(tmp_path / "p", form)
    store.write({}, {}, {"citizens": citizens, "ledger": 20}, None, NOW - age)
    with pytest.raises(BadData, match="citizens-changelog"):
        usable(store, LOST, DAY)
    store.close()


def test_a_folder_that_holds_what_its_changelog_has_lost_may_go_on(store: PartitionStore) -> None:
    store.write({}, {}, {"citizens": 10, "ledger": 0}, None, NOW)
    assert usable(store, LOST, DAY)


def test_a_new_folder_may_be_used_where_its_changelogs_have_lost_nothing(
    store: PartitionStore,
) -> None:
    assert usable(store, ENDS, DAY)
    with pytest.raises(BadData, match="citizens-changelog"):
        usable(store, LOST, DAY)


@pytest.mark.parametrize("ledger", ["b", "of another cluster"])
def test_a_folder_goes_on_with_the_very_changelogs_that_it_came_from(
    store: PartitionStore, ledger: str
) -> None:
    store.follow({"citizens": "a", "ledger": ledger})
    store.write({}, {}, {"citizens": 10, "ledger": 20}, None, NOW)
    assert usable(store, ENDS, DAY) is (ledger == "b")


# ---- counts


def test_counts_move_and_are_read_back() -> None:
    counted = Counted()
    counted.move(2, {("everyday", "plain"): 2, ("prepaid", "good"): 1})
    counted.move(-1, {("everyday", "plain"): -1, ("prepaid", "good"): -1})
    assert counted == Counted(1, Counter({("everyday", "plain"): 1}))
    assert Counted.decode(counted.encode()) == counted


# ---- how far a restore is


def test_a_restore_tells_now_and_then_how_far_it_is_and_how_long_it_takes() -> None:
    now = 100.0
    progress = Progress(7, lambda: now)
    with capture_logs() as told:
        for read, left in ((0, 90_000), (10_000, 80_000), (30_000, 60_000)):
            progress(read, left)
            now += EVERY / 2
        progress(60_000, 30_000)
    (line,) = told
    assert (line["event"], line["partition"]) == ("partition_restoring", 7)
    assert (line["records"], line["records_left"]) == (30_000, 60_000)
    assert (line["records_per_second"], line["seconds_left"]) == (6_000, 10)
    assert metrics.restore_remaining.labels("7")._value.get() == 30_000
    assert metrics.restore_records.labels("7")._value.get() == 60_000


def test_many_partitions_open_more_files_than_a_process_may_at_first(tmp_path: Path) -> None:
    """The system's first limit is 1,024, which a worker with 100 partitions went over."""
    code = (
        "import resource, sys; from pathlib import Path; from streams.memory import split;"
        "from streams.tables.partition import PartitionStore, bound;"
        "_, most = resource.getrlimit(resource.RLIMIT_NOFILE);"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, most)); bound(split(512, 16));"
        "stores = [PartitionStore.open(Path(sys.argv[1], str(n))) for n in range(16)]"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


# ---- what Faust sees


def test_faust_gives_our_tables_by_name(store: PartitionStore) -> None:
    app = faust.App("plainscore", Table=Table, TableManager=TableManager, web_enabled=False)
    citizens = app.Table("citizens")
    assert type(citizens) is Table
    assert type(citizens.data) is Store  # a wrong URL would silently give Faust's own, in memory
    overlay = app.tables.overlays[0] = Overlay(store)
    assert citizens.view(0) is overlay.view("citizens")
    overlay.citizens.put(b"ada", b"1")
    assert citizens[b"ada"] == b"1"
    assert b"bob" not in citizens
    assert list(citizens.items()) == [(b"ada", b"1")]
    assert len(citizens) == 1
    assert app.tables.changelog_topics == set()
    with pytest.raises(BadUsage, match="outside of an agent"):
        citizens[b"bob"] = b"2"


def test_the_tables_start_without_faust_reading_changelogs() -> None:
    async def start() -> None:
        app = faust.App("plainscore", Table=Table, TableManager=TableManager, web_enabled=False)
        app.Table("citizens")
        async with app.tables:
            await app.tables.wait_until_tables_registered()
            with pytest.raises(RuntimeError, match="Too late"):
                app.Table("ledger")

    asyncio.run(start())
