"""What is broken on purpose, to see which test notices, still finds the code that it breaks."""

import shutil
from pathlib import Path

import pytest

from tests.faults.bugs import BUGS, Bug, put_in
from tests.mutation import BREAKS, ROOT, check


def test_every_break_finds_its_text() -> None:
    check(BREAKS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_bug_finds_its_texts_and_leaves_a_program(bug: Bug, tmp_path: Path) -> None:
    file = Path("streams") / bug.file
    (tmp_path / file).parent.mkdir(parents=True)
    shutil.copy(ROOT / file, tmp_path / file)
    put_in(bug, tmp_path)
    compile((tmp_path / file).read_text(), bug.file, "exec")
