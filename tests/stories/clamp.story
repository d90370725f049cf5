A score stays within its range, and the points say how much was cut.
covers: clamp, contributions, one-change-per-record
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 books 9.00 USD x 200
> score  anna plain 800 prime
purchase anna 2025-01-03 shop p2 books 9.00 USD x 180
> score  anna plain 950 prime
> points anna plain base 600 bought 380 clamp -30
purchase anna 2025-01-04 shop p3 books 9.00 USD x 20
> points anna plain base 600 bought 400 clamp -50    # the score is level, its points are not: a change
> score  anna plain 950 prime
> changes anna 4

consent  ben 2025-01-01 plain payments from 2025-01-01
payment  ben 2025-01-02 energy b1 power 60.00 USD due 2024-01-01 paid 2025-01-02
payment  ben 2025-01-03 energy b2 power 60.00 USD due 2024-01-01 paid 2025-01-02
> score  ben plain 400 plus
payment  ben 2025-01-04 energy b3 power 60.00 USD due 2024-01-01 paid 2025-01-02
> points ben plain base 600 late -300 clamp 50
> score  ben plain 350 plus
tick     2025-01-31T00:05
> score  ben plain 350 basic
