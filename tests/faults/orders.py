"""Orders to a worker that runs: what shall happen to it at its next such moment.

An order is a file in the worker's folder, and so is the list of those that were carried out: both
sides see them whatever becomes of the other.
"""

from pathlib import Path


class Orders:
    """The order that is given, and those that were carried out."""

    def __init__(self, folder: Path) -> None:
        self._given = folder / "order"
        self._writing = folder / "order-being-written"
        self._struck = folder / "struck"

    def give(self, order: str) -> None:
        """Have the worker do this, in place of an earlier order that it has not come to."""
        self._writing.write_text(order)
        self._writing.rename(self._given)

    def take(self, moment: str) -> str | None:
        """Take the order for a moment ("ACTION MOMENT"), if it is there; gives the action."""
        try:
            action, wanted = self._given.read_text().split()
        except FileNotFoundError:
            return None
        if wanted != moment:
            return None
        self._given.unlink()
        with self._struck.open("a") as struck:
            struck.write(f"{action} {moment}\n")
        return action

    def struck(self) -> list[str]:
        """Give the orders that were carried out."""
        return self._struck.read_text().splitlines() if self._struck.exists() else []
