Of two contents under one id and time the smaller wins, and the one that came is reported.
covers: conflict, conflict-kept, later-fact-wins
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
# Compared as text: {"amount_minor":900,"category":"books","currency":"USD","quantity":30} and so on.
purchase anna 2025-01-02 shop p1 books 9.00 USD x 30
purchase anna 2025-01-02 shop p1 books 9.00 USD x 40       # "quantity":40 is greater
> dead   purchases conflicting_duplicate not-kept
> score  anna plain 630 plus
purchase anna 2025-01-02 shop p1 books 9.00 USD x 20       # "quantity":20 is smaller
> dead   purchases conflicting_duplicate kept
> score  anna plain 620 plus
purchase anna 2025-01-02 shop p1 books 9.00 USD x 100      # as text "100" is smaller than "20"
> dead   purchases conflicting_duplicate kept
> score  anna plain 700 prime
purchase anna 2025-01-02 shop p1 books 10.00 USD x 50      # "amount_minor":1000 is smaller than 900
> dead   purchases conflicting_duplicate kept
> score  anna plain 650 extra

# Of another time it is no conflict: the later fact wins, whichever comes first.
purchase anna 2025-01-03 shop p1 books 9.00 USD x 7
> score  anna plain 607 plus
purchase anna 2025-01-02T12:00 shop p1 books 9.00 USD x 90
> score  anna plain 607 plus
> ledger anna 1
> dead-letters 4
