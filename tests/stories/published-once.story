A published version never changes: of two documents of one name and number the first stands.
covers: versions, explained
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10
publish  plain.1-other                                    # it would make a thing bought five points
tick     2025-01-03
purchase anna 2025-01-04 shop p2 books 9.00 USD x 10
> score  anna plain 620 plus
> changes anna 3
