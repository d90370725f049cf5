"""What a broker's rules do not allow is said: nobody waits for it, and nobody sees a traceback."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from streams.client import Publisher, admin
from streams.client.connection import Connection
from streams.embedded import Broker, _free_ports
from streams.errors import PlainscoreError, Unreachable
from tests.lane_world import GROUP, Worker, wait_for

pytestmark = pytest.mark.kafka

PURCHASE = {
    "event_id": "1",
    "citizen_id": "ann",
    "occurred_at": 1_700_000_000_000,
    "source": "shop",
    "category": "books",
    "amount_minor": 1499,
    "currency": "USD",
}


class Guarded(Broker):
    """A broker with rules; whoever comes without a name may do all."""

    def __init__(self) -> None:
        super().__init__()
        (port,) = _free_ports(1, taken=[*self._ports, *self._controllers])
        self.guarded = f"127.0.0.1:{port}"

    def _settings(self, node: int) -> dict[str, Any]:
        settings = super()._settings(node)
        for name, more in {
            "listeners": f"GUARDED://{self.guarded}",
            "advertised.listeners": f"GUARDED://{self.guarded}",
            "listener.security.protocol.map": "GUARDED:SASL_PLAINTEXT",
        }.items():
            settings[name] += f",{more}"
        login = "org.apache.kafka.common.security.plain.PlainLoginModule"
        return settings | {
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": f"{login} required "
            'user_ann="secret" user_bob="secret";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }

    def let(self, who: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
        """Let somebody do something with all whose names begin so."""
        how = ResourcePatternType.PREFIXED
        rules = [
            AclBinding(kind, name, how, f"User:{who}", "*", each, AclPermissionType.ALLOW)
            for each in operations
        ]
        client = AdminClient({"bootstrap.servers": self.bootstrap})
        for answer in client.create_acls(rules).values():
            answer.result()


def settings_of(who: str) -> dict[str, str]:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": who,
        "sasl.password": "secret",
    }


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with Guarded() as broker:
        yield broker


def said(act: Callable[[], Any]) -> str:
    """What a call says that fails."""
    with pytest.raises(PlainscoreError) as failed:
        act()
    assert isinstance(failed.value, Unreachable)
    return str(failed.value)


def test_who_is_not_let_in_is_told_to_mend_the_security_settings(guarded: Guarded) -> None:
    """Not to start a broker: there is one."""
    wrong = {**settings_of("bob"), "sasl.password": "wrong"}
    told = said(lambda: Publisher(guarded.guarded, kafka=wrong))
    assert "Invalid username or password" in told
    assert "security settings" in told
    assert "plainscore broker" not in told


def test_who_comes_without_the_security_settings_is_told_of_them(guarded: Guarded) -> None:
    """A broker that asks for a login ends the connection without a word."""
    assert "PLAINSCORE_KAFKA" in said(lambda: Publisher(guarded.guarded))
    tls = {"security.protocol": "SSL"}
    assert "PLAINSCORE_KAFKA" in said(lambda: Publisher(guarded.bootstrap, kafka=tls))


@pytest.mark.parametrize("moment", ["flush", "publish"])
def test_who_may_not_write_is_told_so(guarded: Guarded, prefix: str, moment: str) -> None:
    """librdkafka's producer ends then: what it still holds is lost at once, and counted."""
    admin.apply(guarded.bootstrap, prefix=prefix)
    guarded.let("bob", ResourceType.TOPIC, prefix, AclOperation.DESCRIBE)
    of_bob = Connection(guarded.guarded, settings_of("bob"))
    client = of_bob.open(Consumer, {"group.id": "none"})
    wait_for(lambda: prefix + "purchases" in of_bob.topics(client), 30, "the rule holds")
    client.close()
    publisher = Publisher(guarded.guarded, prefix=prefix, kafka=settings_of("bob"), partitions=4)
    if moment == "flush":
        for number in range(3):
            publisher.publish("purchases", {**PURCHASE, "event_id": str(number)})
        told = said(publisher.flush)
        assert "3 records were not delivered" in told
    else:
        told = said(lambda: [publisher.publish("purchases", PURCHASE) for _ in range(1_000_000)])
    assert "Check the security settings" in told
    with suppress(Unreachable):  # what the last one had queued
        publisher.flush()
    assert "not delivered" in said(lambda: publisher.publish("purchases", PURCHASE))


NAMED = {
    "the group": "Group authorization failed",
    "what it reads": "{}consents",
    "what it writes": "we may not write to {}scores (",
}


@pytest.mark.parametrize("kept_from", NAMED)
def test_a_worker_that_is_kept_out_ends(
    guarded: Guarded, prefix: str, tmp_path: Path, kept_from: str
) -> None:
    """It would ask on for ever, and look as if it waited for others. It says what from."""
    admin.apply(guarded.bootstrap, prefix=prefix)
    describe, write, read = AclOperation.DESCRIBE, AclOperation.WRITE, AclOperation.READ
    let = partial(guarded.let, "ann")
    let(ResourceType.TRANSACTIONAL_ID, prefix, describe, write)
    let(ResourceType.TOPIC, prefix, describe)
    for name in ("scorecards", "citizens-changelog", "ledger-changelog"):
        let(ResourceType.TOPIC, prefix + name, read, write)
    if kept_from != "the group":
        let(ResourceType.GROUP, prefix, read)
    if kept_from != "what it reads":
        let(ResourceType.TOPIC, prefix, read)
    if kept_from == "what it writes":
        for name in ("consents", "shares"):  # heartbeats go there, too
            let(ResourceType.TOPIC, prefix + name, write)
        with Publisher(guarded.bootstrap, prefix=prefix) as publisher:
            publisher.tick()  # which the worker answers with heartbeats
    settings = {
        "BROKERS": guarded.guarded,
        "KAFKA": json.dumps(settings_of("ann")),
        "PREFIX": prefix,
        "GROUP": prefix + GROUP,
    }
    worker = Worker(tmp_path, settings)
    try:
        wait_for(worker.ended, 60, "the worker has ended")
    finally:
        worker.kill()
    assert worker.process.returncode == 3
    assert "error: Kafka did not let us in" in worker.said(), worker.said()
    sentence = worker.sentence()
    assert NAMED[kept_from].format(prefix) in sentence
    assert "Traceback" not in worker.said()
