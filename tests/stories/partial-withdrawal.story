A citizen may leave one scorecard and stay with another.
covers: partial-withdrawal, several-scorecards, share-ends, withdrawal-erases
scorecards: plain.1, rider

consent  anna 2025-01-01 plain purchases from 2025-01-01 and rider fines from 2025-01-01
share    anna 2025-01-02 bikes tier until 2026-01-01
> sees   bikes anna plain tier plus
> sees   bikes anna rider tier prime
purchase anna 2025-01-05 shop   p1 books 9.00 USD x 10
fine     anna 2025-01-06 police f1 speeding minor 20.00 USD
> score  anna plain 610 plus
> score  anna rider 890 prime
> ledger anna 2
consent  anna 2025-01-07 plain purchases from 2025-01-01
> gone   anna rider
> sees   bikes anna rider ended
> score  anna plain 610 plus
> ledger anna 1
fine     anna 2025-01-08 police f2 speeding minor 20.00 USD
> dropped fines not_granted 1

# Coming back to it within the same consent goes on counting changes; the erased fine stays erased.
consent  anna 2025-01-09 plain purchases from 2025-01-01 and rider fines from 2025-01-01
> change anna plain 1 none -> 600 plus  by consents consents-0-0
> change anna rider 1 none -> 950 prime by consents consents-0-0
> change anna plain 2 600 -> 610 plus   by purchases p1
> change anna rider 2 950 -> 890 prime  by fines f1
> change anna rider 3 none -> 950 prime by consents consents-0-2 since 2025-01-01
> sees   bikes anna rider tier prime
> score  anna rider 950 prime
