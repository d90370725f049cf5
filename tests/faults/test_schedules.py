"""Schedules of faults, drawn from seeds: whatever befalls the workers, every check holds."""

import os

import pytest

from streams.embedded import Broker
from tests.faults.__main__ import table
from tests.faults.outcome import outcomes

SEEDS = 60  # every fault has its turn, most of them several
TRIED = int(os.environ.get("PLAINSCORE_SEEDS", SEEDS))


@pytest.mark.faults
@pytest.mark.timeout(TRIED * 60)
def test_whatever_befalls_the_workers_every_check_holds(broker: Broker) -> None:
    done = []
    for each in outcomes(range(1, TRIED + 1), broker.bootstrap):
        print(each, each.why)
        done.append(each)
    print(table(done))
    assert [each.seed for each in done if each.why] == []
