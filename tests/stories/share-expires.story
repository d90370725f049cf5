A share ends by itself at the time that it names.
covers: share-expires, audiences-see-what-was-granted, tick
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
consent  ben  2025-01-01 plain purchases from 2025-01-01
share    anna 2025-01-02 bikes tier until 2025-02-01
share    ben  2025-01-02 bank score until 2025-01-15
> sees   bikes anna plain tier plus
> sees   bank  ben plain score 600
tick     2025-01-14T23:59
> seen   bank  1
purchase ben  2025-01-15 shop p1 books 9.00 USD x 3           # an event makes time pass as a tick does
> sees   bank  ben plain ended
tick     2025-01-31T23:59
> seen   bikes 1
tick     2025-02-01
> sees   bikes anna plain ended
purchase anna 2025-02-02 shop p2 books 9.00 USD x 60
> score  anna plain 660 extra
share    anna 2025-02-03 bikes tier until 2025-01-01          # it has run out already
> seen   bikes 2
> seen   bank  2
