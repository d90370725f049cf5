A score at the edge is in the tier, and one point below it is not.
covers: tier-edges, perks, perks-only, tier-rises-at-once, tier-held-in-period
scorecards: plain.1

# Each thing bought is a point and each day late one less; both count for two periods.
consent  anna 2025-01-01 plain purchases payments from 2025-01-01
purchase anna 2025-01-02 shop   p1 books 9.00 USD x 49
> score  anna plain 649 plus
> perks  anna plain free_returns
purchase anna 2025-01-03 shop   p2 books 9.00 USD
> score  anna plain 650 extra
> perks  anna plain free_returns no_deposit
purchase anna 2025-01-04 shop   p3 books 9.00 USD x 49
> score  anna plain 699 extra
purchase anna 2025-01-05 shop   p4 books 9.00 USD
> score  anna plain 700 prime
> perks  anna plain free_returns no_deposit pay_later

# Down again, for ben: within the period the tier is held, with the next it falls.
consent  ben 2025-01-01 plain payments purchases from 2025-01-01
> score  ben plain 600 plus
payment  ben 2025-01-05 energy b1 power 60.00 USD due 2025-01-01 paid 2025-01-02
> score  ben plain 599 plus
tick     2025-01-31T00:05
> score  ben plain 599 standard
> perks  ben plain none
purchase ben 2025-02-01 shop p1 books 9.00 USD
> score  ben plain 600 plus                           # a rise counts at once

consent  cleo 2025-01-31 plain payments from 2025-01-01
payment  cleo 2025-01-05 energy b1 power 60.00 USD due 2025-01-01 paid 2025-02-20
> score  cleo plain 550 standard                      # of an earlier period: nothing to hold
payment  cleo 2025-01-06 energy b2 power 60.00 USD due 2025-01-01 paid 2025-01-02
> score  cleo plain 549 basic
> perks  cleo plain none
