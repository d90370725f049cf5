Of two openings the earliest counts, and at one time the smaller statement is kept.
covers: smaller-statement, statement, thirty-days
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
dispute  anna 2025-01-06 d1 open fine police f1 2025-01-03 saying "B"
dispute  anna 2025-01-06 d1 open fine police f1 2025-01-03 saying "C"
> statements anna B
dispute  anna 2025-01-06 d1 open fine police f1 2025-01-03 saying "A"
> statements anna A
dispute  anna 2025-01-05 d1 open fine police f1 2025-01-03 saying "Z"
> statements anna Z

# The 30 days run from the earliest opening: 02-04 is in time, 02-05 would be from the second only.
dispute  anna 2025-02-05 d1 reject fine police f1 2025-01-03
> score  anna plain 600 plus
> statements anna none
> ledger anna 1
