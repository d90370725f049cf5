Two people with equal histories turn their periods on days of their own.
covers: own-offset, a-month, ageing-flat
scorecards: plain.1

# anna's periods begin on 01-01 and 01-31, mira's on 01-16 and 02-15. Bought things count for two periods.
consent  anna 2025-01-01 plain purchases from 2025-01-01
consent  mira 2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-20 shop p1 books 9.00 USD x 20
purchase mira 2025-01-20 shop p2 books 9.00 USD x 20
> turns  anna 2025-01-31
> turns  mira 2025-02-15
tick     2025-03-03
> score  anna plain 600 plus          # in the third period since: out after 41 days
> score  mira plain 620 plus
tick     2025-03-16
> score  mira plain 620 plus
tick     2025-03-18                   # 57 days
> score  mira plain 600 plus
> as-of  anna 2025-03-18
> as-of  mira 2025-03-18
