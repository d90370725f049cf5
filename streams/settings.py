"""Every setting of plainscore, in one object, from environment variables named PLAINSCORE_*."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from streams.errors import BadUsage
from streams.topics import AUDIENCE, AUDIENCE_TAKES

PREFIX = "PLAINSCORE_"
DEFAULT_BROKERS = "127.0.0.1:9092"
TOPIC_CHARACTERS = re.compile(r"[A-Za-z0-9._-]*")
LogLevel = Literal["debug", "info", "warning", "error"]


class Cluster(TypedDict):
    """What the parts of `streams.client` take alike: where our topics are, and how to get there."""

    brokers: str
    prefix: str
    kafka: dict[str, str]


class Settings(BaseSettings):
    """What an operator can set; every default suits one broker on this machine."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    # ---- Kafka
    brokers: str = Field(DEFAULT_BROKERS, min_length=1)  # host:port, several with commas
    kafka: dict[str, str] = Field({}, repr=False)  # more librdkafka settings (security), as JSON
    prefix: str = ""  # before the name of every topic
    partitions: int = Field(4, ge=1, le=10_000)  # of every partitioned topic; fixed for life
    replication: int = Field(1, ge=1, le=32_767)
    schema_registry_url: str | None = None
    max_record_bytes: int = Field(65_536, ge=1_024, le=1_000_000)

    # ---- the worker
    group: str = Field("plainscore", min_length=1)  # fixed for life: Kafka keeps positions by it
    state_dir: Path = Path("~/.local/state/plainscore")
    # Within how long a worker that keeps up commits what comes: it gathers for so long, less what
    # the last transaction took.
    commit_ms: int = Field(100, ge=1, le=60_000)
    # On top of Python's own: see streams/memory.py.
    memory_mib: int = Field(512, ge=64, le=1_048_576)
    audiences: Annotated[tuple[str, ...], NoDecode] = ()  # names with commas between them
    # For how long others leave a worker's partitions to it when it is away. By default Kafka takes
    # no less than 6, and librdkafka no more than the 300 that a batch may last.
    away_seconds: int = Field(8, ge=6, le=300)
    standby: bool = False  # keep copies of what other workers hold, to take it over at once
    horizon_days: int = Field(750, ge=1, le=36_500)
    tick_minutes: int = Field(60, ge=1, le=1_440)

    # ---- what operators see
    metrics_host: str = Field("127.0.0.1", min_length=1)  # empty would be every address
    metrics_port: int = Field(9464, ge=0, le=65_535)  # 0: any free one
    log_level: LogLevel = "info"
    log_json: bool | None = None  # unset: JSON unless written to a terminal

    # ---- the embedded broker
    broker_folder: Path | None = None  # where its records are kept; unset: nowhere

    @field_validator("audiences", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if isinstance(given, str):
            return tuple(name.strip() for name in given.split(",") if name.strip())
        return given

    @field_validator("audiences")
    @classmethod
    def _can_name_a_topic(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not AUDIENCE.fullmatch(name):
                raise ValueError(f"an audience's name takes {AUDIENCE_TAKES}")
        return names

    @field_validator("prefix")
    @classmethod
    def _can_begin_a_topic(cls, prefix: str) -> str:
        if not TOPIC_CHARACTERS.fullmatch(prefix):
            raise ValueError("a topic's name takes letters, digits, '.', '_' and '-' only")
        return prefix

    @field_validator("state_dir", "broker_folder", mode="before")
    @classmethod
    def _is_named(cls, folder: object) -> object:
        if folder == "":  # as a Path it would be the folder that we happen to run in
            raise ValueError("a folder expected, and it is empty")
        return folder

    @field_validator("state_dir", "broker_folder")
    @classmethod
    def _from_home(cls, folder: Path | None) -> Path | None:
        try:
            return folder.expanduser() if folder else folder
        except RuntimeError:
            raise ValueError("~ stands for no home folder here: name the whole path") from None

    @property
    def cluster(self) -> Cluster:
        """What every part of `streams.client` needs: `Publisher(**settings.cluster)`."""
        return {"brokers": self.brokers, "prefix": self.prefix, "kafka": self.kafka}

    @property
    def librdkafka(self) -> dict[str, str]:
        """What every client of librdkafka needs to reach the brokers."""
        return {"bootstrap.servers": self.brokers, **self.kafka}


def load(**given: Any) -> Settings:
    """Settings from the environment, with those `given` in its place; BadUsage names what is wrong.

    Values are not repeated in the message: they may be secrets.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise refused(error) from None
    except SettingsError as error:  # what should be JSON and is not
        name = re.search(r'field "(\w+)"', str(error))
        raise BadUsage(
            "A setting should be JSON and is not",
            where=PREFIX + name[1].upper() if name else PREFIX + "KAFKA",
            next_step='Write it like {"security.protocol": "SSL"}.',
        ) from None


def refused(error: ValidationError) -> BadUsage:
    """What a settings object refused, as a sentence."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    first = problems[0]
    name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else PREFIX + "*"
    message = first["msg"].removeprefix("Value error, ")
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return BadUsage(
        f"A setting cannot be used: {message[:1].lower()}{message[1:]}",
        where=name + more,
        next_step="Set it to a value of that form, or unset it for the default.",
    )


def unknown(environment: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """Variables named PLAINSCORE_* that set nothing -> the name that was probably meant.

    They are no error: Kubernetes makes such variables itself for a service of our name.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {PREFIX + "DEBUG"}
    strangers = sorted(set(filter(lambda name: name.startswith(PREFIX), environment)) - known)
    close = {name: difflib.get_close_matches(name, known, 1, 0.8) for name in strangers}
    return {name: matches[0] if matches else None for name, matches in close.items()}
