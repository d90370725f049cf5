"""The wheel is what people install: it must hold all it needs, and run from anywhere."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = "from streams import scorecards; print(scorecards.example('everyday'))"

pytestmark = pytest.mark.kafka  # takes as long as a broker, and a registry to build with


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Standard output of a command that must succeed."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def site_packages() -> list[str]:
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_every_schema_and_scorecard_and_no_test(wheel: Path):
    held = set(zipfile.ZipFile(wheel).namelist())
    contract = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.avsc", "*.yaml", "*.json")
        for path in (ROOT / "schemas").rglob(pattern)
    }
    assert any(name.endswith(".avsc") for name in contract)
    assert any(name.endswith(".yaml") for name in contract)
    assert contract <= held
    assert not [name for name in held if name.startswith(("tests", "deploy", "."))]


def test_the_command_runs_from_another_folder(wheel: Path, tmp_path: Path):
    """In an environment of its own that borrows the packages of this one."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    # A line of a .pth file adds a folder but reads no .pth in it: an editable plainscore stays out.
    (site / "borrowed.pth").write_text("\n".join(site_packages()))
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = "import streams, schemas; print(streams.__file__, schemas.__file__)"
    for imported in run(python, "-c", code, cwd=elsewhere).split():
        assert Path(imported).is_relative_to(site)
    command = python.with_name("plainscore")
    assert "scorecard" in run(command, "--help", cwd=elsewhere)
    assert "everyday" in run(python, "-c", EXAMPLE, cwd=elsewhere)
