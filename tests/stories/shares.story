An audience sees what a citizen granted it, when that changes, and nothing else.
covers: audiences-see-what-was-granted, share-begins, share-changes, share-ends
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
consent  ben  2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10
> seen   bikes 0
share    anna 2025-01-03 bikes tier until 2026-01-01 and bank tier score until 2026-01-01
> sees   bikes anna plain tier plus
> sees   bank  anna plain tier plus score 610
purchase anna 2025-01-04 shop p2 books 9.00 USD x 10       # 620, the tier as before
> sees   bank  anna plain tier plus score 620
purchase anna 2025-01-05 shop p3 books 9.00 USD x 30
> sees   bikes anna plain tier extra
> sees   bank  anna plain tier extra score 650
purchase ben  2025-01-05 shop p4 books 9.00 USD x 99       # ben shares nothing
> seen   bikes 2
> seen   bank  3

share    anna 2025-01-06 bikes score until 2026-01-01 and bank tier score until 2026-06-01
> sees   bikes anna plain score 650                        # the bank's runs longer: nothing new to see
share    anna 2025-01-07 bikes score until 2026-01-01
> sees   bank  anna plain ended
purchase anna 2025-01-08 shop p5 books 9.00 USD x 1
> sees   bikes anna plain score 651
unshare  anna 2025-01-09
> sees   bikes anna plain ended
purchase anna 2025-01-10 shop p6 books 9.00 USD x 1
> score  anna plain 652 extra
> seen   bikes 5
> seen   bank  4
