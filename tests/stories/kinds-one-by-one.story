Each kind of event is allowed by itself, from a date on.
covers: kinds-one-by-one, gate, covers-from
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01

purchase anna 2025-01-02 shop p1 books 9.00 USD x 7
fine     anna 2025-01-03 police f1 parking minor 20.00 USD               # fines were not allowed
payment  anna 2025-01-04 energy b1 power 60.00 USD due 2025-01-01 paid 2025-01-04
> score  anna plain 607 plus
> ledger anna 1

consent  anna 2025-01-05 plain purchases from 2025-01-01 and plain fines from 2025-01-05
fine     anna 2025-01-04T23:59 police f2 parking minor 20.00 USD         # a minute before the date
fine     anna 2025-01-05 police f3 parking minor 20.00 USD               # on the date
> score  anna plain 577 plus
> points anna plain base 600 bought 7 fined -30
> ledger anna 2
> dropped fines not_granted 2
> dropped payments not_granted 1
