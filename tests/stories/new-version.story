A new version of a scorecard scores again, from the ledger, at the next event or tick.
covers: versions, version-re-scores, one-change-per-record, explained
scorecards: plain.1

# From March on a thing bought is two points, a bill on time five, and fines no longer count.
consent  anna 2025-02-10 plain purchases payments fines from 2025-02-01
purchase anna 2025-02-10 shop   p1 books 9.00 USD x 20
payment  anna 2025-02-11 energy b1 power 60.00 USD due 2025-02-12 paid 2025-02-11   # version 1 does not count it
fine     anna 2025-02-12 police f1 parking minor 20.00 USD
consent  ben  2025-02-10 plain purchases payments fines from 2025-02-01
purchase ben  2025-02-10 shop   p2 books 9.00 USD x 20
publish  plain.2
tick     2025-02-28T23:59
> score  anna plain 590 plus
> score  ben  plain 620 plus

# ben's next event comes before any tick: a change for the version, then one for the event.
purchase ben  2025-03-01T12:00 shop p3 books 9.00 USD x 1
> change anna plain 1 none -> 600 plus by consents consents-0-0  version 1
> change anna plain 2 600 -> 620 plus by purchases p1
> change anna plain 3 620 -> 590 plus by fines f1 version 1
> change ben  plain 1 none -> 600 plus by consents consents-0-1
> change ben  plain 2 600 -> 620 plus by purchases p2 version 1
> change ben  plain 3 620 -> 640 plus by scorecard plain@2 as-of 2025-03-01T12:00 version 2
> moved  bought 20 -> 40
> change ben  plain 4 640 -> 642 plus by purchases p3 version 2

# anna's comes with the tick, and lists what only one of the versions counts.
tick     2025-03-01T13:00
> change anna plain 4 590 -> 645 plus by scorecard plain@2 as-of 2025-03-01T13:00 version 2 reasons fined bought on_time
> moved  bought 20 -> 40 on_time 0 -> 5 fined -30 -> 0
> points anna plain base 600 bought 40 on_time 5
> score  anna plain 645 plus
> score  ben  plain 642 plus
> ledger anna 3
