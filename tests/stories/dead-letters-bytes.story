Bytes that cannot be read become dead letters, and never stop what follows.
covers: gate
scorecards: plain.1

consent  anna 2025-01-01 plain purchases from 2025-01-01
consent  ben  2025-01-01 plain purchases from 2025-01-01
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [magic 1]
> dead   purchases wrong_magic
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [json]
> dead   purchases wrong_magic
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [schema 999]
> dead   purchases unknown_schema
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [cut 3]
> dead   purchases undecodable
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [append more]
> dead   purchases undecodable
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [no value]
> dead   purchases null_value
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [big 70000]
> dead   purchases oversized
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10 [key ben]
> dead   purchases key_mismatch
> score  anna plain 600 plus
purchase anna 2025-01-02 shop p1 books 9.00 USD x 10
> score  anna plain 610 plus

# The gate comes first here too: of whoever has no consent nothing is kept.
purchase cleo 2025-01-02 shop p2 books 9.00 USD x 10 [cut 3]
purchase cleo 2025-01-02 shop p2 books 9.00 USD x 10 [key anna]
purchase anna 2025-01-02 shop p2 books 9.00 USD x 10 [key cleo]
purchase cleo 2025-01-02 shop p2 books -9.00 USD
> dropped purchases no_consent 4
> untraced cleo
purchase cleo 2025-01-02 shop p2 books 9.00 USD x 10 [no key] [magic 1]    # it names nobody who can be known
> dead   purchases wrong_magic
> dead-letters 9
