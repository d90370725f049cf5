A dispute acts on its event sent again up to a day later, and on any earlier time.
covers: dispute-acts-a-day-later, dispute-acts-earlier, later-fact-wins
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
dispute  anna 2025-01-04 d1 open fine police f1 2025-01-03
> score  anna plain 600 plus
fine     anna 2025-01-03T00:00:00.001 police f1 parking minor 20.00 USD   # sent again a millisecond later
> score  anna plain 600 plus
fine     anna 2025-01-04 police f1 parking minor 20.00 USD                # a day later
> score  anna plain 600 plus
fine     anna 2025-01-04T00:00:00.001 police f1 parking minor 20.00 USD   # later than a day: another matter
> score  anna plain 570 plus
> ledger anna 1

# Named by a later time than the event's own: it acts.
fine     anna 2025-01-05 police f2 parking minor 20.00 USD
> score  anna plain 540 plus
dispute  anna 2025-01-20 d2 open fine police f2 2025-01-19
> score  anna plain 570 plus
> ledger anna 2
> changes anna 6   # consent, fine, dispute, fine a day later, fine, dispute
