A record in another partition than its citizen's is moved there, once.
covers: misplaced
scorecards: plain.1
partitions: 4

consent  anna 2025-01-01 plain purchases from 2025-01-01 [elsewhere]
> forwarded consents 1
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [elsewhere]
> forwarded purchases 1
> score  anna plain 610 plus
purchase anna 2025-01-03 shop p2 books 9.00 USD x 10 [no key] [elsewhere]
> forwarded purchases 2
> score  anna plain 620 plus
purchase anna 2025-01-04 shop p3 books 9.00 USD x 10 [no key]            # in the right place
purchase anna 2025-01-05 shop p4 books 9.00 USD x 10 [moved]             # the mark means nothing there
> score  anna plain 640 plus
purchase anna 2025-01-06 shop p5 books 9.00 USD x 10 [elsewhere] [moved]
> dead   purchases misplaced
> score  anna plain 640 plus
> ledger anna 4
> dead-letters 1

# Moved with the time of sending that it came with: this one is more than a day ahead of it.
purchase anna 2025-01-09 shop p6 books 9.00 USD x 10 [sent 2025-01-07] [elsewhere]
> dead   purchases too_late
> forwarded purchases 3
> dead-letters 2
