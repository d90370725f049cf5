"""How every client reaches the brokers, and what it says when it cannot."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from confluent_kafka import KafkaError, KafkaException

from streams.errors import BadUsage, PlainscoreError, Unreachable

ANSWER_WITHIN = 10.0  # seconds that a broker may take to answer before we say that it does not

LOG = logging.getLogger("plainscore.client")
LOG.addHandler(logging.NullHandler())  # librdkafka's lines go where the caller's logging says


class _Client(Protocol):
    def list_topics(self, topic: str = ..., timeout: float = ...) -> Any: ...
    def poll(self, timeout: float = ...) -> Any: ...


Opened = TypeVar("Opened", bound=_Client)


class Connection:
    """An address and its security settings; opens librdkafka's clients on it.

    `kafka` holds settings of librdkafka's own, which win over ours: security, client.id, timeouts.
    """

    def __init__(self, brokers: str, kafka: Mapping[str, str] | None = None) -> None:
        self.brokers = brokers
        self._settings = dict(kafka or {})
        self._last_error = ""

    def open(self, kind: Callable[..., Opened], settings: Mapping[str, object]) -> Opened:
        """Make a client of this kind. Raises BadUsage for a setting that librdkafka refuses."""
        ours = {
            "bootstrap.servers": self.brokers,
            "client.id": "plainscore",
            "error_cb": self._remember,
        }
        try:
            return kind({**ours, **settings, **self._settings}, logger=LOG)
        except (KafkaException, ValueError, TypeError) as refused:
            raise BadUsage(
                f"Kafka's client refused a setting: {sentence(refused)}",
                where=f"brokers {self.brokers}",
                next_step="Mend the address or the extra Kafka settings (PLAINSCORE_KAFKA).",
            ) from refused

    def topics(self, client: _Client) -> dict[str, int]:
        """Every topic of the cluster with its number of partitions. Raises Unreachable."""
        try:
            found = client.list_topics(timeout=ANSWER_WITHIN)
        except KafkaException as failed:
            client.poll(0)  # hands over the errors that say why
            raise self.unreachable(failed) from failed
        return {name: len(topic.partitions) for name, topic in found.topics.items()}

    def unreachable(self, failed: KafkaException | KafkaError | None = None) -> Unreachable:
        """Say that no broker answered, with the last reason that librdkafka gave."""
        reason = self._last_error or (sentence(failed) if failed else "")
        return Unreachable(
            "No Kafka broker answered" + (f": {reason}" if reason else ""),
            where=f"brokers {self.brokers}",
            next_step="Start one with `plainscore broker`, or set PLAINSCORE_BROKERS to one that"
            " runs.",
        )

    def missing(self, topic: str) -> PlainscoreError:
        """Say that the cluster has no such topic."""
        return BadUsage(
            f"The topic {topic} does not exist",
            where=f"brokers {self.brokers}",
            next_step="Create the topics with `plainscore topics apply`, or check the prefix.",
        )

    def _remember(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # the error before it says why
            self._last_error = sentence(error)



def sentence(failed: BaseException | KafkaError) -> str:
    """librdkafka's own words for an error, without its codes."""
    error = failed.args[0] if isinstance(failed, KafkaException) else failed
    return error.str() if isinstance(error, KafkaError) else str(error)
