"""Put bugs into the lane on purpose, one at a time, and see which seed notices.

`python -m tests.faults.bugs` tries every bug below on a copy of the tree; with words it tries those
whose name holds one of them. Exit code 1 if any goes unnoticed. A bug that does not find its texts
exactly once stops everything: the code has moved, and the bug must move with it.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from streams.embedded import Broker
from tests.faults.outcome import AT_ONCE
from tests.faults.schedule import drawn
from tests.mutation import copy_tree

LANE, PART, RESTORE = "transport/lane.py", "transport/part.py", "tables/restore.py"
PARTITION, MEMBER = "tables/partition.py", "transport/member.py"
MOST_SEEDS = 16  # tried for a bug


@dataclass(frozen=True)
class Bug:
    """Texts in a file under streams/, what to write in their place, and the fault to try it with.

    A seed counts as one to try if one of its faults begins so; with "" any does.
    """

    name: str
    fault: str
    file: str
    edits: tuple[tuple[str, str], ...]


COMMIT = """\
        # 5. commit
        with metrics.commit_phase.labels("commit").time():
            await answered(producer.commit_transaction, ANSWER)
"""
WRITE = """\
        # 6. one write per partition: its rows, and how far the changelogs are in them
        with metrics.commit_phase.labels("write").time():
            await asyncio.get_running_loop().run_in_executor(None, write_stores, parts)
"""
CAREFUL = """\
        self._producer = None
        if self.takes(batch):  # else the partitions are let go anyway
            self.on_unclear()
        self._drop_generation()
"""
CARELESS = """\
        self._producer = Producer(self._config)
        self._producer.init_transactions(30)
"""
OFFSETS_APART = """\
        self._write({"meta": meta})
        for family in self._families.values():
            family.flush()
        self._write({**changes, "due": due_changes})
"""

BUGS = (
    Bug(
        "RocksDB is written before the commit",
        "lose commit",
        LANE,
        ((COMMIT + WRITE, WRITE + COMMIT),),
    ),
    Bug(
        "the offsets are forgotten",
        "",
        LANE,
        (
            (
                "await answered(send, places, self.metadata, ANSWER)",
                "assert places",
            ),
        ),
    ),
    Bug(
        "offsets go without the group's generation",
        "sleep begin",
        MEMBER,
        (
            (
                "self.metadata = consumer.consumer_group_metadata()",
                "import os\n"
                '        group = os.environ["PLAINSCORE_GROUP"]\n'
                '        nobody = Consumer({**self._admin_config, "group.id": group})\n'
                "        self.metadata = nobody.consumer_group_metadata()",
            ),
        ),
    ),
    Bug(
        "what was not committed is restored too",
        "crash offsets",
        RESTORE,
        (
            (
                '"isolation.level": "read_committed"',
                '"isolation.level": "read_uncommitted"',
            ),
        ),
    ),
    Bug(
        "offsets are written before their rows",
        "crash write:after",
        PARTITION,
        (('        self._write({**changes, "due": due_changes, "meta": meta})\n', OFFSETS_APART),),
    ),
    Bug(
        "column families are flushed one by one",
        "crash",
        PARTITION,
        (("options.set_atomic_flush(True)", "options.set_atomic_flush(False)"),),
    ),
    Bug(
        "an unclear commit counts as one",
        "lose commit:before",
        LANE,
        (
            (
                "            await answered(producer.commit_transaction, ANSWER)\n",
                "            try:\n"
                "                await answered(producer.commit_transaction, ANSWER)\n"
                "            except KafkaException:\n"
                "                pass\n",
            ),
        ),
    ),
    Bug("after an unclear commit it just goes on", "lose commit", LANE, ((CAREFUL, CARELESS),)),
    Bug(
        "what was known of citizens outlives their partition",
        "lose commit",
        PART,
        (
            (
                "@dataclass\nclass Held:",
                "_KNOWN: dict[str, Citizen | None] = {}\n\n\n@dataclass\nclass Held:",
            ),
            (
                "known: dict[str, Citizen | None] = field(default_factory=dict)",
                "known: dict[str, Citizen | None] = field(default_factory=lambda: _KNOWN)",
            ),
            ("        self.known.clear()\n", ""),
        ),
    ),
    Bug(
        "what waits for other work is forgotten",
        "",
        PART,
        (("held.left = outcome.pending, outcome.left", "held.left = outcome.pending, []"),),
    ),
    Bug(
        "the stored offset forgets the last record",
        "",
        PART,
        (("self.offsets[table] = offset + 1", "self.offsets[table] = offset"),),
    ),
    Bug(
        "damage is an error like any other",
        "damage",
        PARTITION,
        (('(("Corruption", "Inv', '(("Inv'),),
    ),
    Bug(
        "an old folder is taken for a fresh one",
        "old folder",
        RESTORE,
        (("written < ends.asked_ms - delete_retention_ms // 2", "written < 0"),),
    ),
    Bug(
        "consents are not read before events",
        "",
        MEMBER,
        (("topics = self._read_gate(most)", "topics = INPUTS"),),
    ),
    Bug(
        "a restore does not go to the end",
        "crash commit:after",
        RESTORE,
        (
            (
                "max(0, end - writer.offsets[table])",
                "max(0, end - 10 - writer.offsets[table])",
            ),
        ),
    ),
)


def seeds(bug: Bug) -> Iterator[int]:
    """Give the seeds to try for a bug: those with its fault."""
    for seed in range(1, 100_000):
        schedule = drawn(seed)
        fitting = any(fault.startswith(bug.fault) for fault in schedule.faults)
        if fitting and schedule.brokers == 1:
            yield seed


def put_in(bug: Bug, folder: Path) -> None:
    """Put a bug into a copy of the tree."""
    file = folder / "streams" / bug.file
    text = file.read_text()
    for was, instead in bug.edits:
        if text.count(was) != 1:
            sys.exit(f"{bug.name}: {was!r} stands {text.count(was)} times in streams/{bug.file}")
        text = text.replace(was, instead)
    file.write_text(text)


def caught(bug: Bug, brokers: str) -> str | None:
    """Run seeds on a copy with the bug; gives the one that fails, and how; None if none does."""
    with tempfile.TemporaryDirectory() as folder:
        copy_tree(Path(folder))
        put_in(bug, Path(folder))
        tried = islice(seeds(bug), MOST_SEEDS)
        while some := list(islice(tried, AT_ONCE)):
            done = subprocess.run(
                [sys.executable, "-m", "tests.faults", "--brokers", brokers, *map(str, some)],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": folder},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                return first_failure(done.stdout)
    return None


def first_failure(said: str) -> str:
    """Give the first seed that failed, its faults and what was wrong."""
    failed = re.search(r"^(\d+): FAILED in \S+ s: (.*)\n((?: {4}.*\n)*)", said, re.M)
    assert failed, said
    lines = [line.strip() for line in failed[3].splitlines() if line.strip(" ^~")]
    why = lines[-1].partition(": ")[2] or lines[-2]
    why = re.sub(r"/tmp/\S*/(?=partition-)", "", why)
    return f"{failed[1]} | {failed[2]} | {why[:90]}"


def main(words: list[str]) -> int:
    chosen = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    missed = 0
    print("| bug | seed | what had struck | what was wrong |\n|---|---|---|---|")
    with Broker() as broker:
        for bug in chosen:
            found = caught(bug, broker.bootstrap)
            missed += found is None
            print(f"| {bug.name} | {found or '- | - | -'} |", flush=True)
    print(f"\n{len(chosen)} bugs, {missed} unnoticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
