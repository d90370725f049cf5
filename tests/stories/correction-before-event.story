A correction that comes before its event waits for it.
covers: correction-before-event, order-does-not-matter
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
correct  anna 2025-01-09 c1 shop replace purchase shop p1 2025-01-02 quantity 3
> score  anna plain 600 plus
> as-of  anna 2025-01-01
> ledger anna 1
purchase anna 2025-01-02 shop p1 books 90.00 USD x 30
> score  anna plain 603 plus
> ledger anna 1
> changes anna 2
