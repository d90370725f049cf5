One event counts up to its most, and money in another currency is no money here.
covers: max-per-event, foreign-currency, measures, points-table
scorecards: everyday

consent  anna 2025-01-01 everyday purchases from 2025-01-01
# Euros: it is an everyday thing, 30 of them count as 20 (15 + 15 x 25/45 = 23.3), and no dollars.
purchase anna 2025-01-02 shop p1 music 40.00 EUR x 30
> points anna everyday base 600 everyday_goods 3 items 23
# A car: no everyday thing; of 900.00 dollars 500.00 count: 15 + 400 x 25/900 = 26.1; 21 things: 15 + 16 x 25/45 = 23.9
purchase anna 2025-01-03 shop p2 cars 900.00 USD
> points anna everyday base 600 everyday_goods 3 spending 26 items 23
# A gift of nothing: an everyday thing all the same (2 of 6: 6.7), and no money, and no quantity.
purchase anna 2025-01-04 shop p3 books 0.00 USD x 0
> points anna everyday base 600 everyday_goods 6 spending 26 items 23
> score  anna everyday 655 extra
> ledger anna 3
