Where compaction would keep a bad record, what is in force is written again.
covers: written-in-force, gate
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
consent  anna 2025-01-02 plain purchases from 2025-01-20                # more than a day ahead
> dead   consents covers_from_ahead
> rewritten consents anna 1 standing
consent  anna 2025-01-03 plain fines from 2025-01-03 [cut 2]
> dead   consents undecodable
> rewritten consents anna 2 standing
purchase anna 2025-01-04 shop p1 books 9.00 USD x 10                     # the first consent holds
> score  anna plain 610 plus

share    anna 2025-01-05 bikes tier until 2026-01-01
> sees   bikes anna plain tier plus
share    anna 2025-01-06 bikes tier score until 2026-01-01 [magic 7]
> dead   shares wrong_magic
> rewritten shares anna 1 standing
share    anna 2025-01-07 nothing
> sees   bikes anna plain ended
> rewritten shares anna 2 withdrawn

# A share of somebody without consent is no share.
share    ben 2025-01-08 bikes tier until 2026-01-01
> rewritten shares ben 1 withdrawn
> dropped shares no_consent 1
> seen   bikes 2
> changes anna 2
