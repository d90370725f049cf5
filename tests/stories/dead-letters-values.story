Amounts, quantities, currencies and days that cannot be are dead letters.
covers: gate, refund
scorecards: plain.1

consent  anna 2025-01-01 plain purchases payments fines from 2025-01-01
purchase anna 2025-01-02 shop   p1 books -0.01 USD                         # a refund is a correction
> dead   purchases negative_amount
purchase anna 2025-01-02 shop   p2 books 9.00 USD x -1
> dead   purchases negative_quantity
purchase anna 2025-01-02 shop   p3 books 10000000000.01 USD
> dead   purchases amount_too_large
purchase anna 2025-01-02 shop   p4 books 9.00 USD x 1000000000001
> dead   purchases amount_too_large
fine     anna 2025-01-02 police f1 parking minor 9.00 DOLLARS
> dead   fines not_a_currency
payment  anna 2025-01-02 energy b1 power 9.00 USD due 2200-01-01 paid 2025-01-01
> dead   payments date_out_of_range
payment  anna 2025-01-02 energy b2 power 9.00 USD due 2025-01-01 paid 1899-12-31
> dead   payments date_out_of_range
correct  anna 2025-01-03 c1 shop replace purchase shop p5 2025-01-02 amount -9.00
> dead   corrections negative_amount
correct  anna 2025-01-03 c2 shop replace purchase shop p5 2025-01-02 currency dollars
> dead   corrections not_a_currency
> ledger anna 0
# On the edge, and good: the largest amount and quantity, and an old currency.
purchase anna 2025-01-02 shop   p6 books 10000000000.00 DEM x 1000000000000
> score  anna plain 800 prime
payment  anna 2025-01-02 energy b3 power 0.00 USD due 2199-12-31 paid 1900-01-01
> score  anna plain 800 prime
> ledger anna 2
> dead-letters 9
