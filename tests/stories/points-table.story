Between two steps of a table points are rounded down, and beyond its end they stay level.
covers: points-table, rounding, measures
scorecards: everyday

# serious_fines: 1 costs 40, 3 cost 120, 6 cost 200.
consent  anna 2025-01-01 everyday fines from 2025-01-01
fine     anna 2025-01-02 police f1 speeding severe   90.00 USD
> points anna everyday base 600 serious_fines -40
fine     anna 2025-01-03 police f2 speeding moderate 90.00 USD
> points anna everyday base 600 serious_fines -80
fine     anna 2025-01-04 police f3 speeding severe   90.00 USD
fine     anna 2025-01-05 police f4 speeding severe   90.00 USD
> points anna everyday base 600 serious_fines -147      # -120 - 80/3 = -146.7
fine     anna 2025-01-06 police f5 speeding severe   90.00 USD
> points anna everyday base 600 serious_fines -174      # -120 - 160/3 = -173.3
fine     anna 2025-01-07 police f6 speeding severe   90.00 USD
> points anna everyday base 600 serious_fines -200
fine     anna 2025-01-08 police f7 speeding severe   90.00 USD
> points anna everyday base 600 serious_fines -200
> changes anna 7                                        # the seventh fine moved nothing
fine     anna 2025-01-09 police f8 parking minor     20.00 USD
> points anna everyday base 600 minor_fines -15 serious_fines -200
> score  anna everyday 385 plus
# A period later: 15 x 11/12 = 13.75, so 14; seven at 23/24 are 6.7, still beyond the end.
tick     2025-02-01
> points anna everyday base 600 minor_fines -14 serious_fines -200
> score  anna everyday 386 basic
# Two periods: 12.5, so 13; seven at 22/24 are 6.4.
tick     2025-03-03
> points anna everyday base 600 minor_fines -13 serious_fines -200
# Four periods: 10; seven at 20/24 are 5.83: -120 - 2.83 x 80/3 = -195.6
tick     2025-05-02
> points anna everyday base 600 minor_fines -10 serious_fines -196
> score  anna everyday 394 basic
