"""Topics as Kafka gets them, and the placing of citizens as Kafka's Java client does it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import topics
from streams.app import producer_config
from streams.errors import BadUsage
from streams.memory import split
from streams.schemas import names
from streams.scoring.ledger import DAY
from streams.settings import Settings
from streams.topics import INPUTS, KINDS, TOPICS, audience_topic, murmur2, partition_of
from streams.transport.name import Name

# From the tests of Kafka's own clients (UtilsTest.testMurmur2).
JAVA = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("key", "hashed"), JAVA.items())
def test_keys_hash_as_in_the_java_client(key, hashed):
    assert murmur2(key.encode()) == hashed % 2**32


@pytest.mark.parametrize(("key", "hashed"), JAVA.items())
def test_a_citizen_lives_where_the_java_client_would_place_it(key, hashed):
    assert partition_of(key, 7) == (hashed & 0x7FFFFFFF) % 7


def test_citizens_whose_ids_are_not_ascii_have_pinned_places_too():
    places = [partition_of(citizen, 1000) for citizen in ("", "Zoë", "漢字", "🙂", "c-1001")]
    assert places == [681, 334, 57, 799, 358]


@given(st.text(), st.integers(1, 64))
def test_a_place_is_one_of_the_partitions(citizen_id, partitions):
    assert 0 <= partition_of(citizen_id, partitions) < partitions


def test_kinds_and_inputs_are_read_off_the_table_and_the_gate_comes_first():
    assert KINDS[:3] == ("purchases", "fines", "payments")
    assert list(INPUTS) == ["consents", "shares", *KINDS, "disputes", "corrections", "ticks"]


def test_every_topic_has_a_schema_or_is_known_to_hold_raw_bytes():
    raw = {name for name, topic in TOPICS.items() if topic.value_schema is None}
    assert raw == {"dead-letters", "citizens-changelog", "ledger-changelog"}
    wire = {name for name in names() if not name.startswith("state/")}
    used = {topic.value_schema for topic in (*TOPICS.values(), audience_topic("shop"))} - {None}
    assert used == wire


def test_only_scorecards_has_one_partition():
    assert [name for name, topic in TOPICS.items() if not topic.partitioned] == ["scorecards"]


@pytest.mark.parametrize("topic", [*TOPICS.values(), audience_topic("shop")], ids=lambda t: t.name)
def test_what_was_erased_or_has_expired_is_gone_in_time(topic):
    """The longest way: a full segment, the wait for compaction, the tombstone's own stay."""
    config = {key: value for key, value in topic.config.items() if key.endswith(".ms")}
    assert int(config["segment.ms"]) == DAY
    if topic.cleanup == "compact":
        assert topic.config["cleanup.policy"] == "compact"
        assert topic.retention_ms is None
        assert "retention.ms" not in config
        last = DAY + int(config["max.compaction.lag.ms"]) + int(config["delete.retention.ms"])
    else:
        assert topic.config["cleanup.policy"] == "delete"
        last = DAY + int(config["retention.ms"])
    assert last < topics.ERASED_WITHIN or topic.name == "receipts"  # nothing of a person in those


def test_inputs_refuse_a_time_ahead_of_kafkas_clock_and_outputs_do_not_ask():
    asking = [n for n, t in TOPICS.items() if "message.timestamp.after.max.ms" in t.config]
    assert sorted(asking) == sorted(INPUTS)
    for name in asking:
        assert TOPICS[name].config["message.timestamp.after.max.ms"] == "3600000"
        assert TOPICS[name].config["message.timestamp.type"] == "CreateTime"


def test_a_dead_letter_has_room_for_the_largest_record_and_its_headers():
    assert TOPICS["dead-letters"].config["max.message.bytes"] == "2097152"


@pytest.mark.parametrize("name", ["citizens-changelog", "ledger-changelog"])
def test_a_changelog_has_room_for_whatever_the_lane_can_send(name):
    settings = producer_config(Settings(), Name("a-name", None), split(64, 1))
    assert TOPICS[name].config["max.message.bytes"] == str(settings["message.max.bytes"])


def test_receipts_are_kept_for_a_year():
    assert TOPICS["receipts"].config["retention.ms"] == str(365 * DAY)


@pytest.mark.parametrize("name", ["shadow", "", "a.b", "A", "a_b", "-a", "é", "a" * 65, "a\n"])
def test_a_name_that_no_worker_takes_is_no_audience(name):
    with pytest.raises(BadUsage):
        audience_topic(name)


def test_a_topic_is_found_by_name_an_audiences_too():
    assert topics.topic_of("fines") is TOPICS["fines"]
    assert topics.topic_of("score-changes.shadow").value_schema == "score-changes"
    assert topics.topic_of("score-changes.shop").value_schema == "score-changes-audience"
    with pytest.raises(BadUsage, match="purchases, fines"):
        topics.topic_of("purchase")


def test_names_take_a_prefix_and_lose_it_again():
    assert topics.full_name("fines", "city.") == "city.fines"
    assert topics.bare_name("city.fines", "city.") == "fines"
    assert topics.bare_name("fines", "") == "fines"
    with pytest.raises(BadUsage):
        topics.bare_name("fines", "city.")
