A version in the shadow runs along on a topic of its own, and nothing else comes of it.
covers: shadow, audiences-see-what-was-granted
scorecards: plain.1, plain.3-shadow

# In the shadow from February on a thing bought would be three points.
consent  anna 2025-01-30 plain purchases from 2025-01-01
share    anna 2025-01-30 bank tier score until 2026-01-01
> sees   bank anna plain tier plus score 600
purchase anna 2025-01-30 shop p1 books 9.00 USD x 10
> change anna plain 1 none -> 600 plus by consents consents-0-0
> change anna plain 2 600 -> 610 plus by purchases p1
> sees   bank anna plain tier plus score 610
purchase anna 2025-02-01 shop p2 books 9.00 USD x 10
> shadow anna plain 1 none -> 630 plus by scorecard plain@3 version 3
> shadow anna plain 2 630 -> 660 extra by purchases p2 version 3
> change anna plain 3 610 -> 620 plus by purchases p2 version 1
> sees   bank anna plain tier plus score 620
> score  anna plain 620 plus
> perks  anna plain free_returns
> seen   bank 3
