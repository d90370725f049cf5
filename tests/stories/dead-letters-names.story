A record must name its citizen, its source and itself.
covers: gate
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 2025-01-01
purchase ""   2025-01-02 shop p1 books 9.00 USD
> dead   purchases empty_id
purchase anna 2025-01-02 ""   p1 books 9.00 USD
> dead   purchases empty_source
purchase anna 2025-01-02 shop "" books 9.00 USD
> dead   purchases empty_value
purchase anna 2025-01-02 shop x*257 books 9.00 USD
> dead   purchases bad_id
dispute  anna 2025-01-03 "" open purchase shop p1 2025-01-02
> dead   disputes empty_value
correct  anna 2025-01-03 c1 "" retract purchase "" p1 2025-01-02
> dead   corrections empty_source
> ledger anna 0
purchase anna 2025-01-02 shop x*256 books 9.00 USD                        # just short enough
> score  anna plain 601 plus
> dead-letters 6
