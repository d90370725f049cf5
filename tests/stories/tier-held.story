No event of a period lowers a tier within it; the next period does.
covers: tier-held-in-period, tier-rises-at-once, perks, perks-only
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 2025-01-01
purchase anna 2025-01-10 shop p1 books 9.00 USD x 60
> score  anna plain 660 extra
# The tier that the period began with is held, not the one reached in between.
fine     anna 2025-01-11 police f1 parking minor 20.00 USD
> score  anna plain 630 plus
tick     2025-01-31T00:05
> score  anna plain 640 plus                       # the fine counts two thirds
purchase anna 2025-02-01 shop p2 books 9.00 USD x 10
> score  anna plain 650 extra
fine     anna 2025-02-02 police f2 parking minor 20.00 USD
> score  anna plain 620 plus
fine     anna 2025-02-03 police f3 parking minor 20.00 USD
> score  anna plain 610 plus                       # 2 2/3 fines, and the table ends with 2: -60
fine     anna 2025-02-04 police f4 parking minor 20.00 USD
> score  anna plain 610 plus
> perks  anna plain free_returns
