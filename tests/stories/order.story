The same records in another order, and twice, give the same score.
covers: order-does-not-matter, duplicate
scorecards: plain.1

# anna's come in their order, ben's upside down and each twice.
consent  anna 2025-01-01 plain purchases fines from 2025-01-01
purchase anna 2025-01-02 shop   p1 books 9.00 USD x 30
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
dispute  anna 2025-01-04 d1 open fine police f1 2025-01-03
correct  anna 2025-01-05 c1 shop replace purchase shop p1 2025-01-02 quantity 25
fine     anna 2025-02-02 police f2 parking minor 20.00 USD
dispute  anna 2025-02-03 d1 reject fine police f1 2025-01-03
> points anna plain base 600 bought 25 fined -50          # -20 of the first, -30 of the second
> score  anna plain 575 plus                              # at the start of the period: 600 + 25 - 20 = 605
> ledger anna 3

consent  ben 2025-01-01 plain purchases fines from 2025-01-01
dispute  ben 2025-02-03 d1 reject fine police f1 2025-01-03
dispute  ben 2025-02-03 d1 reject fine police f1 2025-01-03
fine     ben 2025-02-02 police f2 parking minor 20.00 USD
fine     ben 2025-02-02 police f2 parking minor 20.00 USD
correct  ben 2025-01-05 c1 shop replace purchase shop p1 2025-01-02 quantity 25
correct  ben 2025-01-05 c1 shop replace purchase shop p1 2025-01-02 quantity 25
dispute  ben 2025-01-04 d1 open fine police f1 2025-01-03
dispute  ben 2025-01-04 d1 open fine police f1 2025-01-03
fine     ben 2025-01-03 police f1 parking minor 20.00 USD
fine     ben 2025-01-03 police f1 parking minor 20.00 USD
purchase ben 2025-01-02 shop   p1 books 9.00 USD x 30
purchase ben 2025-01-02 shop   p1 books 9.00 USD x 30
> points ben plain base 600 bought 25 fined -50
> score  ben plain 575 plus
> ledger ben 3
> as-of  ben 2025-02-02
> as-of  anna 2025-02-02
