A late event counts in the period in which it happened, and moves no time.
covers: late-event, as-of-never-falls, order-does-not-matter, tier-rises-at-once
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 2025-01-01
purchase anna 2025-02-10 shop p1 books 9.00 USD x 20
> score  anna plain 620 plus
fine     anna 2025-01-05 police f1 parking minor 20.00 USD [sent 2025-02-11]   # a period ago: -30 x 2/3
> score  anna plain 600 plus
> as-of  anna 2025-02-10
purchase anna 2025-01-06 shop p2 books 9.00 USD x 50 [sent 2025-02-12]         # of the period before, still whole
> score  anna plain 650 extra
purchase anna 2024-12-31 shop p3 books 9.00 USD x 5                             # before the consent's date
> score  anna plain 650 extra
> as-of  anna 2025-02-10
> ledger anna 3
> dropped purchases not_granted 1
