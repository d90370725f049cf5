A correction changes only the fields that it holds, and scores again at once.
covers: disputes-and-corrections, correction-replaces, refund, correction-names-exact-time
scorecards: everyday

consent  anna 2025-01-01 everyday purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 music 100.00 USD x 5        # goods 3, spending 15, items 15
> score  anna everyday 633 plus

# Half the money is given back, and three of the five things: a refund is a correction.
correct  anna 2025-01-09 c1 shop replace purchase shop p1 2025-01-02 amount 50.00 quantity 2
> points anna everyday base 600 everyday_goods 3 spending 7 items 6
> score  anna everyday 616 plus
> as-of  anna 2025-01-02                                    # a correction moves no time

# It names another time than the event's: it waits for such an event and changes nothing here.
correct  anna 2025-01-10 c2 shop replace purchase shop p1 2025-01-02T00:00:01 amount 1.00
> score  anna everyday 616 plus
> ledger anna 1
> changes anna 3
