"""One batch of one partition: decode, gate, merge, apply, encode.

No broker, no disk, no clock: the tables, the place for output and the scorecards are given. What
was put into the tables and produced here counts only if the caller's transaction commits.
"""
