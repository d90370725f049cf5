A dispute that is upheld takes its event out for good.
covers: disputes-and-corrections, dispute-upheld, corrections-act-at-once
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
tick     2025-02-05                                             # next period: -30 x 2/3
> score  anna plain 580 standard
dispute  anna 2025-02-06 d1 open   fine police f1 2025-01-03
> score  anna plain 600 plus
dispute  anna 2025-02-07 d1 uphold fine police f1 2025-01-03
> score  anna plain 600 plus
> changes anna 4
dispute  anna 2025-02-08 d2 open   fine police f1 2025-01-03
dispute  anna 2025-02-09 d2 reject fine police f1 2025-01-03    # another one changes nothing
> score  anna plain 600 plus
> changes anna 4
> ledger anna 1
