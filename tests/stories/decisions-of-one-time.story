Of two decisions the earlier counts, and of two at one time the citizen's.
covers: uphold-before-reject, dispute-upheld, dispute-rejected
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
dispute  anna 2025-01-04 d1 open   fine police f1 2025-01-03
dispute  anna 2025-01-06 d1 reject fine police f1 2025-01-03
> score  anna plain 570 plus
dispute  anna 2025-01-06 d1 uphold fine police f1 2025-01-03      # the same time
> score  anna plain 600 plus
dispute  anna 2025-01-05 d1 reject fine police f1 2025-01-03      # an earlier one
> score  anna plain 570 plus
dispute  anna 2025-01-07 d1 uphold fine police f1 2025-01-03      # a later one
> score  anna plain 570 plus
> changes anna 6
