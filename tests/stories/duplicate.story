An event sent again with the same content changes nothing, and publishes nothing.
covers: duplicate
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
consent  anna 2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [sent 2025-01-09]
# The quantity of one is what is meant when none is said: that is no other content.
purchase anna 2025-01-03 shop p2 books 9.00 USD
purchase anna 2025-01-03 shop p2 books 9.00 USD x 1
# Another source's p1 is another event.
purchase anna 2025-01-03 store p1 books 9.00 USD x 10
> score  anna plain 621 plus
> ledger anna 3
> changes anna 4
> dead-letters 0
