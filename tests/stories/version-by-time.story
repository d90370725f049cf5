The version in force is the one of the citizen's own time, and the first holds for all time before.
covers: versions, time-is-an-event
scorecards: plain.1, plain.2

consent  anna 2023-06-01 plain purchases from 2023-06-01       # before version 1 begins
purchase anna 2023-06-02 shop p1 books 9.00 USD x 3
> change anna plain 1 none -> 600 plus by consents consents-0-0 version 1
> change anna plain 2 600 -> 603 plus by purchases p1 version 1
consent  ben  2025-02-28 plain purchases from 2025-02-28
purchase ben  2025-02-28T23:59 shop p2 books 9.00 USD x 3
> change ben plain 1 none -> 600 plus by consents consents-0-1 version 1
> change ben plain 2 600 -> 603 plus by purchases p2 version 1
purchase ben  2025-03-01 shop p3 books 9.00 USD x 3            # from the first moment of the day
> change ben plain 3 603 -> 606 plus by scorecard plain@2 version 2
> change ben plain 4 606 -> 612 plus by purchases p3 version 2
# A late event does not bring the old version back.
purchase ben  2025-02-28 shop p4 books 9.00 USD x 1
> change ben plain 5 612 -> 614 plus by purchases p4 as-of 2025-03-01 version 2
> score  anna plain 603 plus
> score  ben  plain 614 plus
