A dispute that nobody decides within 30 days has lapsed, for the citizen.
covers: disputes-and-corrections, dispute-lapses, thirty-days
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
fine     anna 2025-01-04 police f2 parking minor 20.00 USD
dispute  anna 2025-01-10T12:00 d1 open fine police f1 2025-01-03
dispute  anna 2025-01-10T12:00 d2 open fine police f2 2025-01-04
> score  anna plain 600 plus

# 30 x 24 hours after the opening is the last moment for a decision.
dispute  anna 2025-02-09T12:00     d1 reject fine police f1 2025-01-03
> score  anna plain 570 plus
dispute  anna 2025-02-09T12:00:00.001 d2 reject fine police f2 2025-01-04
> score  anna plain 570 plus
> points anna plain base 600 fined -30
> changes anna 6
tick     2025-03-01                          # second period: 30 x 2/3; no alarm, nothing comes back
> score  anna plain 580 standard
