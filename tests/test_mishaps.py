"""What a newcomer runs into: each time one sentence that says what to do, and the right exit code.

Every test starts the real command in a process of its own, as a person would. See also
`test_disk_full.py`, and `test_delivery.py` for what a worker cannot work with.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Producer

from streams import scorecards
from streams.embedded import Broker
from streams.tables.partition import TABLES, PartitionStore, partition_folder
from tests.lane_world import PARTITIONS, ROOT, History, Sent, World, check, wait_for

NOWHERE = "127.0.0.1:9"
HEADER = "citizen_id,occurred_at,source,category,amount,currency\n"
ROW = "ann,2026-01-05T10:00:00Z,shop,books,19.99,USD\n"


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    def results(self) -> list[dict[str, object]]:
        """What it wrote for machines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def in_a_sentence(self, code: int, *words: str) -> None:
        """Assert that it failed with this code, in one sentence that has these words."""
        told = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert (self.code, len(told)) == (code, 1), self
        assert all(word in told[0] for word in words), told
        assert "Traceback" not in self.out + self.err


def plainscore(*arguments: str | Path, cwd: Path = ROOT, **settings: str) -> Ended:
    """Run the command with these settings alone; names in capitals that are not ours go as such."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PLAINSCORE_")}
    ended = subprocess.run(
        [sys.executable, "-m", "streams", *map(str, arguments)],
        cwd=cwd,
        env=kept | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def bought(tmp_path: Path) -> Path:
    """A file with one purchase."""
    file = tmp_path / "bought.csv"
    file.write_text(HEADER + ROW)
    return file


# ---- what needs no broker


def test_a_broker_that_is_down_is_named_with_how_to_start_one(bought: Path) -> None:
    ended = plainscore(
        "publish", "purchases", bought, "--natural-key", PLAINSCORE_BROKERS="127.0.0.1:1"
    )
    ended.in_a_sentence(3, "No Kafka broker answer", "127.0.0.1:1", "`plainscore broker`")
    assert ended.out == ""


@pytest.mark.parametrize("command", ["broker", "worker"])
def test_a_port_that_is_taken_is_named_with_the_way_to_another(command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = [command, "--port", port] if command == "broker" else [command]
        ended = plainscore(*arguments, PLAINSCORE_METRICS_PORT=port)
    ended.in_a_sentence(2, port, "any free one")
    assert ended.out == ""


def test_a_mistyped_topic_is_told_with_the_one_that_was_meant(bought: Path) -> None:
    plainscore("publish", "purchses", bought).in_a_sentence(2, "'purchses'", "mean purchases?")


def test_a_typo_in_a_scorecard_is_told_by_its_line_and_no_page_goes_out(
    tmp_path: Path,
) -> None:
    page = tmp_path / "everyday.yaml"
    text = scorecards.example("everyday").replace("max_per_event: 50000", "max_per_evnt: 50000")
    page.write_text(text)
    line = text.splitlines().index("    max_per_evnt: 50000") + 1
    ended = plainscore("scorecard", "validate", page)
    assert (ended.code, "Traceback" in ended.out + ended.err) == (1, False)
    (told,) = (each for each in ended.results() if each.get("line") == line)
    assert "perhaps max_per_event" in str(told["what"])
    # Nor is it published, or the good one beside it; no broker is even asked.
    good = ROOT / "schemas/scorecards/rider.yaml"
    ended = plainscore("scorecard", "publish", good, page, PLAINSCORE_BROKERS="127.0.0.1:1")
    ended.in_a_sentence(1, "not published", str(page), "publish it again")
    assert line in [each["line"] for each in ended.results()]


def test_a_schema_that_was_changed_without_a_version_is_found(tmp_path: Path) -> None:
    for package in ("streams", "schemas"):
        shutil.copytree(ROOT / package, tmp_path / package)
    assert plainscore("schemas", "check", cwd=tmp_path).code == 0
    schema = tmp_path / "schemas" / "fines.avsc"
    schema.write_text(schema.read_text().replace('"offence"', '"offense"'))
    ended = plainscore("schemas", "check", cwd=tmp_path)
    ended.in_a_sentence(1, "new version")
    wrong = [each for each in ended.results() if not each["ok"]]
    assert [each["schema"] for each in wrong] == ["fines"]


@pytest.mark.parametrize("command", ["broker", "demo"])
def test_a_first_start_without_network_says_so_and_leaves_nothing_behind(
    command: str, tmp_path: Path
) -> None:
    pytest.importorskip("jgo")
    proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    refusing = dict.fromkeys(proxies, f"http://{NOWHERE}") | {"no_proxy": "", "NO_PROXY": ""}
    ended = plainscore(command, XDG_CACHE_HOME=str(tmp_path), **refusing)
    ended.in_a_sentence(3, "could not be fetched", "Connect to the internet once", "HTTPS_PROXY")
    assert list((tmp_path / "plainscore").iterdir()) == []  # or the next start would take that


# ---- what a real Kafka is told


@pytest.mark.kafka
def test_topics_that_were_never_made_are_told_with_the_command_that_makes_them(
    broker: Broker, prefix: str, bought: Path
) -> None:
    settings = {"PLAINSCORE_BROKERS": broker.bootstrap, "PLAINSCORE_PREFIX": prefix}
    ended = plainscore("publish", "purchases", bought, "--natural-key", **settings)
    ended.in_a_sentence(2, f"{prefix}purchases", "plainscore topics apply")


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path, group=prefix + "group") as world:
        yield world


@pytest.fixture
def ours(world: World) -> dict[str, str]:
    """The settings with which a command reaches this test's topics."""
    return {"PLAINSCORE_BROKERS": world.brokers, "PLAINSCORE_PREFIX": world.prefix}


@pytest.mark.kafka
def test_a_bad_row_is_refused_by_its_line_and_the_others_are_sent(
    world: World, ours: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "bought.csv"
    file.write_text(HEADER + ROW + ROW.replace("19.99", "nineteen") + ROW.replace("05T", "06T"))
    ended = plainscore("publish", "purchases", file, "--natural-key", **ours)
    assert (ended.code, ended.err) == (1, "")
    refused, summary = ended.results()
    assert (refused["line"], summary["sent"], summary["refused"]) == (3, 2, 1)
    assert "amount" in str(refused["refused"])
    assert refused["what_to_do"]
    assert len(world.seen()["purchases"]) == 2


@pytest.mark.kafka
def test_rows_that_do_not_fit_the_schema_are_refused_by_their_fields(
    world: World, ours: dict[str, str], tmp_path: Path
) -> None:
    good = {
        "citizen_id": "ann",
        "event_id": "1",
        "occurred_at": "2026-01-05T10:00:00Z",
        "source": "city",
        "offence": "speeding",
        "severity": "minor",
        "amount_minor": 100,
        "currency": "USD",
    }
    unfit: list[dict[str, object]] = [
        {"severity": "fatal"},
        {"amount_minor": "much"},
        {"colour": "red"},
        {"occurred_at": None},
    ]
    file = tmp_path / "fines.ndjson"
    file.write_text("\n".join(json.dumps(good | change) for change in [*unfit, {}]))
    ended = plainscore("publish", "fines", file, **ours)
    *refused, summary = ended.results()
    assert (ended.code, summary["sent"], summary["refused"]) == (1, 1, len(unfit))
    for each, change in zip(refused, unfit, strict=True):
        (field,) = change
        assert field in str(each["refused"])
    assert "Traceback" not in ended.out + ended.err


@pytest.mark.kafka
def test_records_of_another_schema_become_dead_letters_with_the_reason(
    world: World, ours: dict[str, str]
) -> None:
    history = History(31, citizens=4, events=40)
    consents = history.consents()
    world.send(consents)
    fine = next(each for each in history.happenings() if each.topic == "fines")
    key = consents[0].key
    place = consents[0].partition
    world.send([Sent("purchases", key, fine.value, place), Sent("purchases", key, b"{}", place)])
    world.worker()
    world.wait_done()
    ended = plainscore("dlq", "ls", **ours)
    assert (ended.code, ended.err) == (0, "")
    reasons = {str(each["reason"]): each for each in ended.results()}
    assert set(reasons) == {"unknown_schema", "wrong_magic"}
    assert "schemas/" in str(reasons["unknown_schema"])


# ---- a state folder that another plainscore wrote


def folders(world: World, state: Path) -> list[Path]:
    return [partition_folder(state / (world.prefix + world.group), n) for n in range(PARTITIONS)]


def rows(world: World, state: Path) -> list[dict[bytes, bytes]]:
    """Every row of a stopped worker's tables, and of its index of due times."""
    found = []
    for folder in folders(world, state):
        store = PartitionStore.open(folder)
        found += [dict(store.rows(family)) for family in (*TABLES, "due")]
        store.close()
    return found


def scored(world: World, seed: int) -> Path:
    """Let a worker score a history and stop; gives its state folder."""
    history = History(seed, citizens=40, events=200)
    world.send(history.consents() + history.shares())
    worker = world.worker()
    world.send(history.happenings())
    world.wait_done()
    worker.stop()
    return worker.state


@pytest.mark.kafka
def test_a_state_folder_of_another_form_is_restored(world: World) -> None:
    state = scored(world, 32)
    before = rows(world, state)
    for folder in folders(world, state):
        store = PartitionStore.open(folder)
        store._write({"ledger": {b"of another form": b"?"}, "meta": {b"form": b"0"}})
        store.close()
    worker = world.worker().wait_ready()
    told = worker.events("state_folder_restored_anew")
    assert [each["why"] for each in told] == [
        "it has form 0, this plainscore reads form 1"
    ] * PARTITIONS
    worker.stop()
    assert rows(world, state) == before


@pytest.mark.kafka
def test_rows_of_another_version_end_the_worker_which_says_what_to_do(world: World) -> None:
    """It is not guessed at, nor deleted unasked: a newer plainscore may own that folder."""
    state = scored(world, 33)
    before = rows(world, state)
    for folder in folders(world, state):
        store = PartitionStore.open(folder)
        newer = {key: b"\x63" + value[1:] for key, value in store.rows("citizens")}
        store._write({"citizens": newer})
        store.close()
    worker = world.worker()
    ticks = History(33).ticks(History(33).now)
    wait_for(lambda: worker.ended() or world.send(ticks), 60, "it has read a row")
    assert worker.process.wait(10) == 1, worker.said()
    sentence = worker.sentence()
    assert "another version of plainscore" in sentence
    assert "delete its state folder" in sentence
    assert "Traceback" not in worker.said()
    shutil.rmtree(state)  # as told
    world.worker().wait_ready()
    check(world, world.wait_done())
    assert len(before) == len(TABLES) * PARTITIONS + PARTITIONS


@pytest.mark.kafka
def test_changelogs_of_a_newer_version_are_not_guessed_at(world: World) -> None:
    state = scored(world, 34)
    shutil.rmtree(state)
    seen = world.seen()["citizens-changelog"]
    row = next(each for each in seen if each.key and each.key[0] and each.value)
    producer = Producer({"bootstrap.servers": world.brokers})
    producer.produce(
        world.prefix + "citizens-changelog", b"\x63" + row.value[1:], row.key, row.partition
    )
    assert producer.flush(30) == 0
    worker = world.worker()
    assert worker.process.wait(60) == 1, worker.said()
    sentence = worker.sentence()
    assert "another version of plainscore" in sentence
    assert "Upgrade this worker" in sentence
    assert "Traceback" not in worker.said()
