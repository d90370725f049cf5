A consent, a share and a tick that cannot stand change nothing.
covers: gate, written-in-force
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
consent  anna 2025-01-05 plain purchases from 2025-01-06T00:00:00.001
> dead   consents covers_from_ahead
share    anna 2025-01-05 neighbours tier until 2026-01-01
> dead   shares unknown_audience
share    anna 2025-01-05 bikes tier until 2026-01-01 and neighbours tier until 2026-01-01
> dead   shares unknown_audience
tick     2025-01-09 [sent 2025-01-07T12:00]
> dead   ticks tick_ahead
> seen   bikes 0
> as-of  anna 2025-01-01
> rewritten consents anna 1 standing
> rewritten shares anna 2 withdrawn
consent  anna 2025-01-05 plain purchases from 2025-01-06                   # a day ahead, and good
> as-of  anna 2025-01-06
> score  anna plain 600 plus
> changes anna 1
> dead-letters 4
# A first consent that is bad names somebody without consent: nothing is kept.
consent  ben 2025-01-05 plain purchases from 2025-02-01
> dropped consents no_consent 1
> rewritten consents ben 1 withdrawn
> ledger ben 0
