A share that was sent before a withdrawal does not outlive it, though it is read after it.
covers: share-ends, erasure-and-return, audiences-see-what-was-granted
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
withdraw anna 2025-01-20 [receipt r-1]
+ consent anna 2025-01-30 plain purchases from 2025-01-30
> receipt r-1 scorecards 1 entries 0 shares 0 withdrawn 2025-01-20

# Topics have no order among each other, and a record that was moved comes late.
share    anna 2025-01-10 bikes tier score until 2026-01-01
> seen   bikes 0
> rewritten shares anna 1 withdrawn
> dropped shares no_consent 1
share    anna 2025-01-30 bikes tier until 2026-01-01
> sees   bikes anna plain tier plus
share    anna 2025-01-10 bikes score until 2026-01-01      # what is in force has the last word
> seen   bikes 1
> rewritten shares anna 2 standing
> dropped shares no_consent 2
> score  anna plain 600 plus
