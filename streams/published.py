"""The published scorecards that are held, and which of them is in force at a time."""

from bisect import bisect_right

from streams.errors import BadData
from streams.scoring.citizen import Account, Scorecards
from streams.scoring.scorecard import Scorecard


class Published(Scorecards):
    """Scorecards by id and version; a published version never changes."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[int, Scorecard]] = {}  # by id, then by version
        # By id and shadow: effective times, rising, and the scorecard that each puts in force.
        self._times: dict[tuple[str, bool], tuple[list[int], list[Scorecard]]] = {}
        self._all_times: list[int] = []  # effective times of all, rising

    def add(self, scorecard: Scorecard) -> bool:
        """Hold a scorecard; False if another document has its id and version: the first stands."""
        versions = self._versions.setdefault(scorecard.id, {})
        if scorecard.version in versions:
            return False
        versions[scorecard.version] = scorecard
        same = [each for each in versions.values() if each.shadow == scorecard.shadow]
        same.sort(key=lambda each: (each.effective_from, each.version))
        self._times[scorecard.id, scorecard.shadow] = ([s.effective_from for s in same], same)
        self._all_times = sorted(each.effective_from for each in self.all())
        return True

    def of(self, account: Account) -> Scorecard:
        """Give the version that an account is of; BadData if it is not held."""
        try:
            return self._versions[account.key.scorecard][account.version]
        except KeyError:
            which = f"{account.key.scorecard} version {account.version}"
            raise BadData(
                f"{which} is not among the published scorecards, and people were scored by it",
                where="topic scorecards",
                next_step="Put the topic back from a backup, or publish that very page again "
                "(plainscore scorecard publish). Then start the worker again.",
            ) from None

    def ids(self) -> tuple[str, ...]:
        """Give the ids of all scorecards that can be in force, in order."""
        return tuple(sorted(scorecard_id for scorecard_id, shadow in self._times if not shadow))

    def all(self) -> list[Scorecard]:
        """Give every version, in order of id and version."""
        return [
            versions[number]
            for _, versions in sorted(self._versions.items())
            for number in sorted(versions)
        ]

    def in_force(self, scorecard_id: str, as_of: int, shadow: bool = False) -> Scorecard | None:
        """Give the version in force at a time (ms), or the one in the shadow; None: there is none.

        In force is the one with the greatest effective_from not after the time; the first holds
        for all time before, but a shadow only runs along from its own time on.
        """
        found = self._times.get((scorecard_id, shadow))
        if found is None:
            return None
        times, scorecards = found
        place = bisect_right(times, as_of) - 1
        if place >= 0:
            return scorecards[place]
        return None if shadow else scorecards[0]

    def era(self, as_of: int) -> int:
        """Give the era that a time (ms) is in: of as many versions, with as many in force by it."""
        times = self._all_times
        return len(times) << 32 | bisect_right(times, as_of)

    def all_in_force(self, as_of: int) -> tuple[str, ...]:
        """Give id@version of all that are in force or in the shadow at a time, in order."""
        found = (self.in_force(each, as_of, shadow) for each, shadow in list(self._times))
        return tuple(sorted(f"{each.id}@{each.version}" for each in found if each is not None))
