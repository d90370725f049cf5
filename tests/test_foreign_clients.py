"""Producers and consumers written with nothing of ours: the contract is Kafka, Avro and the files.

The producer is confluent-kafka and fastavro, straight from the .avsc, with librdkafka's default
partitioner (CRC32, so most records stand in another partition than their citizen's); the consumer
is kcat.
"""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import confluent_kafka
import fastavro
import pytest

from streams import scorecards
from streams.client import Publisher, admin
from streams.embedded import Broker

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed"),
]

SCHEMAS = Path(__file__).parent.parent / "schemas"
NOON = 1_709_208_000_000  # ms
DAY = 86_400_000
CITIZENS = [f"citizen-{number}" for number in range(20)]


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[str]:
    """A broker with our topics and a scorecard, and a worker on it."""
    with Broker() as broker:
        admin.apply(broker.bootstrap)
        with Publisher(broker.bootstrap) as publisher:
            publisher.publish_scorecard(scorecards.example("everyday"))
        settings = {
            "PLAINSCORE_BROKERS": broker.bootstrap,
            "PLAINSCORE_STATE_DIR": str(tmp_path / "state"),
            "PLAINSCORE_METRICS_PORT": "0",
        }
        with (tmp_path / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker"],
                env={**os.environ, **settings},
                stdout=log,
                stderr=log,
            )
            try:
                yield broker.bootstrap
                assert worker.poll() is None, (tmp_path / "worker.log").read_text()
            finally:
                worker.terminate()
                worker.wait(30)


def framed(topic: str, values: dict[str, Any]) -> bytes:
    """The Confluent wire format, by hand."""
    schema = fastavro.schema.load_schema(SCHEMAS / f"{topic}.avsc")
    schema_id = json.loads((SCHEMAS / "ids.json").read_text())[topic][-1]["id"]
    body = BytesIO()
    fastavro.schemaless_writer(body, schema, values)
    return struct.pack(">bI", 0, schema_id) + body.getvalue()


def kcat(brokers: str, topic: str) -> list[tuple[int, str, dict[str, Any]]]:
    """What kcat reads of a topic: partition, key, value."""
    read_committed = ["-X", "isolation.level=read_committed"]
    form = ["-f", "%p %S %k\n%s\n"]
    command = ["kcat", "-b", brokers, "-C", "-t", topic, "-e", "-q", *read_committed, *form]
    output = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    schema = fastavro.schema.load_schema(SCHEMAS / f"{topic}.avsc")
    found = []
    at = 0
    while match := re.compile(rb"(\d+) (\d+) ([^\n]*)\n").match(output, at):
        start, size = match.end(), int(match[2])
        value = fastavro.schemaless_reader(BytesIO(output[start + 5 : start + size]), schema)
        found.append((int(match[1]), match[3].decode(), value))
        at = start + size + 1
    assert at == len(output)
    return found


def changes_with(
    brokers: str, name: Callable[[dict[str, Any]], str], expected: set[str]
) -> list[tuple[int, str, dict[str, Any]]]:
    """All changes, once every expected name is among them."""
    until = time.monotonic() + 60
    while True:
        changes = kcat(brokers, "score-changes")
        missing = expected - {name(change) for *_, change in changes}
        if not missing:
            return changes
        assert time.monotonic() < until, f"no change for {sorted(missing)}"
        time.sleep(0.5)


def test_a_foreign_producer_is_scored_and_a_foreign_consumer_reads_it(brokers: str) -> None:
    """Every event counts, wherever it was placed, and each citizen's changes stand in order."""
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    for citizen in CITIZENS:
        grant = {"scorecard": "everyday", "kinds": ["purchases"], "covers_from": NOON}
        consent = {"citizen_id": citizen, "occurred_at": NOON, "grants": [grant]}
        producer.produce("consents", framed("consents", consent), citizen)
    assert producer.flush(30) == 0
    # A consent in another partition than its citizen's is in force once it was forwarded.
    changes_with(brokers, lambda change: change["citizen_id"], set(CITIZENS))
    for citizen in CITIZENS:
        for number in range(3):
            event = {
                "event_id": f"{citizen}/{number}",
                "citizen_id": citizen,
                "occurred_at": NOON + number * DAY,
                "source": "shop",
                "category": "books",
                "amount_minor": 10_000,
                "currency": "USD",
                "quantity": 1,
            }
            producer.produce("purchases", framed("purchases", event), citizen)
    assert producer.flush(30) == 0
    expected = {f"{citizen}/{number}" for citizen in CITIZENS for number in range(3)}
    changes = changes_with(brokers, lambda change: change["cause"]["id"], expected)
    for citizen in CITIZENS:
        own = [(place, change) for place, key, change in changes if key == citizen]
        assert [change["sequence"] for _, change in own] == list(range(1, len(own) + 1))
        assert {place for place, _ in own} == {confluent_kafka.murmur2(citizen.encode(), 4)}
        assert own[-1][1]["score"] > own[0][1]["score"]
    assert len({change["change_id"] for *_, change in changes}) == len(changes)
