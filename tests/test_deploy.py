"""What is in deploy/ fits the code: every file, setting, topic and metric that it names exists."""

import hashlib
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from streams import metrics, ready

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
DAY = 86_400_000  # ms

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool comes with Debian's package prometheus"
)


def load(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text())


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---- the image

INSTRUCTIONS = [
    (line.split(None, 1)[0], line.split(None, 1)[1])
    for line in re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text()).splitlines()
    if line.strip() and not line.startswith("#")
]
VERSIONED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+(-[\w.]+)?")


def copied() -> list[str]:
    """What the Dockerfile copies out of the repository."""
    here = [rest.split() for word, rest in INSTRUCTIONS if word == "COPY" and "--from" not in rest]
    return [source for *sources, _ in here for source in sources]


def test_the_image_is_built_in_two_stages_on_one_pinned_base():
    bases = [rest.split()[0] for word, rest in INSTRUCTIONS if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1, "the virtual environment of one Python does not fit another"
    assert VERSIONED.fullmatch(bases[0])
    minor = re.search(r":(\d+\.\d+)", bases[0])
    assert minor
    assert tuple(map(int, minor[1].split("."))) >= (3, 11)


def test_everything_copied_exists_and_is_not_ignored():
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in kept
    for source in copied():
        assert (ROOT / source).exists(), source
        assert "!" + source.rstrip("/") in kept


def test_everything_that_the_build_needs_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    built = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    hook = Path(built["hooks"]["custom"]["path"]).parts[0]
    texts = {project["project"]["readme"], *project["project"]["license-files"]}
    needed = {*texts, *built["packages"], hook}
    assert needed <= {source.rstrip("/") for source in copied()}


def test_the_image_runs_the_worker_and_not_as_root():
    last = dict(INSTRUCTIONS)
    assert int(last["USER"]) > 0
    assert json.loads(last["CMD"]) == ["worker"]
    [command] = json.loads(last["ENTRYPOINT"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert command in project["project"]["scripts"]


def settings_named() -> dict[str, str]:
    """Every PLAINSCORE_ variable of deploy/, with its value."""
    named = dict(re.findall(r"(PLAINSCORE_\w+)=(\S+)", (DEPLOY / "Dockerfile").read_text()))
    for service in load("compose.yaml")["services"].values():
        environment = service.get("environment", {})
        named |= {key: text for key, text in environment.items() if key.startswith("PLAINSCORE_")}
    return named


def test_every_setting_exists_and_takes_its_value(monkeypatch: pytest.MonkeyPatch):
    from streams.settings import Settings

    named = settings_named()
    assert len(named) >= 7
    for name, text in named.items():
        assert name.removeprefix("PLAINSCORE_").lower() in Settings.model_fields
        monkeypatch.setenv(name, text)
    settings = Settings()
    assert settings.brokers == "kafka:19092"
    assert f":{settings.metrics_port}/livez" in dict(INSTRUCTIONS)["HEALTHCHECK"]


# ---- compose


def test_every_image_is_named_by_its_version():
    for name, service in load("compose.yaml")["services"].items():
        assert VERSIONED.fullmatch(service["image"]), name


def test_our_image_carries_the_version_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert load("compose.yaml")["services"]["worker"]["image"] == f"plainscore:{project['version']}"


def test_compose_names_only_files_services_and_volumes_that_exist():
    compose = load("compose.yaml")
    for service in compose["services"].values():
        assert set(service.get("depends_on", [])) <= set(compose["services"])
        for mount in service.get("volumes", []):
            source, _, target = mount.rpartition(":") if ":" in mount else ("", "", mount)
            if target == "ro":
                source, _, target = source.rpartition(":")
            assert target.startswith("/")
            if source.startswith("."):
                assert (DEPLOY / source).is_dir(), source
            elif source:
                assert source in compose["volumes"]
        if "build" in service:
            assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
            assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_nothing_listens_to_other_machines():
    for service in load("compose.yaml")["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_kafka_is_reached_where_the_worker_looks_for_it():
    services = load("compose.yaml")["services"]
    advertised = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert "://" + services["worker"]["environment"]["PLAINSCORE_BROKERS"] in advertised
    assert "--bootstrap-server=kafka:19092" in services["disputes"]["command"]
    assert services["kafka"]["image"] == services["disputes"]["image"]


def test_one_service_ticks_hourly_for_all_workers():
    (ticks,) = (
        service
        for service in load("compose.yaml")["services"].values()
        if service.get("command") == ["tick", "--hourly"]
    )
    assert ticks["restart"] == "unless-stopped"
    assert ticks["healthcheck"] == {"disable": True}  # the image's asks a worker


def test_a_dispute_cannot_be_set_back_by_more_than_15_days():
    from streams.topics import TOPICS

    command = load("compose.yaml")["services"]["disputes"]["command"]
    assert "--entity-name=disputes" in command
    assert "disputes" in TOPICS
    assert f"--add-config=message.timestamp.before.max.ms={15 * DAY}" in command


def test_a_workers_state_is_its_own_and_lies_in_a_volume():
    worker = load("compose.yaml")["services"]["worker"]
    assert settings_named()["PLAINSCORE_STATE_DIR"] in worker["volumes"]
    assert worker["read_only"] is True


# ---- Prometheus


def rules() -> list[dict[str, Any]]:
    return [rule for group in load("prometheus/rules.yml")["groups"] for rule in group["rules"]]


@needs_promtool
def test_prometheus_accepts_its_configuration_and_rules():
    promtool("check", "config", PROMETHEUS / "prometheus.yml")
    promtool("check", "rules", PROMETHEUS / "rules.yml")


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then():
    promtool("test", "rules", PROMETHEUS / "rules_test.yml")


def test_every_alert_is_seen_firing_in_a_test_and_stands_in_the_readme():
    tests = (PROMETHEUS / "rules_test.yml").read_text()
    readme = (DEPLOY / "README.md").read_text()
    for rule in rules():
        name = rule["alert"]
        assert re.search(rf'alertname="?{name}"?, +alertstate="firing"', tests), name
        assert f"| {name} |" in readme
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_prometheus_scrapes_every_replica_on_the_metrics_port():
    [scrape] = load("prometheus/prometheus.yml")["scrape_configs"]
    [lookup] = scrape["dns_sd_configs"]
    assert set(lookup["names"]) <= set(load("compose.yaml")["services"])
    assert str(lookup["port"]) == settings_named()["PLAINSCORE_METRICS_PORT"]
    assert f'job="{scrape["job_name"]}"' in (PROMETHEUS / "rules.yml").read_text()


# ---- queries


def dashboard() -> dict[str, Any]:
    text = (DEPLOY / "grafana" / "dashboards" / "plainscore.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def dashboard_queries() -> dict[str, str]:
    """Every query of the dashboard, by its panel's title, with Grafana's interval filled in."""
    return {
        f"{panel['title']} / {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    }


def queries() -> dict[str, str]:
    return dashboard_queries() | {rule["alert"]: rule["expr"] for rule in rules()}


@pytest.fixture(scope="module")
def series() -> dict[str, set[str]]:
    """Every series that a worker can have, with its label names."""
    partition = 9_999
    metrics.count(SimpleNamespace(counts=Counter({("fines", "dead_letter", "oversized"): 1})))
    metrics.changes.labels("everyday", "fines").inc()
    metrics.delays.observe("fines", [1], 2)
    metrics.lag.reached("fines", partition, 1, 1)
    metrics.held.start(partition, 1, {("everyday", "open"): 1})
    metrics.restore_records.labels(str(partition)).inc()
    metrics.restore_remaining.labels(str(partition)).set(1)
    ready.Readiness("restored")
    found: dict[str, set[str]] = {}
    for family in metrics.REGISTRY.collect():
        assert family.samples, f"{family.name}: give it a sample above"
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    metrics.drop(partition)
    return found


def test_metrics_are_named_by_the_rules_of_prometheus(series: dict[str, set[str]]):
    for name in series:
        assert re.fullmatch(r"(plainscore|process)_[a-z_]+", name)
        assert not re.search(r"_(ms|minutes|hours|kb|percent)(_|$)", name)


def test_labels_come_from_fixed_sets(series: dict[str, set[str]]):
    """No label can hold a citizen's id, an event's id or what an audience was granted."""
    bounded = {"topic", "partition", "outcome", "reason", "phase", "end", "le", "condition"}
    published = {"scorecard", "tier", "cause"}
    build = {"version", "python"}
    assert set().union(*series.values()) <= bounded | published | build


def test_queries_read_only_series_and_labels_that_exist(series: dict[str, set[str]]):
    added = {"job", "instance"}  # by Prometheus
    for title, query in queries().items():
        names = set(re.findall(r"\b(?:plainscore|process)_\w+", query))
        assert names <= set(series), title
        assert names or "up{" in query, title
        labels = {
            name
            for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
            for name in group.replace(" ", "").split(",")
        } | set(re.findall(r"(\w+) ?(?:=|!=|=~|!~)\"", query))
        assert labels <= added.union(*(series[name] for name in names)), title


@needs_promtool
def test_every_query_of_the_dashboard_parses(tmp_path: Path):
    recorded = [
        {"record": f"query:{number}", "expr": query}
        for number, query in enumerate(dashboard_queries().values())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in promtool("check", "rules", file)


# ---- Grafana


def test_the_dashboard_asks_the_provisioned_prometheus():
    [source] = load("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    for panel in dashboard()["panels"]:
        assert panel["datasource"]["uid"] == source["uid"]
        assert all(target["datasource"]["uid"] == source["uid"] for target in panel["targets"])
    scrape = load("prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape


def test_the_dashboard_is_mounted_where_grafana_looks_for_it():
    [provider] = load("grafana/provisioning/dashboards/plainscore.yaml")["providers"]
    grafana = load("compose.yaml")["services"]["grafana"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/plainscore.json"


def test_no_panel_lies_over_another():
    taken: Counter[tuple[int, int]] = Counter()
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        taken.update(
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        )
    assert set(taken.values()) == {1}
    assert max(x for x, _ in taken) < 24


# ---- a real Prometheus

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="it comes with Debian's package prometheus"
)
Ask = Callable[[str], list[dict[str, Any]]]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def scraping(target: str, folder: Path) -> Iterator[Ask]:
    """Run a Prometheus that scrapes one worker each second; what is given asks it a query."""
    config = load("prometheus/prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(PROMETHEUS / "rules.yml")]
    [scrape] = config["scrape_configs"]
    del scrape["dns_sd_configs"]
    scrape["static_configs"] = [{"targets": [target]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    log = folder / "prometheus.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'series'}",
                f"--web.listen-address={address}",
            ],
            stdout=written,
            stderr=written,
        )

    def ask(query: str) -> list[dict[str, Any]]:
        url = f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return [sample for sample in found if math.isfinite(float(sample["value"][1]))]

    try:
        until(lambda: opens(f"http://{address}/-/ready"), 20, log.read_text)
        yield ask
    finally:
        process.terminate()
        process.wait(20)


def opens(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(holds: Callable[[], bool], seconds: float, why: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, why()
        time.sleep(0.5)


def without_data(ask: Ask) -> list[str]:
    return [title for title, query in dashboard_queries().items() if not ask(query)]


@needs_prometheus
def test_every_query_of_the_dashboard_returns_data(tmp_path: Path):
    """With every metric filled by hand: what a query asks for fits how the metric is kept."""
    partition = 9_998
    readiness = ready.Readiness("restored")

    def work() -> list[str]:
        now = metrics.now_ms()
        counts = Counter({("fines", "dead_letter", "oversized"): 1})
        counts["fines", "dropped", "no_consent"] = 2
        metrics.count(SimpleNamespace(counts=counts))
        metrics.delays.observe("fines", [now - 40], now)
        metrics.lag.reached("fines", partition, 1, now)
        metrics.transactions.labels("committed").inc()
        for phase in metrics.PHASES:
            metrics.commit_phase.labels(phase).observe(0.01)
        metrics.restore_remaining.labels(str(partition)).set(0)
        return without_data(ask)

    with (
        ready.Endpoint("127.0.0.1", 0, readiness, ready.Pulse()) as endpoint,
        scraping(endpoint.url.removeprefix("http://"), tmp_path) as ask,
    ):
        metrics.held.start(partition, 1, {("everyday", "open"): 1})
        until(lambda: not work(), 60, lambda: without_data(ask))
    metrics.drop(partition)


@pytest.mark.kafka
@needs_prometheus
def test_a_real_worker_fills_every_panel_and_counts_what_was_published(tmp_path: Path):
    from streams.embedded import Broker

    citizens, rounds = 20, Counter[str]()
    port = free_port()
    with Broker() as broker:
        setting = os.environ | {
            "PLAINSCORE_BROKERS": broker.bootstrap,
            "PLAINSCORE_STATE_DIR": str(tmp_path / "state"),
            "PLAINSCORE_METRICS_PORT": str(port),
        }
        command = [sys.executable, "-m", "streams"]
        subprocess.run([*command, "topics", "apply"], env=setting, check=True, timeout=60)
        sender = Sender(broker.bootstrap)
        sender.publish_scorecard()
        for number in range(citizens):
            sender.consent(f"citizen-{number}")
        sender.flush()
        log = tmp_path / "worker.log"
        with log.open("wb") as written:
            worker = subprocess.Popen(
                [*command, "worker"], env=setting, stdout=written, stderr=written
            )
        try:
            until(lambda: opens(f"http://127.0.0.1:{port}/readyz"), 60, log.read_text)
            assert opens(f"http://127.0.0.1:{port}/livez")
            with scraping(f"127.0.0.1:{port}", tmp_path) as ask:

                def publish() -> bool:
                    rounds["number"] += 1
                    for number in range(citizens):
                        sender.purchase(f"citizen-{number}", rounds["number"])
                    sender.purchase("nobody", rounds["number"])
                    sender.junk("citizen-0")
                    sender.flush()
                    return not without_data(ask)

                until(publish, 60, lambda: (without_data(ask), log.read_text()))

                def total(query: str) -> float:
                    return sum(float(sample["value"][1]) for sample in ask(query))

                sent = rounds["number"]
                expected = {
                    'plainscore_events_total{topic="purchases", outcome="scored"}': sent * citizens,
                    'plainscore_events_total{topic="purchases", outcome="dropped"}': sent,
                    'plainscore_dead_letters_total{topic="purchases"}': sent,
                    'plainscore_events_total{topic="purchases"}': sent * (citizens + 2),
                    "plainscore_delay_seconds_count{topic='purchases'}": sent * (citizens + 2),
                    "plainscore_citizens": citizens,
                    "plainscore_scores": citizens,
                    "plainscore_partitions_owned": 4,
                    "plainscore_scorecards_held": 1,
                    "plainscore_lag_records": 0,
                    "plainscore_lag_seconds": 0,
                    "plainscore_restore_remaining_records": 0,
                    'plainscore_transactions_total{end="unclear"}': 0,
                }

                def found() -> dict[str, float]:
                    return {query: total(query) for query in expected}

                until(lambda: found() == expected, 30, lambda: (found(), expected))
                assert total("plainscore_changes_total") >= citizens
                assert total("plainscore_batch_records_count") > 0
                assert total("plainscore_restore_seconds_count") == 4
                body = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)
                assert b"citizen-" not in body.read()
                assert not ask('ALERTS{alertname!="PlainscoreDeadLetters", alertstate="firing"}')
        finally:
            worker.terminate()
            ended = worker.wait(30)
        assert ended == 0, log.read_text()


class Sender:
    """Publishes with nothing but the codec, so that this test stands on the contract alone."""

    def __init__(self, bootstrap: str) -> None:
        from confluent_kafka import Producer

        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})

    def _send(self, topic: str, key: bytes, values: dict[str, Any]) -> None:
        from streams.codec import encode

        self._producer.produce(topic, encode(topic, values), key)

    def flush(self) -> None:
        assert self._producer.flush(30) == 0

    def publish_scorecard(self) -> None:
        from streams.codec import pack

        document = next((ROOT / "schemas").rglob("everyday.yaml")).read_text()
        page = yaml.safe_load(document)
        day = datetime.combine(page["effective_from"], datetime.min.time(), UTC)
        values = {
            "id": page["id"],
            "version": page["version"],
            "document": document,
            "digest": hashlib.sha256(document.encode()).hexdigest(),
            "effective_from": int(day.timestamp() * 1000),
        }
        self._send("scorecards", pack(page["id"], str(page["version"])), values)

    def consent(self, citizen: str) -> None:
        now = metrics.now_ms()
        grant = {"scorecard": "everyday", "kinds": ["purchases"], "covers_from": now - DAY}
        values = {"citizen_id": citizen, "occurred_at": now, "grants": [grant]}
        self._send("consents", citizen.encode(), values)

    def purchase(self, citizen: str, number: int) -> None:
        values = {
            "event_id": f"{citizen}-{number}",
            "citizen_id": citizen,
            "occurred_at": metrics.now_ms(),
            "source": "shop",
            "category": "books",
            "amount_minor": 1_500,
            "currency": "USD",
        }
        self._send("purchases", citizen.encode(), values)

    def junk(self, citizen: str) -> None:
        self._producer.produce("purchases", b'{"not": "avro"}', citizen.encode())
