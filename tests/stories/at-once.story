Corrections and narrower grants lower a tier at once.
covers: corrections-act-at-once, narrowing, tier-held-in-period
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 2025-01-01
purchase anna 2025-01-10 shop p1 books 9.00 USD x 60
tick     2025-02-01
> score  anna plain 660 extra
fine     anna 2025-02-02 police f1 parking minor 20.00 USD
> score  anna plain 630 extra                      # the period began with 660
correct  anna 2025-02-03 c1 shop replace purchase shop p1 2025-01-10 quantity 10
> score  anna plain 580 plus                       # it began, as is known now, with 610
consent  anna 2025-02-04 plain fines from 2025-01-01
> score  anna plain 570 plus                       # it began with 600
tick     2025-03-03
> score  anna plain 580 standard
> ledger anna 1
