Within a batch consents come before events, and a withdrawal too.
covers: consents-first, gate, voluntary
scorecards: plain.1

purchase anna 2025-01-02 shop p1 books 9.00 USD x 10
+ consent anna 2025-01-01 plain purchases from 2025-01-01
> score  anna plain 610 plus
> ledger anna 1

purchase anna 2025-01-03 shop p2 books 9.00 USD x 10
+ withdraw anna 2025-01-04 [receipt r-1]
> gone   anna plain
> receipt r-1 scorecards 1 entries 1 shares 0 withdrawn 2025-01-04
> dropped purchases no_consent 1
> forgotten anna
