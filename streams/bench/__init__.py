"""The benchmark: the same events through a raw loop, plain Faust and the lane."""
