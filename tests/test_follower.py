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
        self.config = {"bootstrap.servers": brokers}
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

    def publish(self, *names: str) -> None:
        """Publish the example of this name, or the everyday one under another."""
        with Publisher(self.brokers, prefix=self.prefix) as publisher:
            for name in names:
                page = scorecards.example("rider" if name == "rider" else "everyday")
                publisher.publish_scorecard(page.replace("id: everyday\n", f"id: {name}\n"))

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


@pytest.mark.parametrize("before", [["one", "two", "three"], ["one"]], ids=["shorter", "longer"])
def test_a_topic_of_pages_that_is_made_anew_is_read_from_its_start(
    followed: Followed, before: list[str]
) -> None:
    """Kafka alone would go on in its midst, or behind what there is of it."""
    followed.publish(*before)
    followed.wait_held(*before)
    with structlog.testing.capture_logs() as logged:
        followed.delete()
        followed.create()
        followed.publish("everyday", "rider")
        followed.wait_held("everyday", "rider", *before)
        told = "topic_made_anew"
        wait_for(lambda: told in {line["event"] for line in logged}, 30, "that is told")


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
        wait_for(lambda: logged, 40, "it is told that the topic is gone")
    assert logged[0]["event"] == "fetch_failed"
