"""The repository reads itself: rules that no test of behaviour would notice broken."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Names that say nothing about what a file holds.
EMPTY_WORDS = frozenset(
    {
        *("util", "utils", "helper", "helpers", "common", "base"),
        *("manager", "handler", "service", "user", "data", "info"),
    }
)
# Written apart so that this file does not hold what it forbids.
PRIVATE_PLACES = ("/" + "work/", "/tmp/" + "wt")
REGISTRIES = tuple(
    name + dot
    for name, dot in (
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("repo.maven", ".apache.org"),
        ("repo1.maven", ".org"),
        ("registry.npmjs", ".org"),
        ("proxy.golang", ".org"),
    )
)


def tracked() -> list[Path]:
    """Every file of the repository; without git, every file that git would hold."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("this is no git checkout")
    files = (ROOT / name for name in listing.stdout.decode().split("\0") if name)
    return [path for path in files if path.is_file()]


def in_the_core() -> list[Path]:
    return sorted((ROOT / "streams" / "scoring").rglob("*.py"))


@pytest.mark.parametrize("path", in_the_core(), ids=lambda path: path.name)
def test_scoring_counts_in_whole_numbers(path: Path):
    """A float rounds differently than the integers that people are shown."""
    for node in ast.walk(ast.parse(path.read_text())):
        at = f"{path.name}:{getattr(node, 'lineno', 0)}"
        is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
        assert not is_float, f"{at}: a float"
        divides = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        assert not divides, f"{at}: use // and say which way it rounds"
        assert not (isinstance(node, ast.Name) and node.id == "float"), f"{at}: a float"


def test_a_name_tells_what_its_file_holds():
    for path in (ROOT / "streams").rglob("*"):
        words = set(re.split(r"[^a-z]+", path.name.lower()))
        assert not words & EMPTY_WORDS, path.relative_to(ROOT)


@pytest.mark.parametrize("banned", [*PRIVATE_PLACES, *REGISTRIES])
def test_no_file_names_a_place_that_only_one_machine_has_or_a_registry(banned: str):
    """Where packages come from is the matter of whoever installs them."""
    word = banned.encode()
    assert [str(path.relative_to(ROOT)) for path in tracked() if word in path.read_bytes()] == []


def test_imports_point_one_way():
    program = Path(sys.executable).with_name("lint-imports")
    found = str(program) if program.exists() else shutil.which("lint-imports")
    if found is None:
        pytest.skip("import-linter is not installed")
    checked = subprocess.run([found], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout[-3000:]
