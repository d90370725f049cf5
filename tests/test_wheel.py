"""The wheel is what people install: it must hold all it needs, and run from anywhere."""

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# It takes as long as a broker, and a registry to build with; to compile takes minutes.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Standard output of a command that must succeed."""
    # In CI the sources get many examples: what is compiled of them needs not as many again.
    clean = {n: value for n, value in os.environ.items() if n not in ("PYTHONPATH", "CI")}
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


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel's commands are: in an environment that holds it and what it asks for."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", f"{wheel}[embedded]")
    return python.parent


def test_installed_alone_it_runs_the_demo_from_another_folder(
    installed: Path, tmp_path: Path
) -> None:
    code = "import streams, schemas; print(streams.__file__, schemas.__file__)"
    for imported in run(installed / "python", "-c", code, cwd=tmp_path).split():
        assert Path(imported).is_relative_to(installed.parent)
    told = run(installed / "plainscore", "demo", cwd=tmp_path).splitlines()
    last = r"69,659 purchases, [0-9,]+ citizens: every score equals the recount"
    assert re.fullmatch(last, told[-1]), told[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def tested(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a copy of the tests stands, and no source, so that they test what was installed."""
    folder = tmp_path_factory.mktemp("tested")
    for name in ("tests", "schemas"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    pip = (sys.executable, "-m", "pip", "--python", installed / "python")
    run(*pip, "install", "-q", "pytest", "pytest-timeout", "pytest-xdist", "hypothesis")
    return folder


CORE = ("oracle", "stories", "properties", "ledger", "codec", "hostile")


def test_its_compiled_modules_score_as_their_sources_do(installed: Path, tested: Path) -> None:
    code = "from streams.process import process as p; from streams.scoring import apply as a; "
    code += "print(p.__file__, a.__file__)"
    for imported in run(installed / "python", "-c", code, cwd=tested).split():
        assert Path(imported).suffix in (".so", ".pyd"), "no C compiler, or it failed"
    told = subprocess.run([installed / "plainscore", "doctor"], capture_output=True, check=False)
    assert b'"found": "compiled; ' in told.stdout
    chosen = [f"tests/test_{name}.py" for name in CORE]
    run(installed / "python", "-m", "pytest", "-q", *chosen, cwd=tested)


def test_its_compiled_modules_leave_nothing_to_the_collector(installed: Path, tested: Path) -> None:
    run(installed / "python", "-m", "pytest", "-m", "kafka", "tests/test_cycles.py", cwd=tested)
