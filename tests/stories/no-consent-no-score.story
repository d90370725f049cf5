Without a consent on record nobody is scored, and nothing of them is kept.
covers: voluntary, gate
scorecards: everyday, rider

purchase anna 2025-01-02 shop   p1 music 40.00 USD
fine     anna 2025-01-03 police f1 speeding severe 90.00 USD
payment  anna 2025-01-04 energy b1 power 60.00 USD due 2025-01-03 missed
purchase anna 2025-01-05 shop   p2 music -4.00 USD          # bad, and still nobody's business
correct  anna 2025-01-05 c1 shop retract purchase shop p1 2025-01-02
dispute  anna 2025-01-05 d1 open fine police f1 2025-01-03
share    anna 2025-01-06 bikes tier until 2025-06-01
tick     2025-02-01

> unscored anna everyday
> unscored anna rider
> ledger   anna 0
> changes  anna 0
> dead-letters 0
> dropped  purchases no_consent 2
> dropped  fines no_consent 1
> dropped  payments no_consent 1
> dropped  corrections no_consent 1
> dropped  disputes no_consent 1
> dropped  shares no_consent 1
> forgotten anna
