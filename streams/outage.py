"""Which of Kafka's errors pass by themselves: a broker is away, starts, or moves its work.

And which do not, however often librdkafka or we ask again.
"""

from confluent_kafka import KafkaError

AGAIN = 0.2  # seconds until the brokers are asked again
ASK = 2.0  # seconds that one question waits for its answer: who asks must be able to stop

_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._WAIT_COORD,
        KafkaError._DESTROY_BROKER,  # librdkafka lets go of a broker that has a new address
        KafkaError._NOENT,  # "no leaders found": none of the partitions asked about has one now
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
    }
)

# Until somebody changes the broker's rules; who would wait for that seems to wait for others.
KEPT_OUT = frozenset({KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED})


def passes(error: KafkaError) -> bool:
    """Tell whether to ask again may help, without anybody having changed anything."""
    return error.retriable() or error.code() in _PASSING
