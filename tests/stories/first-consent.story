A first consent gives a first change, at the base score, and the points of it.
covers: voluntary, first-change, explained, contributions
scorecards: everyday, rider

consent anna 2025-01-01 everyday purchases fines payments from 2025-01-01
> change anna everyday 1 none -> 600 plus by consents consents-0-0 as-of 2025-01-01 version 1 reasons none
> points anna everyday base 600
> score  anna everyday 600 plus
> perks  anna everyday free_returns
> unscored anna rider                       # not asked for, not made

consent ben 2025-01-01 rider fines from 2025-01-01
> change ben rider 1 none -> 950 prime by consents consents-0-1
> perks  ben rider no_deposit new_vehicles
> score  ben rider 950 prime
> ledger ben 0
