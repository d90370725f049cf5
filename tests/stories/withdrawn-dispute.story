A citizen may withdraw a dispute at any time; an uphold that stood before stays.
covers: withdraw-ends-dispute, withdraw-against-uphold
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
fine     anna 2025-01-04 police f2 parking minor 20.00 USD
> score  anna plain 540 plus                                       # -60 for two

# f1 is withdrawn long after the dispute lapsed: it counts again. (No event came, so time stands.)
dispute  anna 2025-01-05 d1 open     fine police f1 2025-01-03
> score  anna plain 570 plus
dispute  anna 2025-03-01 d1 withdraw fine police f1 2025-01-03
> score  anna plain 540 plus

# f2: upheld on the 10th, withdrawn on the 11th: the uphold stands.
dispute  anna 2025-01-06 d2 open     fine police f2 2025-01-04
dispute  anna 2025-01-11 d2 withdraw fine police f2 2025-01-04
> score  anna plain 540 plus
dispute  anna 2025-01-10 d2 uphold   fine police f2 2025-01-04
> score  anna plain 570 plus

# Withdrawn before the uphold: the dispute had ended.
dispute  anna 2025-01-09 d2 withdraw fine police f2 2025-01-04
> score  anna plain 540 plus

# Withdrawn in the same moment as the uphold: the uphold, not after the withdrawal, stands.
consent  ben  2025-01-01 plain fines from 2025-01-01
fine     ben  2025-01-12 police f3 parking minor 20.00 USD
dispute  ben  2025-01-13 d3 open     fine police f3 2025-01-12
dispute  ben  2025-01-14 d3 withdraw fine police f3 2025-01-12
> score  ben  plain 570 plus
dispute  ben  2025-01-14 d3 uphold   fine police f3 2025-01-12
> score  ben  plain 600 plus
> points ben  plain base 600
