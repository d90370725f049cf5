A source takes back an event that never was, and of its corrections the last stands alone.
covers: correction-retracts, last-correction-stands
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10
correct  anna 2025-01-05 c1 shop retract purchase shop p1 2025-01-02
> score  anna plain 600 plus
correct  anna 2025-01-07 c2 shop replace purchase shop p1 2025-01-02 quantity 40   # later: it stands, alone
> score  anna plain 640 plus
correct  anna 2025-01-06 c3 shop replace purchase shop p1 2025-01-02 quantity 90   # earlier than c2
> score  anna plain 640 plus
correct  anna 2025-01-08 c4 shop replace purchase shop p1 2025-01-02 category toys # the quantity is the event's own again
> score  anna plain 610 plus

# Of one time: the greater content stands, "retract" being after "replace", whatever the ids say.
correct  anna 2025-01-08 c0 shop retract purchase shop p1 2025-01-02
> score  anna plain 600 plus
correct  anna 2025-01-08 c9 shop replace purchase shop p1 2025-01-02 quantity 50
> score  anna plain 600 plus
> changes anna 6    # consent, purchase, c1, c2, c4, c0
