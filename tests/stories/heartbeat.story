Each tick beats in every compacted topic, and the beat is nobody's.
covers: heartbeat, tick
scorecards: plain.1
partitions: 2

consent  anna 2025-01-01 plain purchases from 2025-01-01
tick     2025-01-02
tick     2025-01-03
> heartbeats consents 4
> heartbeats shares 4
> heartbeats scores 4
> heartbeats citizens-changelog 4
> heartbeats ledger-changelog 4
> heartbeats score-changes 0
> score  anna plain 600 plus
> changes anna 1
> as-of  anna 2025-01-03
> dead-letters 0
