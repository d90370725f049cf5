A narrower grant erases what it no longer covers, and scores again.
covers: narrowing, covers-from, as-of-never-falls, gate
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 2025-01-01
purchase anna 2025-01-05 shop   p1 books 9.00 USD x 10
fine     anna 2025-01-06 police f1 parking minor 20.00 USD
purchase anna 2025-01-20 shop   p2 books 9.00 USD x 20
> score  anna plain 600 plus
> ledger anna 3
consent  anna 2025-01-21 plain purchases from 2025-01-10
> change anna plain 1 none -> 600 plus by consents consents-0-0
> change anna plain 2 600 -> 610 plus by purchases p1
> change anna plain 3 610 -> 580 plus by fines f1
> change anna plain 4 580 -> 600 plus by purchases p2
> change anna plain 5 600 -> 620 plus by consents consents-0-1
> moved  bought 30 -> 20 fined -30 -> 0
> ledger anna 1
> as-of  anna 2025-01-20
purchase anna 2025-01-05 shop   p1 books 9.00 USD x 10     # not taken in again
fine     anna 2025-01-22 police f2 parking minor 20.00 USD
> score  anna plain 620 plus
> dropped purchases not_granted 1
> dropped fines not_granted 1
