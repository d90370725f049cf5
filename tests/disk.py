"""A small disk of its own for a test to fill."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SMALL = "size=12m"
ROOMY = "size=512m"
BALLAST = "ballast"


class NoDisk(Exception):
    """No disk can be mounted here; says why."""


class Disk:
    """A disk in memory, that can be filled and can grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.folder / BALLAST).open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                return

    def make_room(self) -> None:
        """Let it be as large as anybody needs."""
        (self.folder / BALLAST).unlink(missing_ok=True)
        subprocess.run(["mount", "-o", f"remount,{ROOMY}", self.folder], check=True)


@contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    """Mount a small disk; whoever uses it must have ended by the end."""
    folder.mkdir(parents=True)
    mounting = ["mount", "-t", "tmpfs", "-o", SMALL, "none", folder]
    try:
        done = subprocess.run(mounting, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NoDisk("there is no mount here") from None
    if done.returncode:
        raise NoDisk(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
