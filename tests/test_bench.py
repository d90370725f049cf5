"""The benchmark, small: what it prints, and that its three ways agree."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from streams.bench import load
from streams.bench.measure import Run, summary
from streams.codec import decode
from streams.topics import partition_of

ROOT = Path(__file__).parents[1]
MEASURES = ("events_per_s", "events_per_cpu_s", "peak_rss_mib", "state_bytes_per_citizen")


def test_a_load_is_the_same_each_time():
    assert load.make(2_000, 50) == load.make(2_000, 50)


def test_one_purchase_in_a_hundred_comes_twice():
    purchases = load.make(2_000, 50).purchases
    assert len(purchases) == 2_000
    assert Counter(Counter(purchases).values()) == {1: 1_960, 2: 20}


def test_every_purchase_is_covered_by_a_consent_and_stands_where_its_citizen_does():
    made = load.make(2_000, 50)
    consents = {sent.key: decode("consents", sent.value) for sent in made.consents}
    assert len(consents) == len(made.citizens) == 50
    for sent in made.purchases:
        purchase = decode("purchases", sent.value)
        (grant,) = consents[sent.key]["grants"]
        assert grant["kinds"] == ["purchases"]
        assert grant["covers_from"] <= purchase["occurred_at"]
        assert sent.key.decode() == purchase["citizen_id"]
        assert sent.partition == partition_of(purchase["citizen_id"], load.PARTITIONS)


def test_a_part_has_some_citizens_and_all_that_is_theirs():
    made = load.make(2_000, 50)
    part = made.part(10)
    chosen = {name.encode() for name in part.citizens}
    assert len(chosen) == len(part.consents) == 5
    assert part.purchases == [sent for sent in made.purchases if sent.key in chosen]


def test_medians_are_shown():
    runs = [Run(1_000, 10, seconds, 2.0, 50.0, 4_000) for seconds in (1.0, 8.0, 2.0)]
    found = summary({"raw": runs, "faust": runs, "lane": runs})
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


@pytest.mark.bench
def test_a_small_bench_ends_in_one_json_object():
    command = ["bench", "--events", "5000", "--citizens", "500", "--runs", "1", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "streams", *command],
        cwd=ROOT,
        env={**os.environ, "PLAINSCORE_PREFIX": "not-for-the-bench."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == ["raw", "faust", "lane"]
    for values in found.values():
        assert all(values[name] >= 0 for name in MEASURES)
        assert values["events_per_s"] > 0 < values["events_per_cpu_s"]
    assert found["raw"]["events"] == 10 * found["lane"]["events"] == 50_000
    assert found["faust"]["events"] < found["lane"]["events"] / 5
    assert found["raw"]["state_bytes_per_citizen"] == 0
    assert found["lane"]["state_bytes_per_citizen"] > 100
