"""Break the project on purpose, one place at a time, and see which test notices.

`python -m tests.mutation` tries every break below; with words it tries those whose name holds one
of them. Exit code 1 if any break goes unnoticed. A break that does not find its text exactly once
stops everything: the code has moved, and the break must move with it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROPERTIES = ("tests/test_properties.py",)
OTHERS = tuple(f"tests/test_{name}.py" for name in ("ledger", "oracle", "stories", "hostile"))
LONGEST = 300  # seconds for one break; a break that makes a loop endless is noticed by it
LEDGER, APPLY, CHANGE = "scoring/ledger.py", "scoring/apply.py", "scoring/change.py"
SCORE, TOTALS, STATE = "scoring/score.py", "scoring/totals.py", "state.py"
ENTRIES, WORK = "process/entries.py", "process/work.py"
TICKS, ERASE = "process/ticks.py", "process/erase.py"
GATE, FORWARD = "process/gate.py", "process/forward.py"


@dataclass(frozen=True)
class Break:
    """One text in a file under streams/, and what to write in its place."""

    name: str
    file: str
    text: str
    instead: str


BREAKS = (
    Break(
        "merge: the earlier fact wins",
        LEDGER,
        "return a if a.occurred_at > b.occurred_at else b",
        "return a if a.occurred_at < b.occurred_at else b",
    ),
    Break(
        "merge: the fact that came last wins",
        LEDGER,
        "return a if a.occurred_at > b.occurred_at else b",
        "return b",
    ),
    Break(
        "conflict: the larger content wins",
        LEDGER,
        "return a if a.content <= b.content else b",
        "return a if a.content >= b.content else b",
    ),
    Break(
        "conflict: the first content stands",
        LEDGER,
        "return a if a.content <= b.content else b",
        "return a",
    ),
    Break(
        "conflict: defaults are part of the content",
        LEDGER,
        "if value is not None and value != field.default:",
        "if value is not None:",
    ),
    Break(
        "merge: the latest open of a dispute stands",
        LEDGER,
        "    return min(a, b)\n",
        "    return max(a, b)\n",
    ),
    Break(
        "dispute: nothing lapses",
        LEDGER,
        "decided is not None and decided <= opened + DECISION_DAYS * DAY",
        "decided is not None",
    ),
    Break(
        "dispute: lapses a millisecond early",
        LEDGER,
        "decided <= opened + DECISION_DAYS * DAY",
        "decided < opened + DECISION_DAYS * DAY",
    ),
    Break(
        "dispute: withdraw undoes an uphold",
        LEDGER,
        "if in_time and (withdrawn is None or decided <= withdrawn):",
        "if in_time and withdrawn is None:",
    ),
    Break(
        "dispute: a rejection settles nothing",
        LEDGER,
        "or s.opened_at <= last)",
        "or True)",
    ),
    Break(
        "dispute: only the last rejection settles",
        LEDGER,
        "last = min(filter(None, rejections), default=None)",
        "last = max(filter(None, rejections), default=None)",
    ),
    Break(
        "dispute: a later fact shakes it off",
        LEDGER,
        "reach = entry.fact.occurred_at - DAY",
        "reach = entry.fact.occurred_at",
    ),
    Break(
        "dispute: an open one takes nothing out",
        LEDGER,
        'return "open" if withdrawn is None else "withdrawn"',
        'return "withdrawn"',
    ),
    Break(
        "dispute: what ends one finds no place in an entry that is full",
        ENTRIES,
        "    return not any(ends)\n",
        "    return True\n",
    ),
    Break(
        "correction: the smallest stands",
        LEDGER,
        "_union(a.corrections, b.corrections, max)",
        "_union(a.corrections, b.corrections, min)",
    ),
    Break(
        "correction: a retraction is ignored",
        LEDGER,
        'if changes.pop("action") == "retract":',
        'if changes.pop("action") == "nothing":',
    ),
    Break(
        "horizon: ignored on arrival",
        ENTRIES,
        "return time < citizen.as_of - batch.options.horizon",
        "return False",
    ),
    Break(
        "horizon: a day short on arrival",
        ENTRIES,
        "return time < citizen.as_of - batch.options.horizon",
        "return time < citizen.as_of - batch.options.horizon + 86_400_000",
    ),
    Break(
        "horizon: a millisecond short on arrival",
        ENTRIES,
        "return time < citizen.as_of - batch.options.horizon",
        "return time <= citizen.as_of - batch.options.horizon",
    ),
    Break(
        "horizon: what leaves takes its whole entry along",
        LEDGER,
        "{key: step for key, step in entry.disputes.items() if wanted(key[1])}",
        "{key: step for key, step in entry.disputes.items() if False}",
    ),
    Break(
        "horizon: a day short for what is stored",
        APPLY,
        "time >= citizen.as_of - horizon and",
        "time >= citizen.as_of - horizon + 86_400_000 and",
    ),
    Break(
        "horizon: nothing ever leaves",
        WORK,
        "past = oldest is not None and oldest < citizen.as_of - batch.options.horizon",
        "past = False",
    ),
    Break(
        "ageing: a period too fast",
        "scoring/scorecard.py",
        'return self.window if self.ageing == "flat" else self.window - age',
        'return self.window if self.ageing == "flat" else self.window - age - 1',
    ),
    Break(
        "ageing: flat as if linear",
        "scoring/scorecard.py",
        'return self.window if self.ageing == "flat" else self.window - age',
        "return self.window - age",
    ),
    Break(
        "ageing: a window a period too long",
        "scoring/scorecard.py",
        "if not 0 <= age < self.window:",
        "if not 0 <= age <= self.window:",
    ),
    Break(
        "ageing: the citizen's offset is ignored",
        TOTALS,
        "return (time - offset) // period_ms",
        "return time // period_ms",
    ),
    Break(
        "ageing: nobody is looked at when a period turns",
        APPLY,
        "        if account.totals:\n",
        "        if False:\n",
    ),
    Break(
        "rounding: toward zero",
        SCORE,
        "return y0 + (whole - x0 * n) * (y1 - y0) // ((x1 - x0) * n)",
        "return y0 + int((whole - x0 * n) * (y1 - y0) / ((x1 - x0) * n))",
    ),
    Break(
        "score: the range does not hold",
        SCORE,
        "    return score if score < scorecard.high else scorecard.high\n",
        "    return score\n",
    ),
    Break(
        "gate: covers_from is ignored",
        "scoring/citizen.py",
        "            and time >= grant.covers_from\n",
        "",
    ),
    Break(
        "gate: a millisecond late",
        "scoring/citizen.py",
        "and time >= grant.covers_from",
        "and time > grant.covers_from",
    ),
    Break(
        "gate: the kind is ignored",
        "scoring/citizen.py",
        "            kind in grant.kinds\n            and time",
        "            time",
    ),
    Break(
        "gate: any scorecard's grant will do",
        "scoring/citizen.py",
        "and (scorecard is None or grant.scorecard == scorecard)",
        "and (scorecard is None or bool(grant.scorecard))",
    ),
    Break(
        "gate: disputes and corrections need no grant",
        ENTRIES,
        "    if citizen is None or not covers(citizen.grants, kind, time):\n",
        "    if citizen is None or (\n"
        "        kind == given.record.topic and not covers(citizen.grants, kind, time)\n"
        "    ):\n",
    ),
    Break(
        "narrowing keeps what no grant covers",
        APPLY,
        "time >= citizen.as_of - horizon and covers(citizen.grants, kind, time)",
        "time >= citizen.as_of - horizon",
    ),
    Break(
        "narrowing re-scores nothing",
        APPLY,
        "differ = sorted(grants) != sorted(citizen.grants)",
        "differ = not citizen.grants",
    ),
    Break(
        "as_of: disputes move it",
        ENTRIES,
        "        bring_to(batch, citizen, 0)\n",
        '        moves = record.topic == "disputes"\n'
        '        bring_to(batch, citizen, values["occurred_at"] if moves else 0)\n',
    ),
    Break(
        "as_of: corrections move it",
        ENTRIES,
        "        bring_to(batch, citizen, 0)\n",
        '        moves = record.topic == "corrections"\n'
        '        bring_to(batch, citizen, values["occurred_at"] if moves else 0)\n',
    ),
    Break(
        "as_of: falls with a late event",
        APPLY,
        "    citizen.as_of = max(citizen.as_of, to)\n",
        "    citizen.as_of = to or citizen.as_of\n",
    ),
    Break(
        "as_of: ticks do not move it",
        WORK,
        "pass_time(citizen, time if tick is None or time > tick else tick)",
        "pass_time(citizen, time)",
    ),
    Break(
        "as_of: a late tick takes the partition back",
        TICKS,
        "if partition.tick is None or time > partition.tick:",
        "if True:",
    ),
    Break(
        "as_of: outlives a withdrawal",
        ERASE,
        "    batch.known[citizen.id] = None\n",
        "",
    ),
    Break(
        "tier: the start of the period is ignored",
        SCORE,
        "scorecard.tier_of(max(score, clamp(scorecard, start_points)))",
        "scorecard.tier_of(score)",
    ),
    Break(
        "tier: a rise waits for the next period",
        SCORE,
        "scorecard.tier_of(max(score, clamp(scorecard, start_points)))",
        "scorecard.tier_of(clamp(scorecard, start_points))",
    ),
    Break(
        "tier: begins a point above `from`",
        "scoring/scorecard.py",
        "if tier.start <= score:",
        "if tier.start < score:",
    ),
    Break(
        "change: written although nothing differs",
        CHANGE,
        "scorecard and account.points == reading.points and",
        "scorecard and account.points is reading.points and",
    ),
    Break(
        "change: not written when only contributions differ",
        CHANGE,
        "scorecard and account.points == reading.points and",
        "scorecard and account.score == reading.score and",
    ),
    Break(
        "change: not written when only the tier differs",
        CHANGE,
        "and account.tier == reading.tier:\n",
        ":\n",
    ),
    Break(
        "change: not written when only the version differs",
        CHANGE,
        "    if previous is scorecard and account.points == reading.points and",
        "    if not first and account.points == reading.points and",
    ),
    Break(
        "change: a gap in the sequence",
        CHANGE,
        "account.sequence += 1",
        "account.sequence += 1 + (account.score > 600)",
    ),
    Break(
        "change: the sequence begins again with an account",
        APPLY,
        "account.sequence = citizen.sequences.pop(account.key, 0)",
        "account.sequence = 0",
    ),
    Break(
        "change: its id is made of a part of it",
        "effects.py",
        "blake2b(rest, digest_size=16)",
        "blake2b(rest[:60], digest_size=16)",
    ),
    Break(
        "change: smallest reasons first",
        SCORE,
        "_CHANGED + abs(moved)",
        "_CHANGED - abs(moved)",
    ),
    Break(
        "totals: a duplicate counts twice",
        ENTRIES,
        "    if after == before:\n        after = before\n",
        "    if after == before:\n        before = before._replace(fact=None)\n",
    ),
    Break(
        "totals: what a fact displaces stays",
        APPLY,
        "in ((-1, before), (+1, after)):",
        "in ((+1, after),):",
    ),
    Break(
        "totals: what was read is not moved along",
        APPLY,
        "wholes[place] += sign * amount * characteristic.counts(age)",
        "wholes[place] += 0 * characteristic.counts(age)",
    ),
    Break(
        "totals: a characteristic's short window is forgotten with the longest",
        TOTALS,
        "elif age > 0:",
        "elif age > 10_000:",
    ),
    Break(
        "totals: what is too old stays",
        TOTALS,
        "if not counts:",
        "if age > 10_000:",
    ),
    Break(
        "version: the first stays in force",
        "published.py",
        "place = bisect_right(times, as_of) - 1",
        "place = 0",
    ),
    Break(
        "version: nobody sees that another came into force",
        "published.py",
        "return len(times) << 32 | bisect_right(times, as_of)",
        "return len(times) << 32",
    ),
    Break(
        "version: in force a millisecond late",
        "published.py",
        "place = bisect_right(times, as_of) - 1",
        "place = bisect_right(times, as_of - 1) - 1",
    ),
    Break(
        "pieces: the work starts over each time",
        WORK,
        "citizen.work.cursor or None, limit)",
        "None, limit)",
    ),
    Break(
        "pieces: entries behind the cursor are missed",
        APPLY,
        "        if key <= work.cursor:  #",
        "        if key > work.cursor:  #",
    ),
    Break(
        "pieces: a restart forgets the work",
        STATE,
        '            work["oldest"],\n        ),\n',
        '            work["oldest"],\n        )\n        and None,\n',
    ),
    Break(
        "restart: nobody is due",
        STATE,
        'return Standing(citizen["due"], 1, ',
        "return Standing(None, 1, ",
    ),
    Break(
        "erasure: the ledger stays",
        ERASE,
        "    for row, _ in rows:\n        batch.ledger.delete(row)\n",
        "",
    ),
    Break(
        "erasure: the latest scores stay",
        ERASE,
        "Closed(key.scorecard, citizen.accounts[key].tier) for key in visible",
        "Closed(key.scorecard, citizen.accounts[key].tier) for key in visible[:0]",
    ),
    Break(
        "erasure: who comes back at once shares a life with who has left",
        GATE,
        "        since += 1\n",
        "        break\n",
    ),
    Break(
        "erasure: a consent or shares that were moved stay where they came from",
        FORWARD,
        'if TOPICS[record.topic].cleanup == "compact" and record.key is not None:',
        "if False:",
    ),
    Break(
        "shares: an audience is not told that one has run out",
        APPLY,
        "effects += (ended(share, key.scorecard) for key in citizen.accounts if not key.shadow)",
        "pass",
    ),
)


def check(breaks: Sequence[Break]) -> None:
    """Refuse a break whose text isn't there exactly once."""
    for each in breaks:
        found = (ROOT / "streams" / each.file).read_text().count(each.text)
        if found != 1:
            sys.exit(f"{each.name}: its text stands {found} times in streams/{each.file}, not once")


def copy_tree(folder: Path) -> None:
    """Copy what the tests need into a folder, to be broken there."""
    for name in ("streams", "schemas", "tests", "pyproject.toml"):
        source, copy = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)


def attempt(tried: Break | None) -> tuple[str | None, str | None]:
    """Run the tests on a copy with one break.

    Gives the first property that fails, and the first of the other tests; None where all pass.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy_tree(Path(folder))
        if tried is not None:
            file = Path(folder, "streams", tried.file)
            file.write_text(file.read_text().replace(tried.text, tried.instead))
        return first_failure(folder, PROPERTIES), first_failure(folder, OTHERS)


def first_failure(folder: str, tests: Sequence[str]) -> str | None:
    """Run tests until one fails, and give its name; None if none does."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *tests],
            cwd=folder,
            env={**os.environ, "HYPOTHESIS_PROFILE": "mutation", "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "(runs without end)"
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) tests/\S+?::(\w+)", done.stdout, re.MULTILINE)
    return failed.group(1) if failed else "(does not run)"


def main(words: list[str]) -> int:
    """Try the breaks, two at a time, and print a row for each."""
    chosen = [b for b in BREAKS if not words or any(word in b.name for word in words)]
    check(BREAKS)
    if any(failed := attempt(None)):
        sys.exit(f"The tests fail with nothing broken: {failed}")
    survivors = 0
    print("| what is broken | property that fails | first other test that fails |\n|---|---|---|")
    with ThreadPoolExecutor(2) as pool:
        for tried, failed in zip(chosen, pool.map(attempt, chosen), strict=True):
            survivors += not any(failed)
            print(f"| {tried.name} | {failed[0] or '-'} | {failed[1] or '-'} |", flush=True)
    print(f"\n{len(chosen)} breaks, {survivors} unnoticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
