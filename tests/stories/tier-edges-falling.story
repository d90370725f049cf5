Edges from above: one point less in the period before, and the tier is the one below.
covers: tier-edges, tier-held-in-period, perks-only
scorecards: plain.1

tick     2025-01-31T00:05          # a new period begins: what is told below fell into the one before
consent  anna 2025-01-31 plain purchases payments from 2025-01-01
purchase anna 2025-01-02 shop p1 books 9.00 USD x 100
> score  anna plain 700 prime
payment  anna 2025-01-03 energy b1 power 60.00 USD due 2025-01-01 paid 2025-01-02
> score  anna plain 699 extra
payment  anna 2025-01-04 energy b2 power 60.00 USD due 2025-01-01 paid 2025-02-19   # 49 days
> score  anna plain 650 extra
payment  anna 2025-01-05 energy b3 power 60.00 USD due 2025-01-01 paid 2025-01-02
> score  anna plain 649 plus
> as-of  anna 2025-01-31T00:05
