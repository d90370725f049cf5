What lies more than 750 days back leaves the ledger, and is not taken in.
covers: horizon, past-horizon, everything-ages-out
scorecards: plain.1

# 2023-01-10 and 750 days, with the leap year 2024, is 2025-01-29.
consent  anna 2023-01-01 plain purchases fines from 2023-01-01
purchase anna 2023-01-10 shop p1 books 9.00 USD x 10
tick     2025-01-28
tick     2025-01-29
> score  anna plain 600 plus
> ledger anna 1
tick     2025-01-29T00:00:00.001
> ledger anna 0
> score  anna plain 600 plus
purchase anna 2023-01-10 shop p1 books 9.00 USD x 10
dispute  anna 2025-01-30 d1 open fine police f1 2023-01-10
correct  anna 2025-01-30 c1 shop retract purchase shop p1 2023-01-10
> dropped purchases past_horizon 1
> dropped disputes past_horizon 1
> dropped corrections past_horizon 1
> ledger anna 0
purchase anna 2023-01-10T00:00:00.001 shop p2 books 9.00 USD x 10   # to the ms at the horizon: kept, weighs nothing
> ledger anna 1
> changes anna 3        # consent, purchase, its ageing out
