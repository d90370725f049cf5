"""The RocksDB folder of one partition: its tables, and how far their changelogs went into them.

Nothing is written ahead to a log: the changelogs are the truth, and what a crash loses is read
from there again. So that data and offsets can never part, each write is one batch, and RocksDB
flushes all column families at once (a flush of one alone would part them: only who loads tables
that he would begin anew asks for it).
"""

import resource
import shutil
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    MemtableFactory,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from streams.errors import BadData, BadUsage, PlainscoreError, disk_full
from streams.memory import Memory
from streams.scoring.ledger import DAY

_log = structlog.get_logger(__name__)

FORM = 1  # of a folder; another form's folder is restored from the changelogs
TABLES = ("citizens", "ledger")  # column families that a changelog stands behind
FAMILIES = (*TABLES, "due", "meta")

Changes = Mapping[bytes, bytes | None]  # None: the key is taken out

_CACHE = Cache(128 * 1024 * 1024)  # blocks of all partitions together
_UNWRITTEN = WriteBufferManager(128 * 1024 * 1024, False)  # memtables of all partitions together
_MEMTABLE = [16 * 1024 * 1024]  # the size of one that is opened from now on
_NO_LOG: Any = WriteOptions()
_NO_LOG.disable_wal = True  # a property, whatever its stub says

_IN_MEMORY = "rocksdb.num-entries-imm-mem-tables"
_LEFT_BEHIND = (
    "Look at free space and permissions there. Nothing is lost: the next start restores it."
)

_FORM, _WRITTEN, _COUNTED, _COMPACTED = b"form", b"written", b"counted", b"compacted"
_OFFSET, _FOLLOWS = b"offset-", b"follows-"  # and a table


class Corrupt(BadData):
    """A folder cannot be read; it has to be restored from the changelogs."""


class PartitionStore:
    """The tables of one partition on disk. Not for use by two threads at once."""

    def __init__(self, path: Path, form: int) -> None:
        self.path = path
        self.form = form
        self._compacting: threading.Thread | None = None
        self._hold(loading=False)
        compacted = self.get("meta", _COMPACTED)
        self._compacted_ms = None if compacted is None else int(compacted)

    def _hold(self, *, loading: bool) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            families = {name: _options(loading=loading) for name in FAMILIES}
            options = _options(loading=loading)
            database: Any = Rdict(str(self.path), options=options, column_families=families)
        except Exception as error:  # rocksdict raises nothing more precise
            raise _failure(self.path, error) from error
        self._database = database
        self._families = {name: database.get_column_family(name) for name in FAMILIES}
        self._handles = {name: database.get_column_family_handle(name) for name in FAMILIES}

    @classmethod
    def open(cls, path: Path, form: int = FORM) -> "PartitionStore":
        """Open a folder, or begin a new one in this form.

        Raises Corrupt if it cannot be read, BadUsage if another process holds it, and
        PlainscoreError if the disk or its permissions say no.
        """
        store = cls(path, form)
        found = store.get("meta", _FORM)
        if found is None:
            store._write({"meta": {_FORM: str(form).encode()}})
        else:
            store.form = int(found)
        return store

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Have the folder open, within, for writing very many rows and reading next to none.

        A row takes a fourth of the time to write then, and far more to read. For tables that are
        filled from their changelogs' start: what breaks off leaves rows that are ahead of the
        offsets, so they must be written again, and index and counts made of all rows.
        """
        self._reopen(loading=True)
        yield
        self._reopen(loading=False)

    def _reopen(self, *, loading: bool) -> None:
        try:
            for name in FAMILIES:  # the offsets last; other threads go on meanwhile
                self._families[name].flush()
        except Exception as error:
            raise _failure(self.path, error) from error
        self.close()
        self._hold(loading=loading)

    # ---- reading

    def get(self, family: str, key: bytes) -> bytes | None:
        """Give the value of a key, None if it has none."""
        try:
            value: bytes | None = self._families[family].get(key)
        except Exception as error:
            raise _failure(self.path, error) from error
        return value

    def get_many(self, family: str, keys: list[bytes]) -> list[bytes | None]:
        """Give the values of keys, in their order."""
        try:
            values: list[bytes | None] = self._families[family].get(keys)
        except Exception as error:
            raise _failure(self.path, error) from error
        return values

    def rows(
        self, family: str, start: bytes = b"", end: bytes | None = None
    ) -> Generator[tuple[bytes, bytes], None, None]:
        """Give rows in order of their keys, from `start` on and before `end`.

        Use the rows up, or close the generator, before the store is closed.
        """
        bounds = ReadOptions()  # RocksDB reads the end out of its memory: keep it while iterating
        if end is not None:  # RocksDB would else step over all that was deleted behind the end
            bounds.set_iterate_upper_bound(end)
        place = self._families[family].iter(bounds)
        place.seek(start)
        while place.valid():
            yield place.key(), place.value()
            place.next()
        try:
            place.status()  # a damaged block ends the rows too; `items()` would keep that to itself
        except Exception as error:
            raise _failure(self.path, error) from error

    def offsets(self) -> dict[str, int]:
        """Give, by table, the next offset of its changelog; {} if the folder is new."""
        return {table: int(value) for table, value in self._by_table(_OFFSET)}

    def follows(self) -> dict[str, str]:
        """Give, by table, the id of the topic that its rows come from; {} if the folder is new."""
        return {table: value.decode() for table, value in self._by_table(_FOLLOWS)}

    def _by_table(self, name: bytes) -> Iterator[tuple[str, bytes]]:
        for key, value in self.rows("meta", name, after_prefix(name)):
            yield key.removeprefix(name).decode(), value

    def last_write_ms(self) -> int | None:
        """Give when the folder last agreed with the ends of its changelogs; None if it is new."""
        value = self.get("meta", _WRITTEN)
        return None if value is None else int(value)

    def counted(self) -> bytes | None:
        """Give what was last written as `counted`."""
        return self.get("meta", _COUNTED)

    # ---- writing

    def follow(self, ids: Mapping[str, str]) -> None:
        """Note, by table, the id of the topic that its rows come from."""
        if self.follows() != ids:
            noted = {_FOLLOWS + table.encode(): topic.encode() for table, topic in ids.items()}
            self._write({"meta": noted})

    def write(
        self,
        changes: Mapping[str, Changes],
        due_changes: Changes,
        changelog_offsets: Mapping[str, int],
        counted: bytes | None,
        written_ms: int | None = None,
    ) -> None:
        """Write all of one transaction at once, or nothing of it.

        changes: rows by table. changelog_offsets: by table, one past the last record of the
        changelog that these rows hold. written_ms: when that was the changelogs' end; None: now.

        Once a day the files are compacted afterwards, by a thread of its own.
        """
        at = time.time_ns() // 1_000_000 if written_ms is None else written_ms
        meta: dict[bytes, bytes | None] = {_WRITTEN: str(at).encode()}
        for table, offset in changelog_offsets.items():
            meta[_OFFSET + table.encode()] = str(offset).encode()
        if counted is not None:
            meta[_COUNTED] = counted
        before = self._compacted_ms
        due = before is None or not 0 <= at - before < DAY  # a clock may be put back
        if due:
            self._compacted_ms = at
            meta[_COMPACTED] = str(at).encode()
        self._write({**changes, "due": due_changes, "meta": meta})
        if due and before is not None:  # who is new here has nothing to lose yet
            self._begin_to_compact()

    def _write(self, rows: Mapping[str, Changes]) -> None:
        batch = WriteBatch(raw_mode=True)
        for family, changes in rows.items():
            batch.set_default_column_family(self._handles[family])
            for key, value in changes.items():
                if value is None:
                    del batch[key]
                else:
                    batch[key] = value
        try:
            self._database.write(batch, _NO_LOG)
        except Exception as error:
            raise _failure(self.path, error) from error

    def _begin_to_compact(self) -> None:
        """Have what was deleted leave the files: RocksDB alone might keep it there for ever."""
        if self._compacting is None or not self._compacting.is_alive():
            self._compacting = threading.Thread(target=self._compact, name="compact", daemon=True)
            self._compacting.start()

    def _compact(self) -> None:
        try:
            for family in self._families.values():
                family.compact_range(None, None)
        except Exception as error:  # the folder is let go, or the disk is full: tomorrow again
            _log.info("state_folder_not_compacted", folder=str(self.path), why=str(error))

    # ---- the end

    def close(self) -> None:
        """Write all to the disk and let the folder go; a second time does nothing.

        A disk that does not take it is told in the log alone: the folder stays as it was before,
        and the next start reads from the changelogs what is not in it.
        """
        if self._database is None:
            return
        # RocksDB's own shutdown flushes all families at once. The binding's, and each handle that
        # is dropped, would flush one after another: a death or a full disk would part them.
        try:
            self._database.cancel_all_background(True)
            if self._compacting is not None:
                self._compacting.join()
            unwritten = self._unwritten()
        except Exception:  # whatever it is, the folder must be let go
            unwritten = True
        if unwritten:
            _log.warning("state_folder_not_written", folder=str(self.path), next_step=_LEFT_BEHIND)
        self._families.clear()  # RocksDB lets the folder go when the last handle is gone
        self._handles.clear()
        with suppress(Exception):  # that it is shutting down already
            self._database.close()
        self._database = None

    def _unwritten(self) -> bool:
        """Tell whether rows are left in memory after the last flush."""
        left = (each.property_int_value(_IN_MEMORY) for each in self._families.values())
        return any(left)

    @staticmethod
    def destroy(path: Path) -> None:
        """Delete a folder that nobody has open."""
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _failure(path, error) from error


def bound(memory: Memory) -> None:
    """Bound the memory of the stores of this process, before the first is opened; not their files.

    Of these they need more with each partition, and the larger it grows.
    """
    _CACHE.set_capacity(memory.blocks)
    _UNWRITTEN.set_buffer_size(memory.memtables)
    _MEMTABLE[0] = memory.memtable
    # RocksDB keeps every file open, ten and more of each partition, and systems begin with
    # 1,024 for old programs' sake; a process may raise that itself.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS names no limit, and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def partition_folder(state_dir: Path, partition: int) -> Path:
    """Name the folder of a partition."""
    return state_dir / f"partition-{partition}"


def after_prefix(prefix: bytes) -> bytes | None:
    """Give the first key behind all that begin with a prefix; None: there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes((kept[-1] + 1,)) if kept else None


def _options(*, loading: bool) -> Any:
    blocks = BlockBasedOptions()
    blocks.set_block_cache(_CACHE)
    blocks.set_block_size(16 * 1024)  # a seventh less on disk than with 4, and as fast to read
    blocks.set_bloom_filter(10, False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_atomic_flush(True)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(DBCompressionType.zstd())  # lz4 gains nothing on an entry's id
    options.set_compression_options(-14, 1, 0, 0)  # level 1: faster, and no larger with such ids
    options.set_write_buffer_manager(_UNWRITTEN)
    options.set_write_buffer_size(_MEMTABLE[0])
    if loading:  # rows are put in order when they go to the disk, by another thread
        options.set_memtable_factory(MemtableFactory.vector())
        options.set_allow_concurrent_memtable_write(False)
        options.set_level_zero_file_num_compaction_trigger(16)  # at 20 writing waits
    else:
        # Most keys of a batch are new ones: a filter answers that five times as fast.
        options.set_memtable_prefix_bloom_ratio(0.1)
        options.set_memtable_whole_key_filtering(True)
    options.set_keep_log_file_num(5)
    return options


def _failure(path: Path, error: Exception) -> PlainscoreError:
    """Make a sentence of what RocksDB or the system said."""
    said = " ".join(str(error).split())
    if "lock" in said.lower() and "LOCK" in said:
        return BadUsage(
            "another process uses the state folder",
            where=str(path),
            next_step="Stop it, or give this worker a folder of its own (PLAINSCORE_STATE_DIR).",
        )
    if said.startswith(("Corruption", "Invalid argument", "Not implemented")):
        return Corrupt(
            f"the state folder is damaged: {said}",
            where=str(path),
            next_step="Delete it: it is restored from the changelogs.",
        )
    if "No space left on device" in said:
        return disk_full(str(path))
    return PlainscoreError(
        f"the state folder cannot be used: {said}",
        where=str(path),
        next_step="Look at free space and permissions there, then start the worker again: "
        "it catches up from the changelogs.",
    )
