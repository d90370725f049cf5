A wider grant takes in what comes from then on; what was dropped was never kept.
covers: widening, covers-from, as-of-never-falls, gate
scorecards: plain.1

consent  anna 2025-01-10 plain purchases from 2025-01-10
purchase anna 2025-01-05 shop p1 books 9.00 USD x 10
purchase anna 2025-01-12 shop p2 books 9.00 USD x 20
> score  anna plain 620 plus
consent  anna 2025-01-13 plain purchases from 2025-01-01
> score  anna plain 620 plus
> as-of  anna 2025-01-12
> ledger anna 1
> changes anna 2
purchase anna 2025-01-05 shop p1 books 9.00 USD x 10       # sent once more
> score  anna plain 630 plus
> ledger anna 2
> dropped purchases not_granted 1
