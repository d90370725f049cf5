After a rejection another dispute takes the event out only once it is upheld.
covers: second-dispute
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
dispute  anna 2025-01-04 d1 open   fine police f1 2025-01-03
dispute  anna 2025-01-06 d1 reject fine police f1 2025-01-03
> score  anna plain 570 plus
dispute  anna 2025-01-07 d2 open   fine police f1 2025-01-03      # after the rejection
> score  anna plain 570 plus
dispute  anna 2025-01-08 d2 uphold fine police f1 2025-01-03
> score  anna plain 600 plus

# One that was opened before the rejection of another takes it out as ever.
fine     anna 2025-01-10 police f2 parking minor 20.00 USD
dispute  anna 2025-01-11 d3 open   fine police f2 2025-01-10
dispute  anna 2025-01-12 d4 open   fine police f2 2025-01-10
dispute  anna 2025-01-13 d3 reject fine police f2 2025-01-10
> score  anna plain 600 plus
> points anna plain base 600
> changes anna 7   # consent, fine, open, reject, uphold, fine, open
