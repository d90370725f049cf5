"""The benchmark, small: what it prints, and that its ways agree."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

from streams.bench import load, process
from streams.bench.latency import Latency, number_in, percentile
from streams.bench.measure import After, Run
from streams.bench.process import Process, StoodStill
from streams.bench.send import due
from streams.bench.summary import full_summary, summary
from streams.cli.main import main
from streams.codec import decode
from streams.scoring.ledger import DAY
from streams.topics import partition_of

ROOT = Path(__file__).parents[1]
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
MEASURES = ("events_per_s", "events_per_cpu_s", "peak_rss_mib", "state_bytes_per_citizen")


def test_a_load_is_the_same_each_time():
    assert load.make(2_000, 50) == load.make(2_000, 50)


def test_one_purchase_in_a_hundred_comes_twice():
    events = load.make(2_000, 50).events
    assert {sent.topic for sent in events} == {"purchases"}
    assert len(events) == 2_000
    assert Counter(Counter(events).values()) == {1: 1_960, 2: 20}


@pytest.mark.parametrize("shape", [load.PURCHASES, load.FULL])
def test_every_event_is_covered_by_a_consent_and_stands_where_its_citizen_does(shape):
    made = load.make(2_000, 50, shape)
    consents = {sent.key: decode("consents", sent.value) for sent in made.consents}
    assert len(consents) == len(made.citizens) == 50
    for sent in made.events + made.timed(0, 100):
        event = decode(sent.topic, sent.value)
        (grant,) = consents[sent.key]["grants"]
        assert sent.topic in grant["kinds"]
        assert grant["covers_from"] <= event["occurred_at"]
        assert sent.key.decode() == event["citizen_id"]
        assert sent.partition == partition_of(event["citizen_id"], load.PARTITIONS)


def test_the_full_load_has_every_kind_over_18_months_in_the_order_of_time():
    made = load.make(20_000, 1_000, load.FULL)
    kinds = Counter(sent.topic for sent in made.events)
    assert kinds["purchases"] > kinds["payments"] > kinds["fines"] > 300
    assert Counter(Counter(made.events).values()) == {1: 19_600, 2: 200}
    first_seen = dict.fromkeys(made.events)
    times = [decode(sent.topic, sent.value)["occurred_at"] for sent in first_seen]
    assert times == sorted(times)
    assert times[-1] - times[0] > 547 * DAY
    assert max(times) < load.END


def test_a_fifth_of_the_citizens_have_most_events_of_the_full_load():
    made = load.make(20_000, 1_000, load.FULL)
    counts = sorted(Counter(sent.key for sent in made.events).values(), reverse=True)
    assert 0.6 < sum(counts[:200]) / 20_000 < 0.8
    assert counts[0] > 20 * 20_000 / 1_000
    of_a_part = len(made.part(10).events)
    assert 0.05 < of_a_part / 20_000 < 0.2


def test_a_part_has_some_citizens_and_all_that_is_theirs():
    made = load.make(2_000, 50)
    part = made.part(10)
    chosen = {name.encode() for name in part.citizens}
    assert len(chosen) == len(part.consents) == 5
    assert part.events == [sent for sent in made.events if sent.key in chosen]


def test_timed_events_are_told_by_their_numbers():
    timed = load.make(2_000, 50, load.FULL).timed(7, 20)
    assert [number_in(sent.value) for sent in timed] == list(range(7, 27))
    assert number_in(b"another") is None


def test_an_event_is_due_by_its_number_alone():
    assert [due(5.0, number, 2_000) for number in (0, 1, 2_000)] == [5.0, 5.0005, 6.0]


def test_a_percentile_is_a_value_that_so_many_do_not_exceed():
    values = list(range(1, 1_001))
    found = [percentile(values, percent) for percent in (0, 50, 99, 99.9, 100)]
    assert found == [1, 500, 990, 999, 1_000]
    assert percentile([3.0], 99.9) == 3.0
    assert percentile([1.0, 9.0], 99) == 9.0


def runs() -> list[Run]:
    return [Run(1_000, 10, seconds, 2.0, 0.05, 50.0, 4_000) for seconds in (1.0, 8.0, 2.0)]


def test_medians_are_shown():
    found = summary({"raw": runs(), "faust": runs(), "lane": runs()})
    assert found["lane"] == {
        "events_per_s": 500,
        "events_per_cpu_s": 500,
        "peak_rss_mib": 50.0,
        "state_bytes_per_citizen": 400,
        "events": 1_000,
        "citizens": 10,
        "events_per_s_by_run": [1_000, 125, 500],
    }
    assert found["faust"]["store"] == "memory://"


def test_what_makes_no_sense_for_a_way_is_null():
    at_half = [Latency(250.0, p50, 20.0, 30.0, 900) for p50 in (4.0, 7.0, 5.0)]
    afters = [After(None, None, each) for each in at_half]
    found = full_summary({"faust": list(zip(runs(), afters, strict=True))})["faust"]
    assert found["broker_cpu_us_per_event"] == 50.0
    assert found["restored_records_per_s"] is None
    assert found["latency_at_2000_per_s"] is None
    assert found["latency_at_half_of_its_most"] == {
        "events_per_s": 250,
        "p50_ms": 5.0,
        "p99_ms": 20.0,
        "p99_9_ms": 30.0,
        "changes": 900,
    }


def idle(tmp_path: Path) -> Process:
    """A process that waits for requests which never come."""
    waiting = ("http.server", "--bind", "127.0.0.1", "0")
    return Process(waiting, os.environ, tmp_path / "output")


@needs_proc
def test_a_process_that_stands_still_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "STILL_SECONDS", 0.1)
    with idle(tmp_path) as waited, pytest.raises(StoodStill, match="before the last event"):
        waited.wait(lambda: False, "the last event", 200)


@needs_proc
def test_a_process_that_works_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "STILL_SECONDS", 0.1)
    monkeypatch.setattr(process, "cpu_seconds", lambda _: time.monotonic())
    looks = iter(range(20))
    with idle(tmp_path) as waited:
        waited.wait(lambda: next(looks) == 19, "the last event", 200)


@pytest.mark.parametrize("as_table", [False, True])
def test_a_way_that_stands_still_is_told_and_the_others_are_measured(monkeypatch, capsys, as_table):
    class Measured:
        def __init__(self, *_):
            pass

        def run_full(self, way):
            if way.name == "faust":
                raise StoodStill("it stood still", next_step="It said nothing.")
            return runs()[0], After(None, None, None)

        def run(self, way):
            return self.run_full(way)[0]

    monkeypatch.setattr("streams.bench.measure.Bench", Measured)
    monkeypatch.setattr("streams.embedded.Broker", lambda **_: nullcontext())
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("streams.cli.show.on_terminal", lambda: as_table)
    for options, others in (((), 2), (("--full",), 5)):
        small = ("--events", "1000", "--citizens", "10", "--runs", "2", "--json")
        assert main(["bench", *options, *small]) == 1
        out, err = capsys.readouterr()
        found = json.loads(out.splitlines()[-1])
        assert "faust" not in found
        assert len(found) == others
        assert "run 2 of 2: faust: it stood still" in err
        assert "What stood still counts for nothing: faust in run 1, faust in run 2." in err


def bench(*options: str) -> dict:
    """Run the command to its end, and give its JSON object."""
    done = subprocess.run(
        [sys.executable, "-m", "streams", "bench", *options, "--runs", "1", "--json"],
        cwd=ROOT,
        env={**os.environ, "PLAINSCORE_PREFIX": "not-for-the-bench."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for values in found.values():
        assert all(values[name] >= 0 for name in MEASURES)
        assert values["events_per_s"] > 0 < values["events_per_cpu_s"]
    return found


@pytest.mark.bench
def test_a_small_bench_ends_in_one_json_object():
    found = bench("--events", "5000", "--citizens", "500")
    assert list(found) == ["raw", "faust", "lane"]
    assert found["raw"]["events"] == 10 * found["lane"]["events"] == 50_000
    assert found["faust"]["events"] < found["lane"]["events"] / 5
    assert found["raw"]["state_bytes_per_citizen"] == 0
    assert found["lane"]["state_bytes_per_citizen"] > 100


@pytest.mark.bench
@pytest.mark.timeout(900)
def test_a_small_full_bench_ends_in_one_json_object():
    found = bench("--full", "--events", "5000", "--citizens", "500")
    lanes = ["lane_at_least_once", "lane_20_ms", "lane_100_ms", "lane_1_s"]
    assert list(found) == ["raw", "faust", *lanes]
    for way, values in found.items():
        assert values["broker_cpu_us_per_event"] > 0
        assert (values["restored_records_per_s"] is not None) == (way in lanes)
        for measured in (values["latency_at_2000_per_s"], values["latency_at_half_of_its_most"]):
            if measured is not None:
                assert 0 < measured["p50_ms"] <= measured["p99_ms"] <= measured["p99_9_ms"]
    assert found["faust"]["latency_at_half_of_its_most"] is not None
    assert found["raw"]["latency_at_2000_per_s"] is not None
    assert found["lane_20_ms"]["restored_records_per_s"] > 0
