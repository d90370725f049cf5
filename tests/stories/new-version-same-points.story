A new version that counts the same is a change all the same: it says which page made the score.
covers: versions, version-re-scores
scorecards: plain.1

consent  anna 2025-02-10 plain purchases from 2025-02-01
purchase anna 2025-02-10 shop p1 books 9.00 USD x 20
publish  plain.2-same
> change anna plain 1 none -> 600 plus by consents consents-0-0 version 1
> change anna plain 2 600 -> 620 plus by purchases p1 version 1

tick     2025-03-01T13:00
> change anna plain 3 620 -> 620 plus by scorecard plain@2 as-of 2025-03-01T13:00 version 2 reasons bought
> score  anna plain 620 plus
