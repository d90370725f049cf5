Every change carries the points that made it, and the reasons that say most.
covers: explained, contributions, reasons, measures
scorecards: everyday

consent  anna 2025-01-01 everyday purchases fines payments from 2025-01-01
> change anna everyday 1 none -> 600 plus by consents consents-0-0 reasons none

# One record of music at 40.00: goods 20 x 1/6 = 3.3, so 3; spending 15 x 40/100 = 6; items 15 x 1/5 = 3
purchase anna 2025-01-02 shop p1 music 40.00 USD
> change anna everyday 2 600 -> 612 plus by purchases p1 as-of 2025-01-02 reasons spending everyday_goods items
> moved  everyday_goods 0 -> 3 spending 0 -> 6 items 0 -> 3
> points anna everyday base 600 everyday_goods 3 spending 6 items 3

# A bill paid 10 days late: -40 x 10/30 = -13.3, rounded down to -14. It moved most; spending has most points.
payment  anna 2025-01-15 energy b1 power 60.00 USD due 2025-01-04 paid 2025-01-14
> change anna everyday 3 612 -> 598 plus by payments b1 as-of 2025-01-15 reasons bills_late spending everyday_goods items
> moved  bills_late 0 -> -14
> points anna everyday base 600 everyday_goods 3 spending 6 items 3 bills_late -14
> score  anna everyday 598 plus             # no event of the period lowers a tier within it
