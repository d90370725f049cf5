"""A worker's name, in its group and in its transactions: the same after a restart.

Kafka then gives it the partitions that it had, and asks nobody else to move; and it ends at once
what the worker before has left open. Under a new name everybody would wait until that times out.
"""

import errno
import fcntl
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from streams.errors import BadUsage, PlainscoreError, disk_full

FILE = "transactional-id"
LETTERS = len(uuid4().hex)


@dataclass(frozen=True)
class Name:
    """A name, and the lock that makes it this process's own for as long as it lives."""

    value: str
    lock: IO[bytes] | None

    @property
    def kept(self) -> bool:
        """Whether a restart has it again."""
        return self.lock is not None


def take_name(folder: Path, group: str) -> Name:
    """Take the name kept in a state folder, or one for this time if another process has that.

    Two workers of one name would fence each other for ever. RocksDB's locks keep them apart only
    where they want the same partition; and a folder that was copied is on another host. Where it
    is not, the group lets in the one that came last, and the other ends (see `Member`).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / FILE).open("ab+", buffering=0)
    except OSError as error:
        raise _refused(folder, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return Name(f"{group}-{uuid4().hex}", None)
    file.seek(0)
    kept = file.read(LETTERS + 1).decode(errors="replace")
    if len(kept) != LETTERS:  # new, or cut short
        kept = uuid4().hex
        file.truncate(0)
        try:
            file.write(kept.encode())
        except OSError as error:
            raise _refused(folder, error) from error
    return Name(f"{group}-{socket.gethostname()}-{kept}", file)


def _refused(folder: Path, error: OSError) -> PlainscoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(str(folder))
    return BadUsage(
        f"The state folder cannot be used: {error.strerror}",
        where=str(folder),
        next_step="Set PLAINSCORE_STATE_DIR to a folder that this account may write.",
    )
