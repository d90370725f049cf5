Times that cannot be are dead letters: before 1990, or more than a day ahead of the sending.
covers: gate, time-is-an-event
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 1980-01-01
purchase anna 1989-12-31T23:59 shop p1 books 9.00 USD
> dead   purchases too_early
purchase anna 2025-01-02T00:00:00.001 shop p2 books 9.00 USD [sent 2025-01-01]
> dead   purchases too_late
correct  anna 2025-01-03 c1 shop retract purchase shop p3 2025-01-05 [sent 2025-01-03]
> dead   corrections too_late
correct  anna 2025-01-03 c2 shop retract purchase shop p3 1989-01-05
> dead   corrections too_early
tick     2025-01-05 [sent 2025-01-03T23:59]
> dead   ticks tick_ahead
> as-of  anna 1980-01-01
> ledger anna 0
purchase anna 2025-01-02 shop p2 books 9.00 USD [sent 2025-01-01]          # a day ahead, and good
tick     2025-01-03 [sent 2025-01-02]
> as-of  anna 2025-01-03
> score  anna plain 601 plus
> dead-letters 5
