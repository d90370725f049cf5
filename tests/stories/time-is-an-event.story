Time comes with events and ticks, never falls, and nothing else moves it.
covers: time-is-an-event, as-of-never-falls, disputes-move-no-time, tick
scorecards: plain.1, rider

consent  anna 2025-01-03 plain purchases from 2025-01-02 and rider fines from 2025-01-01
> as-of  anna 2025-01-01                        # the earliest date of its grants
purchase anna 2025-01-05 shop p1 books 9.00 USD x 10
> as-of  anna 2025-01-05
purchase anna 2025-01-04 shop p2 books 9.00 USD x 10
> as-of  anna 2025-01-05
dispute  anna 2025-01-20 d1 open purchase shop p1 2025-01-05
correct  anna 2025-01-20 c1 shop retract purchase shop p3 2025-01-08
share    anna 2025-01-20 bikes tier until 2026-01-01
> sees   bikes anna plain tier plus
> sees   bikes anna rider tier prime
payment  anna 2025-01-25 energy b1 power 60.00 USD due 2025-01-01 missed
> dropped payments not_granted 1
purchase anna 2025-01-25 shop p4 books -9.00 USD x 10
> dead   purchases negative_amount
> as-of  anna 2025-01-05
purchase anna 2025-01-08 shop p3 books 9.00 USD x 10      # retracted before it came, and yet an event
> as-of  anna 2025-01-08
purchase anna 2025-01-09 shop p2 books 9.00 USD x 10
purchase anna 2025-01-09 shop p2 books 9.00 USD x 11      # the loser of a conflict
> dead   purchases conflicting_duplicate not-kept
> as-of  anna 2025-01-09
tick     2025-01-11
tick     2025-01-10
> as-of  anna 2025-01-11
consent  anna 2025-01-12 plain purchases from 2025-01-01 and rider fines from 2025-01-01
> as-of  anna 2025-01-11                        # a wider grant does not lower it
consent  anna 2025-01-12 plain purchases from 2025-01-12 and rider fines from 2025-01-12
> as-of  anna 2025-01-12
> score  anna plain 600 plus
> ledger anna 0
restart
> as-of  anna 2025-01-12
consent  ben 2025-01-12 plain purchases from 2025-01-05
> as-of  ben 2025-01-11                         # the tick of the partition
> score  ben plain 600 plus
