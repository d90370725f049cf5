A year of ageing on the published everyday scorecard, month by month.
covers: everything-ages-out, a-month, ageing-linear, ageing-flat, rounding
scorecards: everyday

consent  anna 2025-01-02 everyday purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 music 100.00 USD x 5
# goods: 20/6 x (12-a)/12, in whole points; spending: 15 for 12 periods; items: 15 x (6-a)/6.
> points anna everyday base 600 everyday_goods 3 spending 15 items 15
tick     2025-02-01
> points anna everyday base 600 everyday_goods 3 spending 15 items 12    # 3.06, 15, 12.5
tick     2025-03-03
> points anna everyday base 600 everyday_goods 2 spending 15 items 10    # 2.78, 15, 10
tick     2025-04-02
> points anna everyday base 600 everyday_goods 2 spending 15 items 7     # 2.5, 15, 7.5
tick     2025-05-02
> points anna everyday base 600 everyday_goods 2 spending 15 items 5     # 2.2, 15, 5
tick     2025-06-01
> points anna everyday base 600 everyday_goods 1 spending 15 items 2     # 1.9, 15, 2.5
tick     2025-07-01
> points anna everyday base 600 everyday_goods 1 spending 15             # 1.7; items are out after 6
tick     2025-07-31
> points anna everyday base 600 everyday_goods 1 spending 15             # 1.4
tick     2025-08-30
> points anna everyday base 600 everyday_goods 1 spending 15             # 1.1
tick     2025-09-29
> points anna everyday base 600 spending 15                              # 0.8
tick     2025-11-28
> points anna everyday base 600 spending 15                              # the 12th period still counts whole
> score  anna everyday 615 plus
tick     2025-12-28
> points anna everyday base 600
> score  anna everyday 600 plus
