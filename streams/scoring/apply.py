"""Apply: one record in, the citizen's account moved, changes out.

    entry' = merge(entry, record)
    totals += weigh(entry') - weigh(entry)
    score   = read(totals, as_of, scorecard)

Time moves with the records (`as_of`), never with a clock. What must read the whole ledger again is
`Work`, done in pieces that the caller asks for; until its last piece the old score stands.
"""

from collections.abc import Iterable, Sequence

from streams.scoring.change import Closed, Effect, change, disclose, disclosures, ended
from streams.scoring.citizen import (
    Account,
    AccountKey,
    Cause,
    Citizen,
    Grant,
    Scorecards,
    Share,
    Work,
    covers,
)
from streams.scoring.ledger import EMPTY, Content, Entry, earliest, keep, standing
from streams.scoring.score import Reading, read
from streams.scoring.scorecard import Scorecard
from streams.scoring.totals import (
    offset_of,
    period_of,
    start_of,
    turn,
    weigh,
)

# +1: added, or -1: taken away; the event's time, and what it counts as
Move = tuple[int, int, Content]


# ---- records


def moves_of(before: Entry, after: Entry) -> list[Move]:
    """Give what a merge takes away from the totals, and what it adds."""
    moves: list[Move] = []
    for sign, entry in ((-1, before), (+1, after)):
        content = standing(entry)
        if content is not None and entry.fact is not None:
            moves.append((sign, entry.fact.occurred_at, content))
    return moves


def apply_moves(
    citizen: Citizen,
    key: bytes,
    kind: str,
    oldest: int,
    moves: list[Move],
    cause: Cause,
    scorecards: Scorecards,
) -> list[Effect]:
    """Move the totals by what changed in an entry, and give what that changes.

    `key` orders the ledger; `oldest` is the earliest time by which a part of the entry is kept.
    """
    if citizen.oldest is None or oldest < citizen.oldest:
        citizen.oldest = oldest
    effects: list[Effect] = []
    work = citizen.work
    if work is not None:
        if key <= work.cursor:  # else the work will come to this entry
            work.oldest = oldest if work.oldest is None else min(work.oldest, oldest)
            for account in work.accounts:
                scorecard = scorecards.of(account)
                _move(citizen, account, scorecard, kind, moves)
        return effects
    for account in citizen.accounts.values():
        scorecard = scorecards.of(account)
        touched = _move(citizen, account, scorecard, kind, moves)
        _settle(citizen, account, scorecard, cause, touched, effects)
    return effects


def settle(citizen: Citizen, cause: Cause, scorecards: Scorecards) -> list[Effect]:
    """Read the accounts again where time has moved on, and give what that changes."""
    effects: list[Effect] = []
    if citizen.work is None:
        for account in citizen.accounts.values():
            scorecard = scorecards.of(account)
            _settle(citizen, account, scorecard, cause, (), effects)
    return effects


def pass_time(citizen: Citizen, to: int) -> list[Effect]:
    """Move `as_of` (it never falls) and end the shares that have run out."""
    citizen.as_of = max(citizen.as_of, to)
    if not citizen.shares or all(share.until > citizen.as_of for share in citizen.shares):
        return []
    effects: list[Effect] = []
    for share in citizen.shares:
        if share.until <= citizen.as_of:
            effects += (ended(share, key.scorecard) for key in citizen.accounts if not key.shadow)
    citizen.shares = tuple(share for share in citizen.shares if share.until > citizen.as_of)
    return effects


def next_due(citizen: Citizen, scorecards: Scorecards, horizon: int) -> int | None:
    """Give the time (ms) at which a citizen must be looked at though nothing arrives.

    That is the next turn of a period in which something still ages, the end of a share, or the
    time at which the oldest entry leaves; at once (0) where work waits.
    """
    if citizen.work is not None:
        return 0
    due: int | None = None
    for account in citizen.accounts.values():
        if account.totals:
            period_ms = scorecards.of(account).period_ms
            turns_at = start_of(account.period + 1, account.offset, period_ms)
            due = turns_at if due is None or turns_at < due else due
    if due is None and citizen.oldest is not None:
        due = citizen.oldest + horizon + 1
    for share in citizen.shares:
        due = share.until if due is None or share.until < due else due
    return due


def read_again(citizen: Citizen, scorecards: Scorecards) -> None:
    """Work out what is not stored of a citizen: offsets, and the points that totals came to."""
    accounts = list(citizen.accounts.values())
    for account in accounts + (citizen.work.accounts if citizen.work else []):
        scorecard = scorecards.of(account)
        account.offset = offset_of(citizen.id, scorecard.period_ms)
        for row in account.totals.values():  # its end is not stored where that is zeros
            row.extend([0] * (len(scorecard.characteristics) - len(row)))
        reading = _read_all(account, scorecard)
        account.points, account.start_points = reading.points, reading.start_points


# ---- grants and shares


def grant(
    citizen: Citizen,
    grants: tuple[Grant, ...],
    granted_at: int,
    cause: Cause,
    scorecards: Scorecards,
) -> list[Effect]:
    """Put other grants in force: accounts open and close, and what is stored is read again."""
    differ = sorted(grants) != sorted(citizen.grants)
    citizen.grants, citizen.granted_at, citizen.era = grants, granted_at, None
    effects = pass_time(citizen, min(grant.covers_from for grant in grants))
    granted = {grant.scorecard for grant in grants}
    for key in [key for key in citizen.accounts if key.scorecard not in granted]:
        account = citizen.accounts.pop(key)
        citizen.sequences[key] = account.sequence
        if not key.shadow:
            effects.append(Closed(key.scorecard, account.tier))
            effects += (ended(share, key.scorecard) for share in citizen.shares)
    if differ:
        begin_work(citizen, cause, scorecards)
    if citizen.oldest is None:
        effects += finish_work(citizen, scorecards)
    return effects


def share(citizen: Citizen, shares: Sequence[Share], shared_at: int) -> list[Effect]:
    """Put other shares in force, and tell the audiences whose view begins, changes or ends."""
    before = {each.audience: each for each in citizen.shares}
    now = {each.audience: each for each in shares if each.until > citizen.as_of}
    citizen.shares, citizen.shared_at = tuple(now.values()), shared_at
    effects: list[Effect] = []
    for key, account in citizen.accounts.items():
        if key.shadow or not account.sequence:
            continue
        effects += (ended(old, key.scorecard) for a, old in before.items() if a not in now)
        for audience, new in now.items():
            if audience not in before or before[audience].reveals != new.reveals:
                effects.append(disclose(new, key.scorecard, account.tier, account.score))
    return effects


# ---- work: the whole ledger, in pieces


def stale(citizen: Citizen, as_of: int, scorecards: Scorecards) -> bool:
    """Say whether another version than an account's is in force at a time, or one is missing."""
    era = scorecards.era(as_of)
    if era == citizen.era:
        return False
    for grant in citizen.grants:
        for shadow in (False, True):
            scorecard = scorecards.in_force(grant.scorecard, as_of, shadow)
            account = citizen.accounts.get(AccountKey(grant.scorecard, shadow))
            if (scorecard and scorecard.version) != (account and account.version):
                return True
    citizen.era = era
    return False


def begin_work(citizen: Citizen, cause: Cause, scorecards: Scorecards) -> None:
    """Begin to read the ledger again, under the present grants and the versions in force."""
    accounts = []
    for scorecard_id in sorted({grant.scorecard for grant in citizen.grants}):
        for shadow in (False, True):
            scorecard = scorecards.in_force(scorecard_id, citizen.as_of, shadow)
            if scorecard is not None:
                accounts.append(_empty_account(citizen, shadow, scorecard))
    citizen.work = Work(cause, accounts)


def work_on(
    citizen: Citizen, rows: Iterable[tuple[bytes, str, Entry]], scorecards: Scorecards, horizon: int
) -> dict[bytes, Entry]:
    """Do a piece of the work: rows of the ledger (key, kind, entry) that follow the cursor.

    Gives the rows that lost parts, which no grant covers any more or which lie past the horizon;
    a row with nothing left is EMPTY.
    """
    work = citizen.work
    assert work is not None
    lost: dict[bytes, Entry] = {}
    for key, kind, entry in rows:
        work.cursor = key
        kept = keep(
            entry,
            lambda time, kind=kind: (  # type: ignore[misc]
                time >= citizen.as_of - horizon and covers(citizen.grants, kind, time)
            ),
        )
        if kept != entry:
            lost[key] = kept
        content = standing(kept)
        if content is not None and kept.fact is not None:
            for account in work.accounts:
                scorecard = scorecards.of(account)
                _move(citizen, account, scorecard, kind, [(+1, kept.fact.occurred_at, content)])
        if kept != EMPTY:
            oldest = earliest(kept)
            work.oldest = oldest if work.oldest is None else min(work.oldest, oldest)
    return lost


def finish_work(citizen: Citizen, scorecards: Scorecards) -> list[Effect]:
    """Put the accounts that were built in the place of the old ones, and give what changed."""
    work, citizen.work = citizen.work, None
    if work is None:
        return []
    effects: list[Effect] = []
    citizen.oldest = work.oldest
    old, citizen.accounts = citizen.accounts, {}
    for account in work.accounts:
        scorecard = scorecards.of(account)
        previous = None
        if account.key in old:
            published = old.pop(account.key)
            previous = scorecards.of(published)
            account.points, account.score = published.points, published.score
            account.tier, account.sequence = published.tier, published.sequence
        else:
            account.sequence = citizen.sequences.pop(account.key, 0)
        citizen.accounts[account.key] = account
        account.period = period_of(citizen.as_of, account.offset, scorecard.period_ms)
        reading = _read_all(account, scorecard)
        cause = work.cause
        if cause.kind == "scorecard":
            cause = Cause("scorecard", f"{scorecard.id}@{scorecard.version}")
        _publish(citizen, account, reading, scorecard, previous, cause, effects)
    for key, published in old.items():  # a version in the shadow that is withdrawn
        citizen.sequences[key] = published.sequence
    return effects


# ---- the pieces of it


def _empty_account(citizen: Citizen, shadow: bool, scorecard: Scorecard) -> Account:
    return Account(
        AccountKey(scorecard.id, shadow),
        scorecard.version,
        {},
        offset_of(citizen.id, scorecard.period_ms),
        wholes=[0] * len(scorecard.characteristics),
    )


def _read_all(account: Account, scorecard: Scorecard) -> Reading:
    """Read an account's totals in its period, all anew."""
    account.wholes = turn(account.totals, scorecard, account.period)
    return read(scorecard, account.wholes, account.totals.get(account.period))


def _move(
    citizen: Citizen, account: Account, scorecard: Scorecard, kind: str, moves: list[Move]
) -> list[int]:
    """Add or take away what contents of some event times weigh.

    Gives the places of the totals that moved, each as often as it did.
    """
    totals, wholes, touched = account.totals, account.wholes, []
    for sign, time, content in moves:
        if not covers(citizen.grants, kind, time, account.key.scorecard):
            continue
        period = period_of(time, account.offset, scorecard.period_ms)
        age = account.period - period
        row = totals.get(period)
        for place, amount in weigh(scorecard, kind, content):
            characteristic = scorecard.characteristics[place]
            # a period that was forgotten stays so: it can never count again
            if age < characteristic.window:
                if row is None:
                    row = totals[period] = [0] * len(wholes)
                row[place] += sign * amount
                wholes[place] += sign * amount * characteristic.counts(age)
                touched.append(place)
        if sign < 0 and row is not None and not any(row):
            del totals[period]
    return touched


def _settle(
    citizen: Citizen,
    account: Account,
    scorecard: Scorecard,
    cause: Cause,
    touched: Sequence[int],
    effects: list[Effect],
) -> None:
    """Read an account again if its period has turned or totals in it moved."""
    now = period_of(citizen.as_of, account.offset, scorecard.period_ms)
    if now != account.period:
        account.period = now
        reading = _read_all(account, scorecard)
    elif touched:
        before = account.points, account.start_points
        current = account.totals.get(now)
        reading = read(scorecard, account.wholes, current, before, touched)
    else:
        return
    _publish(citizen, account, reading, scorecard, scorecard, cause, effects)


def _publish(
    citizen: Citizen,
    account: Account,
    reading: Reading,
    scorecard: Scorecard,
    previous: Scorecard | None,
    cause: Cause,
    effects: list[Effect],
) -> None:
    made = change(citizen, account, reading, scorecard, previous, cause)
    account.start_points = reading.start_points
    if made is not None:
        effects.append(made)
        if not account.key.shadow:
            effects += disclosures(citizen, made)
