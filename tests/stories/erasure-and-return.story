Withdrawal erases, with a receipt; who comes back begins anew.
covers: withdrawal-erases, receipt, erasure-and-return, new-since, share-ends
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
share    anna 2025-01-02 bikes tier until 2026-01-01
> sees   bikes anna plain tier plus
purchase anna 2025-01-05 shop p1 books 9.00 USD x 10
purchase anna 2025-01-20 shop p2 books 9.00 USD x 10
> score  anna plain 620 plus

withdraw anna 2025-02-10 [receipt r-77]
> gone   anna plain
> sees   bikes anna plain ended
> receipt r-77 scorecards 1 entries 2 shares 1 withdrawn 2025-02-10
> ledger anna 0
> forgotten anna
> rewritten shares anna 1 withdrawn
purchase anna 2025-02-11 shop p3 books 9.00 USD x 10

# The time of the first consent is forgotten with the rest: it begins again on January 10.
consent  anna 2025-03-01 plain purchases from 2025-01-10
> change anna plain 1 none -> 600 plus by consents consents-0-0 since 2025-01-01
> change anna plain 2 600 -> 610 plus by purchases p1
> change anna plain 3 610 -> 620 plus by purchases p2
> change anna plain 1 none -> 600 plus by consents consents-0-2 as-of 2025-01-10 since 2025-03-01
> as-of  anna 2025-01-10
purchase anna 2025-01-05 shop p1 books 9.00 USD x 10        # before the new date
purchase anna 2025-01-20 shop p2 books 9.00 USD x 10        # sent again, and allowed again
> change anna plain 2 600 -> 610 plus by purchases p2 since 2025-03-01
> score  anna plain 610 plus
> ledger anna 1
> seen   bikes 2                                            # the share went with the rest
> dropped purchases no_consent 1
> dropped purchases not_granted 1
