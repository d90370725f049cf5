Whom a citizen shares with, or who else shares, moves no score.
covers: sharing-outbound-only, audiences-see-what-was-granted
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 2025-01-01
consent  ben  2025-01-01 plain purchases fines from 2025-01-01
share    anna 2025-01-02 bikes tier score until 2026-01-01
share    ben  2025-01-02 bikes tier score until 2026-01-01
> sees   bikes anna plain tier plus score 600
> sees   bikes ben plain tier plus score 600
fine     ben  2025-01-03 police f1 parking minor 20.00 USD
fine     ben  2025-01-04 police f2 parking minor 20.00 USD
> sees   bikes ben plain tier plus score 570
> sees   bikes ben plain tier plus score 540
> score  ben  plain 540 plus
> score  anna plain 600 plus
> changes anna 1
> as-of  anna 2025-01-01
