"""Metrics add up, forget what another worker owns, and the probes tell the truth."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from streams import metrics, ready
from streams.errors import BadUsage

SECOND = 1000  # ms


@dataclass
class Outcome:
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def value(collector: object, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry.get_sample_value(name, labels)


def counted(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_count_adds_each_outcome_and_counts_dead_letters_once_more_by_reason():
    outcome = Outcome()
    outcome.counts["purchases", "scored", ""] = 5
    outcome.counts["purchases", "dropped", "no_consent"] = 3
    outcome.counts["fines", "dead_letter", "wrong_magic"] = 2
    dead = counted("plainscore_dead_letters_total", topic="fines", reason="wrong_magic")
    dropped = {"topic": "purchases", "outcome": "dropped", "reason": "no_consent"}
    before = counted("plainscore_events_total", **dropped)

    metrics.count(outcome)
    metrics.count(outcome)

    assert counted("plainscore_events_total", **dropped) == before + 6
    assert counted("plainscore_dead_letters_total", topic="fines", reason="wrong_magic") == dead + 4
    assert not counted("plainscore_dead_letters_total", topic="purchases", reason="no_consent")


def test_ends_and_phases_are_there_from_the_start_so_that_a_first_increase_is_seen():
    for end in metrics.ENDS:
        name = "plainscore_transactions_total"
        assert metrics.REGISTRY.get_sample_value(name, {"end": end}) is not None
    for phase in metrics.PHASES:
        name = "plainscore_commit_phase_seconds_count"
        assert metrics.REGISTRY.get_sample_value(name, {"phase": phase}) is not None


@given(st.lists(st.lists(st.integers(0, 200_000_000), max_size=20), max_size=5))
def test_delays_of_batches_equal_a_histogram_of_single_observations(batches):
    delays = metrics.Delays()
    registry = CollectorRegistry()
    single = Histogram("single", "one by one", buckets=metrics.DELAYS, registry=registry)
    for waits in batches:
        delays.observe("fines", [10**12 - wait for wait in waits], 10**12)
        for wait in waits:
            single.observe(wait / SECOND)
    for bound in [*map(str, metrics.DELAYS), "+Inf"]:
        expected = registry.get_sample_value("single_bucket", {"le": bound})
        found = value(delays, "plainscore_delay_seconds_bucket", topic="fines", le=bound)
        assert (found or 0) == expected
    total = value(delays, "plainscore_delay_seconds_sum", topic="fines")
    assert (total or 0) == pytest.approx(registry.get_sample_value("single_sum"))


def test_a_clock_that_is_ahead_makes_no_negative_delay():
    delays = metrics.Delays()
    delays.observe("fines", [5_000], 1_000)
    assert value(delays, "plainscore_delay_seconds_sum", topic="fines") == 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [1_000_000 * SECOND]
    monkeypatch.setattr(metrics, "now_ms", lambda: now[0])
    return now


def behind(lag: metrics.Lag) -> tuple[float | None, float | None]:
    labels = {"topic": "fines", "partition": "3"}
    return (
        value(lag, "plainscore_lag_records", **labels),
        value(lag, "plainscore_lag_seconds", **labels),
    )


def test_a_backlog_is_as_old_as_the_last_record_that_was_read(clock):
    lag = metrics.Lag()
    lag.end("fines", 3, 100)
    lag.reached("fines", 3, 40, clock[0] - 500 * SECOND)
    assert behind(lag) == (60, 500)


def test_who_has_read_all_is_not_behind_however_old_the_last_record_is(clock):
    lag = metrics.Lag()
    lag.reached("fines", 3, 100, clock[0] - 500 * SECOND)
    lag.end("fines", 3, 100)
    assert behind(lag) == (0, 0)


def test_after_a_quiet_time_the_wait_begins_with_the_new_record(clock):
    lag = metrics.Lag()
    lag.reached("fines", 3, 100, clock[0])
    clock[0] += 3600 * SECOND
    lag.end("fines", 3, 101)
    clock[0] += 2 * SECOND
    assert behind(lag) == (1, 2)


def test_a_stuck_partition_grows_older_at_every_scrape(clock):
    lag = metrics.Lag()
    lag.reached("fines", 3, 100, clock[0])
    lag.end("fines", 3, 180)
    clock[0] += 60 * SECOND
    lag.end("fines", 3, 190)
    clock[0] += 60 * SECOND
    assert behind(lag) == (90, 120)


def test_lag_is_unknown_and_not_immense_before_anything_was_read(clock):
    lag = metrics.Lag()
    lag.end("fines", 3, 100)
    assert behind(lag) == (100, 0)


def test_held_counts_citizens_and_scores_by_moves():
    held = metrics.Held()
    held.start(1, 10, {("everyday", "open"): 7, ("everyday", "silver"): 3})
    held.move(1, 2, {("everyday", "open"): 1, ("everyday", "silver"): 1})
    held.move(1, -1, {("everyday", "open"): -1})
    labels = {"partition": "1", "scorecard": "everyday"}
    assert value(held, "plainscore_citizens", partition="1") == 11
    assert value(held, "plainscore_scores", **labels, tier="open") == 7
    assert value(held, "plainscore_scores", **labels, tier="silver") == 4


def test_held_starts_anew_when_a_partition_comes_back():
    held = metrics.Held()
    held.start(1, 10, {("everyday", "open"): 10})
    held.start(1, 4, {("rider", "open"): 4})
    assert value(held, "plainscore_citizens", partition="1") == 4
    everyday = {"partition": "1", "scorecard": "everyday", "tier": "open"}
    assert value(held, "plainscore_scores", **everyday) is None


def test_drop_forgets_every_gauge_of_a_partition_and_of_no_other():
    for partition in (71, 72):
        metrics.lag.reached("fines", partition, 1, 1)
        metrics.held.start(partition, 1, {("everyday", "open"): 1})
        metrics.restore_remaining.labels(str(partition)).set(5)
    metrics.drop(71)
    metrics.drop(73)  # never held
    left = [
        (sample.name, sample.labels["partition"])
        for family in metrics.REGISTRY.collect()
        if family.type == "gauge"
        for sample in family.samples
        if sample.labels.get("partition") in ("71", "72", "73")
    ]
    assert sorted(left) == [
        ("plainscore_citizens", "72"),
        ("plainscore_lag_records", "72"),
        ("plainscore_lag_seconds", "72"),
        ("plainscore_restore_remaining_records", "72"),
        ("plainscore_scores", "72"),
    ]
    metrics.drop(72)


def test_threads_that_count_and_scrape_at_once_lose_nothing():
    delays, held = metrics.Delays(), metrics.Held()

    def work(partition: int) -> None:
        for number in range(300):
            delays.observe("fines", [number], number + 1)
            held.move(partition, 1, {("everyday", f"t{number % 7}"): 1})

    threads = [threading.Thread(target=work, args=(partition,)) for partition in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        list(delays.collect())
        list(held.collect())
    assert value(delays, "plainscore_delay_seconds_count", topic="fines") == 1200
    assert value(held, "plainscore_citizens", partition="3") == 300


# ---- probes


@pytest.fixture
def worker() -> Iterator[tuple[ready.Readiness, ready.Pulse, Callable[[str], tuple[int, str]]]]:
    readiness, pulse = ready.Readiness("restored", "reading"), ready.Pulse()
    with ready.Endpoint("127.0.0.1", 0, readiness, pulse) as endpoint:

        def get(path: str) -> tuple[int, str]:
            try:
                with urllib.request.urlopen(endpoint.url + path, timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as refusal:
                return refusal.code, refusal.read().decode()

        yield readiness, pulse, get


def test_ready_only_while_every_condition_holds(worker):
    readiness, _, get = worker
    status, body = get("/readyz")
    assert status == 503
    assert set(json.loads(body)["waits_for"]) == {"restored", "reading"}

    readiness.set("restored", True)
    readiness.set("reading", True)
    assert get("/readyz")[0] == 200
    assert counted("plainscore_ready", condition="restored") == 1

    readiness.set("restored", False, "partition 2: 1,200 records left")
    status, body = get("/readyz")
    assert status == 503
    assert json.loads(body)["waits_for"] == {"restored": "partition 2: 1,200 records left"}
    assert counted("plainscore_ready", condition="restored") == 0
    assert counted("plainscore_ready", condition="reading") == 1


def test_alive_until_the_loop_stands_still(worker, monkeypatch: pytest.MonkeyPatch):
    _, pulse, get = worker
    assert get("/livez")[0] == 200
    real = time.monotonic
    monkeypatch.setattr(ready.time, "monotonic", lambda: real() + ready.STALLED_AFTER)
    status, body = get("/livez")
    assert status == 503
    assert json.loads(body)["silent_seconds"] >= ready.STALLED_AFTER

    async def move() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pulse.beat(), 0.05)

    asyncio.run(move())
    assert get("/livez")[0] == 200


def test_metrics_are_served_without_the_series_of_their_creation(worker):
    _, _, get = worker
    status, body = get("/metrics")
    assert status == 200
    assert "plainscore_transactions_total{" in body
    assert "_created" not in body


def test_any_other_path_names_those_that_there_are(worker):
    _, _, get = worker
    status, body = get("/")
    assert status == 404
    assert "/readyz" in body


def test_a_taken_port_is_an_error_that_says_what_to_do():
    readiness, pulse = ready.Readiness(), ready.Pulse()
    with ready.Endpoint("127.0.0.1", 0, readiness, pulse) as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(BadUsage, match="PLAINSCORE_METRICS_PORT") as caught:
            ready.Endpoint("127.0.0.1", port, readiness, pulse)
    assert "in use" in str(caught.value)


def test_no_name_for_a_host_that_is_not_there():
    with pytest.raises(BadUsage, match="cannot be opened"):
        ready.Endpoint("203.0.113.1", 0, ready.Readiness(), ready.Pulse())
