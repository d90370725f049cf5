A grant for a scorecard that nobody has published yet waits for it.
covers: unknown-scorecard, first-change, versions
scorecards: rider

consent  anna 2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 books 9.00 USD x 7
> unscored anna plain
> ledger anna 1
publish  plain.1
tick     2025-01-03
> change anna plain 1 none -> 607 plus by scorecard plain@1 as-of 2025-01-03
> score  anna plain 607 plus
