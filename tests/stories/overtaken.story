What a worker wrote in force does not stand in the way of a newer consent.
covers: written-in-force, gate
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
# A bad record and a good one at once: what answers the bad one comes to stand after the good one.
consent  anna 2025-01-02 plain purchases from 2025-01-01 [magic 1]
+ consent anna 2025-01-02 plain purchases fines from 2025-01-01
> dead   consents wrong_magic
> rewritten consents anna 2 standing                      # so the good one is written once more
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
> score  anna plain 570 plus
> ledger anna 1
