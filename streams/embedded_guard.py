"""Runs one process and lets it outlive nobody; embedded.py starts this file by its path.

Arguments: a folder to remove when the parent is gone ("" for none), and with it the one above once
that is empty; then the command.
Standard input, from the parent: `stop` asks the process to end, `kill` ends it at once. The end of
the input means that the parent died: the process is killed and the folder removed.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
SECONDS_TO_STOP = 15


def main(folder: str, command: list[str]) -> int:
    """Run the command until it ends or is ended; its exit code."""
    parent = os.getppid()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_guard,  # noqa: PLW1509 - this process has one thread
    )
    while process.poll() is None:
        # The parent's number is looked at too: a process that it forked may hold the pipe open.
        readable, _, _ = select.select([0], [], [], 0.2)
        word = os.read(0, 64) if readable else None
        if word == b"" or os.getppid() != parent:
            process.kill()
            process.wait()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
                with suppress(OSError):  # the folder above holds other nodes still
                    Path(folder).parent.rmdir()
        elif word == b"kill\n":
            process.kill()
            process.wait()
        elif word == b"stop\n":
            process.terminate()
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return process.returncode


def _die_with_guard() -> None:
    """In the new process: have Linux kill it when this guard is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
