A dispute takes its event out at once, and a decision for the source brings it back.
covers: disputes-and-corrections, dispute-opens, dispute-rejected, statement, disputes-move-no-time
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 2025-01-01
purchase anna 2025-01-02 shop   p1 books 9.00 USD x 10
fine     anna 2025-01-03 police f1 parking minor 20.00 USD
> score  anna plain 580 plus

dispute  anna 2025-01-10 d1 open fine police f1 2025-01-03 saying "My car was in the garage."
> score  anna plain 610 plus
> points anna plain base 600 bought 10
> statements anna "My car was in the garage."
> as-of  anna 2025-01-03                     # a dispute moves no time

dispute  anna 2025-01-20 d1 reject fine police f1 2025-01-03
> score  anna plain 580 plus
> points anna plain base 600 bought 10 fined -30
> statements anna none                       # kept no longer than until it is decided
> as-of  anna 2025-01-03
> changes anna 5                             # consent, purchase, fine, dispute, decision
