"""A distribution of scores as lines of text."""

from collections import Counter
from collections.abc import Sequence

STEP = 25  # points
WIDTH = 46  # characters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉"


def chart(scores: Sequence[int], high: int) -> list[str]:
    """Draw how many have how many points, of `high` at most: a bar for each step of 25."""
    counts = Counter(score // STEP * STEP for score in scores)
    if not counts:
        return []
    most = max(counts.values())
    return [
        f"{low:>5} to {min(low + STEP - 1, high)}  {_bar(counts[low], most)} {counts[low]:,}"
        for low in range(min(counts), max(counts) + STEP, STEP)
    ]


def _bar(count: int, most: int) -> str:
    """Draw to an eighth of a character; nobody is no bar, and anybody is a visible one."""
    eighths = max(count * WIDTH * 8 // most, 1 if count else 0)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")
