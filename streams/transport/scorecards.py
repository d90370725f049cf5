"""Follows the topic of published scorecards, outside of the group."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from streams import metrics
from streams.codec import decode
from streams.errors import BadData, Unreachable
from streams.offsets import topic_ids
from streams.outage import passes
from streams.published import Published
from streams.scorecards import digest, read
from streams.topics import full_name

log = structlog.get_logger(__name__)

TOPIC = "scorecards"
PATIENCE = 60.0  # seconds for the first reading to the end
LOOK = 1.0  # seconds between two looks whether it is the same topic still


class Follower:
    """Reads all that is published before a worker takes partitions, and then what comes."""

    def __init__(self, config: Mapping[str, Any], prefix: str, horizon_days: int) -> None:
        self.published = Published()
        self._horizon_days = horizon_days
        self._place = TopicPartition(full_name(TOPIC, prefix), 0, OFFSET_BEGINNING)
        self._consumer = Consumer(
            {
                **config,
                "group.id": "plainscore-scorecards",  # librdkafka wants one; nobody joins it
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",  # what is read twice changes nothing
            }
        )
        self._admin = AdminClient({**config, "log_level": 0})
        self._id: str | None = None  # of the topic; "" while there is none
        self._at_end = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="scorecards", daemon=True)

    def __enter__(self) -> Published:
        """Read to the end, and begin to follow."""
        deadline = time.monotonic() + PATIENCE
        try:
            self._look()
            self._consumer.assign([self._place])
            while not self._at_end:
                self._take(self._consumer.poll(0.1))
                if time.monotonic() > deadline:
                    raise Unreachable(
                        "the published scorecards could not be read to their end",
                        where=self._place.topic,
                        next_step="See that the brokers are up, then start the worker again.",
                    )
        except KafkaException as error:
            raise Unreachable(
                f"the published scorecards cannot be read: {error.args[0].str()}",
                where=self._place.topic,
                next_step="See that the brokers are up and the topics exist (plainscore doctor).",
            ) from error
        self._thread.start()
        return self.published

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(5)
        self._consumer.close()

    def _follow(self) -> None:
        looked = time.monotonic()
        while not self._stopped.is_set():
            self._take(self._consumer.poll(0.2))
            if time.monotonic() - looked > LOOK:
                self._look()
                looked = time.monotonic()

    def _look(self) -> None:
        """Read the topic from its start if it was deleted and made again: no offset tells of it."""
        topic, before = self._place.topic, self._id
        try:
            self._id = topic_ids(self._admin, [topic])[topic]
        except KafkaException as error:
            if passes(error.args[0]):
                return
            self._id = ""
            if before != self._id:
                log.warning("fetch_failed", topic=topic, why=error.args[0].str())
            return
        if before not in (None, self._id):
            log.warning(
                "topic_made_anew",
                topic=topic,
                next_step="Publish in it again what was published before, the same pages: this "
                "worker holds those still, and one that is started from now on does not.",
            )
            self._consumer.assign([self._place])

    def _take(self, message: Message | None) -> None:
        """Hold what a record publishes. A page that is refused here never stops a worker."""
        if message is None:
            return
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._at_end = True
        elif error is not None:  # librdkafka asks on by itself
            log.warning("fetch_failed", topic=self._place.topic, why=error.str())
        if error is not None or message.value() is None:
            return
        try:
            values = decode(TOPIC, message.value())
            if digest(values["document"]) != values["digest"]:
                raise BadData("its digest is another document's")
            scorecard = read(values["document"], self._horizon_days)
            if (scorecard.id, scorecard.version) != (values["id"], values["version"]):
                raise BadData("its id or version is not the document's")
        except Exception as error:  # nobody waits for this thread: it would end unnoticed
            why = f"{type(error).__name__}: {error}"
            log.error("scorecard_refused", offset=message.offset(), why=why)
            return
        if self.published.add(scorecard):
            metrics.scorecards_held.set(len(self.published.all()))
            log.info("scorecard_held", scorecard=scorecard.id, version=scorecard.version)
