A change gives at most four reasons: what moved most first, ties in the scorecard's order.
covers: reasons, one-change-per-record
scorecards: everyday

consent  anna 2025-01-01 everyday purchases fines payments from 2025-01-01
fine     anna 2025-01-02 police f1 parking minor 20.00 USD               # minor_fines    -15
payment  anna 2025-01-03 energy b1 power 60.00 USD due 2025-01-04 paid 2025-01-03   # bills_on_time 6
payment  anna 2025-01-04 energy b2 water 60.00 USD due 2025-01-02 missed # bills_missed   -45

# A purchase moves three; of those that stand still the one with most points is named fourth.
purchase anna 2025-01-05 shop   p1 books 20.00 USD                        # goods 3, spending 3, items 3
> change anna everyday 1 none -> 600 plus by consents consents-0-0
> change anna everyday 2 600 -> 585 plus by fines f1 reasons minor_fines
> change anna everyday 3 585 -> 591 plus by payments b1 reasons bills_on_time minor_fines
> change anna everyday 4 591 -> 546 plus by payments b2 reasons bills_missed minor_fines bills_on_time
> change anna everyday 5 546 -> 555 plus by purchases p1 reasons everyday_goods spending items bills_missed
> changes anna 5
> points anna everyday base 600 everyday_goods 3 spending 3 items 3 minor_fines -15 bills_on_time 6 bills_missed -45
