A dispute that named an earlier time than its event's may go with a narrower grant.
covers: narrowing, dispute-acts-a-day-later
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-09T12:00 police f1 parking minor 20.00 USD
dispute  anna 2025-01-10 d1 open fine police f1 2025-01-09T12:00
fine     anna 2025-01-10T06:00 police f1 parking minor 20.00 USD     # sent again, 18 hours later
> score  anna plain 600 plus
consent  anna 2025-01-11 plain fines from 2025-01-10
> score  anna plain 570 plus
> ledger anna 1
dispute  anna 2025-01-12 d2 open fine police f1 2025-01-10T06:00     # it can be disputed by its time
> score  anna plain 600 plus
> changes anna 5     # consent, fine, dispute, narrower grant, dispute
