An empty list withdraws as a tombstone does, and a tombstone is written in its place.
covers: withdrawal-by-empty-list, receipt, written-in-force, withdrawal-erases
scorecards: plain.1, rider

consent  anna 2025-01-01 plain purchases from 2025-01-01 and rider fines from 2025-01-01
purchase anna 2025-01-05 shop p1 books 9.00 USD x 10
consent  anna 2025-01-06 nothing [receipt r-1]
> receipt r-1 scorecards 2 entries 1 shares 0 withdrawn 2025-01-06
> rewritten consents anna 1 withdrawn
> gone   anna plain
> gone   anna rider
> forgotten anna
# Nothing is held of ben, and the receipt says so.
withdraw ben 2025-01-07 [receipt r-2]
> receipt r-2 scorecards 0 entries 0 shares 0 withdrawn 2025-01-07
> changes ben 0
