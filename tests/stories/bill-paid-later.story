A bill missed and paid later is corrected, and nothing becomes missed by itself.
covers: bill-paid-later, late-or-not, correction-replaces, measures
scorecards: everyday

consent  anna 2025-01-01 everyday payments from 2025-01-01
payment  anna 2025-01-10 energy b1 power 60.00 USD due 2025-01-08 missed
> points anna everyday base 600 bills_missed -45
> score  anna everyday 555 plus                  # held within the period
correct  anna 2025-01-14 c1 energy replace payment energy b1 2025-01-10 paid 2025-01-14
> points anna everyday base 600 bills_late -8     # 6 days: -40 x 6/30
> score  anna everyday 592 plus
correct  anna 2025-01-15 c2 energy replace payment energy b1 2025-01-10 paid 2025-01-08
> points anna everyday base 600 bills_on_time 6   # paid on the day it was due: 40 x 1/6 = 6.7
> score  anna everyday 606 plus
> as-of  anna 2025-01-10
