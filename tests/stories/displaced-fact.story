An event sent again with a later time displaces its older self, and a tier may fall by that.
covers: displaced-fact, later-fact-wins
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-10 shop p1 books 9.00 USD x 60
tick     2025-02-01
> score  anna plain 660 extra
purchase anna 2025-02-05 shop p1 books 9.00 USD x 1
> score  anna plain 601 plus
> change anna plain 1 none -> 600 plus by consents consents-0-0
> change anna plain 2 600 -> 660 extra by purchases p1
> change anna plain 3 660 -> 601 plus by purchases p1 as-of 2025-02-05 reasons bought
> ledger anna 1
> dead-letters 0
