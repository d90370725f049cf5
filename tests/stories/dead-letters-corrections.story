Only the source corrects, and only fields that the kind of event has.
covers: gate, not-the-source
scorecards: plain.1

consent  anna 2025-01-01 plain purchases fines from 2025-01-01
fine     anna 2025-01-02 police f1 parking minor 20.00 USD
correct  anna 2025-01-03 c1 town   retract fine police f1 2025-01-02
> dead   corrections not_the_source
correct  anna 2025-01-03 c1 police replace fine police f1 2025-01-02 category books
> dead   corrections not_a_field
correct  anna 2025-01-03 c1 bank   retract loans bank l1 2025-01-02
> dead   corrections unknown_kind
> score  anna plain 570 plus
correct  anna 2025-01-03 c1 police retract fine police f1 2025-01-02
> score  anna plain 600 plus
correct  anna 2025-01-03 c2 energy retract payment energy b1 2025-01-02
> dropped corrections not_granted 1
> dead-letters 3
