"""Following the published scorecards: a worker that stopped doing so would score by old ones."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streams import scorecards
from streams.client import Publisher
from streams.client.published import to_publish
from streams.codec import encode
from streams.embedded import Broker
from streams.published import Published
from streams.transport.scorecards import TOPIC, Follower
from tests.lane_world import wait_for

pytestmark = pytest.mark.kafka


class Followed:
    """A topic of published scorecards, and a worker's follower of it."""

    def __init__(self, brokers: str, prefix: str) -> None:
        self.brokers = brokers
        self.prefix = prefix
        self.config = {"bootstrap.servers": brokers, "auto.offset.reset": "error"}
        self.held = Published()

    def create(self) -> None:
        client = AdminClient(self.config)  # its futures end with it
        topic = NewTopic(self.prefix + TOPIC, 1, 1, config={"cleanup.policy": "compact"})
        for future in client.create_topics([topic]).values():
            future.result(30)

    def delete(self) -> None:
        client = AdminClient(self.config)
        names = [self.prefix + TOPIC]
        for future in client.delete_topics(names, operation_timeout=30).values():
            future.result(30)

    def publish(self, name: str) -> None:
        with Publisher(self.brokers, prefix=self.prefix) as publisher:
            publisher.publish_scorecard(scorecards.example(name))

    def send(self, values: dict[str, Any]) -> None:
        producer = Producer({"bootstrap.servers": self.brokers})
        producer.produce(self.prefix + TOPIC, encode(TOPIC, values), b"any", 0)
        assert producer.flush(30) == 0

    def wait_held(self, *names: str) -> None:
        wait_for(lambda: set(names) <= set(self.held.ids()), 30, f"{names} are held")


@pytest.fixture
def followed(broker: Broker, prefix: str) -> Iterator[Followed]:
    followed = Followed(broker.bootstrap, prefix)
    followed.create()
    with Follower(followed.config, prefix, 750) as followed.held:
        yield followed


def test_a_page_on_which_the_reader_stumbles_is_one_page_less(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the thread: an error that ended it went unnoticed."""

    def stumbles(document: str, *_: Any) -> Any:
        if "rider" in document:
            raise KeyError("a slip of ours")
        return scorecards.read(document)

    monkeypatch.setattr("streams.transport.scorecards.read", stumbles)
    with structlog.testing.capture_logs() as logged:
        followed.publish("rider")
        followed.publish("everyday")
        followed.wait_held("everyday")
    (refused,) = [line for line in logged if line["event"] == "scorecard_refused"]
    assert "a slip of ours" in refused["why"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"digest": scorecards.digest("another")}, "another document's"),
        ({"id": "everynight"}, "not the document's"),
        ({"version": 2}, "not the document's"),
    ],
)
def test_a_page_that_is_not_what_it_is_published_as_is_passed_over(
    followed: Followed, wrong: dict[str, Any], why: str
) -> None:
    """Who looks it up by its id, version or digest would find another page than is scored by."""
    page = to_publish([], scorecards.example("everyday"), 0)
    assert page is not None
    with structlog.testing.capture_logs() as logged:
        followed.send({**page.values(), **wrong})
        followed.publish("rider")
        followed.wait_held("rider")
    assert followed.held.ids() == ("rider",)
    (refused,) = [line for line in logged if line["event"] == "scorecard_refused"]
    assert why in refused["why"]


def test_what_cannot_be_fetched_is_told(followed: Followed) -> None:
    followed.publish("everyday")
    followed.wait_held("everyday")
    with structlog.testing.capture_logs() as logged:
        followed.delete()
        followed.create()
        wait_for(lambda: logged, 40, "it is told that the topic is another one")
    assert logged[0]["event"] == "fetch_failed"
