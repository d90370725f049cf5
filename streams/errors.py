"""What can go wrong, as a small tree; the command line makes a sentence and an exit code of it."""


class PlainscoreError(Exception):
    """Says what was wrong, where, and what to do next, for the person who reads it."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        self.what = what
        self.where = where
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        step = f" {self.next_step}" if self.next_step else ""
        return f"{self.what}{place}.{step}"


class BadData(PlainscoreError):
    """The data given is wrong; exit code 1."""


class BadUsage(PlainscoreError):
    """The command or a setting is wrong; exit code 2."""

    exit_code = 2


class Unreachable(PlainscoreError):
    """The broker or another service could not be reached; exit code 3."""

    exit_code = 3


# What to do where no broker answers: to who comes without TLS or a login, brokers that ask for them
# say nothing at all.
FIND_A_BROKER = (
    "Start one with `plainscore broker`, or set PLAINSCORE_BROKERS to one that runs, and"
    " PLAINSCORE_KAFKA if it asks for TLS or a login."
)


def disk_full(where: str) -> Unreachable:
    """No file can grow any more; like a broker that is away, this passes without a change of ours.

    `where`: what could not be written.
    """
    return Unreachable(
        "The disk is full",
        where=where,
        next_step="Free some space, or set PLAINSCORE_STATE_DIR to a disk with more. "
        "Nothing that Kafka holds is lost.",
    )
