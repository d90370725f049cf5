A decision that comes, or is dated, before its opening counts once the opening is there.
covers: decision-before-open, decision-dated-before-open, dispute-before-event
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
dispute  anna 2025-01-12 d1 uphold fine police f1 2025-01-03      # waits
> score  anna plain 570 plus
dispute  anna 2025-01-10 d1 open fine police f1 2025-01-03
> score  anna plain 600 plus

# A rejection dated before the opening: the event stays.
fine     anna 2025-01-13 police f2 parking minor 20.00 USD
dispute  anna 2025-01-14 d2 open   fine police f2 2025-01-13
> score  anna plain 600 plus
dispute  anna 2025-01-13T18:00 d2 reject fine police f2 2025-01-13
> score  anna plain 570 plus

# A dispute of an event that has not come yet waits for it.
dispute  anna 2025-01-15 d3 open fine police f3 2025-01-14
> score  anna plain 570 plus
> ledger anna 3
fine     anna 2025-01-14 police f3 parking minor 20.00 USD
> score  anna plain 570 plus
> points anna plain base 600 fined -30
> ledger anna 3
