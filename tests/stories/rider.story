The rider scorecard begins at the top, and reads traffic fines alone.
covers: several-scorecards, measures, points-table, clamp
scorecards: everyday, rider

consent  anna 2025-01-01 rider fines from 2025-01-01
fine     anna 2025-01-02 police f1 speeding severe 90.00 USD
> points anna rider base 950 speeding -60 severe -75
> score  anna rider 815 prime
fine     anna 2025-01-03 police f2 phone severe 90.00 USD         # severe: -75 - 165/3 = -130
> points anna rider base 950 speeding -60 severe -130
fine     anna 2025-01-04 city   f3 parking minor 20.00 USD        # half of 20
> points anna rider base 950 parking -10 speeding -60 severe -130
fine     anna 2025-01-05 police f4 red_light moderate 20.00 USD
> points anna rider base 950 parking -10 speeding -60 signals -75 severe -130
fine     anna 2025-01-06 city   f5 littering minor 20.00 USD      # no matter of traffic
> score  anna rider 675 prime
> changes anna 5
> ledger anna 5
# Next period: parking 10 x 5/6 = 8.3, so 9; speeding 55; signals 68.75, so 69; severe is flat.
tick     2025-02-01
> points anna rider base 950 parking -9 speeding -55 signals -69 severe -130
> score  anna rider 687 standard
> perks  anna rider none
> unscored anna everyday
