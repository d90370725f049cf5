"""Settings in, Faust app out."""

from functools import partial
from typing import Any

import faust
import structlog
from mode import CrashingSupervisor
from yarl import URL as Address

from streams import metrics
from streams.agents import score_events
from streams.memory import Memory, split
from streams.partitions import Partitions
from streams.process.batch import Options
from streams.published import Published
from streams.ready import Readiness
from streams.scoring.ledger import DAY
from streams.settings import Settings
from streams.tables.partition import bound
from streams.tables.store import URL
from streams.tables.table import Table, TableManager
from streams.topics import LARGEST_RECORD
from streams.transport.name import Name, take_name
from streams.transport.transport import Plan, Transport

log = structlog.get_logger(__name__)


class BatchTopic(faust.Topic):
    """A topic whose messages are whole batches, decoded already."""

    def _compile_decode(self) -> None:
        """Compile none: a channel's own hands the message's value on as it is."""


def make_app(
    settings: Settings, partitions: int, scorecards: Published, readiness: Readiness
) -> faust.App:
    """Make a worker's app; partitions: what all topics have, see `transport.check`."""
    folder = settings.state_dir / (settings.prefix + settings.group)
    name = take_name(folder, settings.group)
    memory = split(settings.memory_mib, partitions)
    bound(memory)
    held = Partitions(settings, partitions, readiness, folder, memory)
    faust_folder = settings.state_dir / "faust"
    faust_folder.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        settings.group,
        broker="librdkafka://" + settings.brokers.split(",", maxsplit=1)[0],
        store=URL,
        Topic=BatchTopic,
        Table=Table,
        TableManager=TableManager,
        agent_supervisor=CrashingSupervisor,  # a batch that fails is never passed over
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_buffer_maxsize=4,  # each item is a whole batch
        stream_wait_empty=False,
        topic_partitions=partitions,
        datadir=str(faust_folder),
    )
    plan = Plan(
        name,
        consumer_config(settings, name, memory),
        settings.librdkafka,
        producer_config(settings, name, memory),
        settings.prefix,
        partitions,
        settings.commit_ms / 1000,
    )
    transport = Transport([Address(app.conf.broker[0])], app)
    app.transport = app.producer_transport = transport
    lane = transport.run_on(
        plan,
        held.restore,
        partial(_ready, readiness),
        partial(_gone, readiness),
        partial(_stuck, readiness),
    )
    options = Options(
        partitions,
        settings.horizon_days * DAY,
        frozenset(settings.audiences),
        settings.max_record_bytes,
    )
    score_events(app, lane, scorecards, options, app.topic(*plan.topics, value_type=bytes))
    metrics.tick_interval.set(settings.tick_minutes * 60)
    _gone(readiness)
    _stuck(readiness, "")
    return app


def consumer_config(settings: Settings, name: Name, memory: Memory) -> dict[str, Any]:
    """Give librdkafka's settings of the group's member."""
    config = {
        **settings.librdkafka,
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # `Member` says where to begin, and what is missing there
        "isolation.level": "read_committed",
        # Equal partition counts, so partition p of all topics goes to one member.
        "partition.assignment.strategy": "range",
        "session.timeout.ms": settings.away_seconds * 1000,
        "heartbeat.interval.ms": 1_500,
        "enable.partition.eof": True,  # says when consents were read to their end
        # An answer for each record as it comes would cost the brokers more than all our work.
        "fetch.min.bytes": 100_000,
        "fetch.wait.max.ms": 5,
        "fetch.queue.backoff.ms": 10,  # the default of 1,000 starves a consumer that keeps up
        "queued.min.messages": 20_000,
        **memory.fetching,
    }
    if name.kept:
        # Who comes back under it in time has its partitions still; it never says that it leaves.
        config["group.instance.id"] = name.value
    return config


def producer_config(settings: Settings, name: Name, memory: Memory) -> dict[str, Any]:
    """Give librdkafka's settings of the lane's producer."""
    return {
        **settings.librdkafka,
        "transactional.id": name.value,
        "transaction.timeout.ms": 10_000,  # a successor waits so long for what we leave open
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 5,
        "batch.num.messages": 10_000,
        "batch.size": 1_000_000,
        "queue.buffering.max.messages": 500_000,
        **memory.producing,
        "message.max.bytes": LARGEST_RECORD,
    }


def _ready(readiness: Readiness, partitions: list[int]) -> None:
    metrics.partitions_owned.set(len(partitions))
    readiness.set("restored", True)
    readiness.set("reading", True)
    log.info("worker_ready", partitions=partitions)


def _gone(readiness: Readiness) -> None:
    metrics.partitions_owned.set(0)
    readiness.set("restored", False, "no partitions yet")


def _stuck(readiness: Readiness, why: str) -> None:
    readiness.set("committing", not why, why)
