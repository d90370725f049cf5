"""The commands of the README, as they stand there: whoever pastes them gets a score."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.embedded import Broker
from tests.lane_world import ROOT, wait_for

OURS = ".venv/bin/plainscore"


def block() -> str:
    """What stands under "Publish, subscribe, operate" after the broker: with one of one's own."""
    _, _, section = (ROOT / "README.md").read_text().partition("## Publish, subscribe, operate\n")
    first, second = re.findall(r"(?:^    .*\n)+", section.partition("\n- ")[0], re.MULTILINE)
    assert first.strip() == f"{OURS} broker &"
    return second


def test_the_commands_of_the_readme_can_be_pasted_into_any_shell() -> None:
    """zsh, which a Mac has, takes what stands behind a # for a command."""
    assert "#" not in block()


@pytest.mark.kafka
def test_the_commands_of_the_readme_make_a_score(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    settings = {
        "BROKERS": broker.bootstrap,
        "PREFIX": prefix,
        "STATE_DIR": str(tmp_path / "state"),
        "METRICS_PORT": "0",
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PLAINSCORE_")}
    environment = kept | {"PLAINSCORE_" + name: value for name, value in settings.items()}
    *before, explain = block().replace(OURS, f"{sys.executable} -m streams").splitlines()
    script = ["set -e -o pipefail", *before, "echo done", "wait"]
    said = tmp_path / "said"
    with said.open("wb") as log:
        pasted = subprocess.Popen(
            ["bash", "-c", "\n".join(script)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that what runs in the background can be ended with it
        )

    def told() -> list[str]:
        ended = subprocess.run(
            explain.split(), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        return ended.stdout.splitlines()

    try:
        wait_for(lambda: pasted.poll() is not None or "done" in said.read_text().split(), 120, "")
        assert pasted.poll() is None, said.read_text()
        wait_for(lambda: told() and json.loads(told()[0])["score"] > 600, 60, "it is scored")
    finally:
        os.killpg(pasted.pid, signal.SIGKILL)
        pasted.wait()
