"""Delivery: what was published is scored exactly once, whatever happens to the workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded import Broker
from tests.lane_world import History, World, check

pytestmark = pytest.mark.kafka


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path) as world:
        yield world


def test_scores_and_changes_are_the_recount_of_what_an_outsider_saw(world: World) -> None:
    history = History(1, citizens=300, events=4_000)
    world.send(history.consents() + history.shares())
    world.worker()
    world.send(history.happenings())
    seen = world.wait_done()
    are = check(world, seen)
    assert len(are) > 400
    assert len({standing.score for standing in are.values()}) > 50
