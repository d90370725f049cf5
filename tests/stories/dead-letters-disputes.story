A dispute is sent when it is made, within 500 characters, about a kind that exists.
covers: gate, statement
scorecards: plain.1

consent  anna 2025-01-01 plain fines from 2025-01-01
fine     anna 2025-01-02 police f1 parking minor 20.00 USD
dispute  anna 2025-01-10 d1 open loans bank l1 2025-01-02
> dead   disputes unknown_kind
dispute  anna 2025-01-10 d1 open fine police f1 2025-01-02 [sent 2025-01-11T00:00:00.001]
> dead   disputes dispute_out_of_time
dispute  anna 2025-01-10 d1 open fine police f1 2025-01-02 [sent 2025-01-08T23:59]
> dead   disputes dispute_out_of_time
dispute  anna 2025-01-10 d1 open fine police f1 2025-01-02 saying x*501
> dead   disputes statement_too_long
> score  anna plain 570 plus
dispute  anna 2025-01-10 d1 open fine police f1 2025-01-02 saying x*500 [sent 2025-01-11]
> score  anna plain 600 plus
# Of a kind that was not granted it is dropped as an event of that kind is.
dispute  anna 2025-01-10 d2 open payment energy b1 2025-01-02
> dropped disputes not_granted 1
> dead-letters 4
