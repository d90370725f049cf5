Several grants cover together, and each scorecard reads only what it was itself granted.
covers: grants-together, several-scorecards, covers-from
scorecards: plain.1, rider

consent  anna 2025-01-10 plain purchases from 2025-01-01 and rider fines from 2025-01-10
fine     anna 2025-01-05 police f1 speeding minor 40.00 USD              # before either grant's date
fine     anna 2025-01-12 police f2 speeding minor 40.00 USD              # -60 by rider, plain has no such grant
purchase anna 2025-01-13 shop p1 books 9.00 USD x 5
> score  anna rider 890 prime                                            # held within the period
> score  anna plain 605 plus
> ledger anna 2
> dropped fines not_granted 1

# A grant of fines to plain lets it read what is already stored for rider.
consent  anna 2025-01-14 plain purchases from 2025-01-01 and plain fines from 2025-01-01 and rider fines from 2025-01-10
# The fine is of this period: the tier that the period began with, at 600, is held.
> score  anna plain 575 plus
> points anna plain base 600 bought 5 fined -30
> ledger anna 2
