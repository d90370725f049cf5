What happened counts a little less with every period of 30 days, and then no more.
covers: everything-ages-out, ageing-linear, a-month, tick, rounding
scorecards: plain.1

# Three periods, linear: -30, then 2/3 of it, then 1/3, then nothing.
consent  anna 2025-01-01T00:10 plain fines from 2025-01-01
fine     anna 2025-01-20 police f1 parking minor 20.00 USD
> score  anna plain 570 plus
> turns  anna 2025-01-31
tick     2025-01-30T23:59
> score  anna plain 570 plus
tick     2025-01-31T00:01
> score  anna plain 580 standard
tick     2025-03-01T23:59
> score  anna plain 580 standard
tick     2025-03-02T00:01
> score  anna plain 590 standard
tick     2025-04-01T00:01
> score  anna plain 600 plus
tick     2025-12-01
> change anna plain 1 none -> 600 plus     by consents consents-0-0
> change anna plain 2 600 -> 570 plus     by fines f1 as-of 2025-01-20
> change anna plain 3 570 -> 580 standard by ticks ticks-0-1 as-of 2025-01-31T00:01
> change anna plain 4 580 -> 590 standard by ticks ticks-0-3 as-of 2025-03-02T00:01
> change anna plain 5 590 -> 600 plus     by ticks ticks-0-4 as-of 2025-04-01T00:01 reasons fined
> as-of  anna 2025-12-01
> ledger anna 1                              # it weighs nothing, and leaves at the horizon
