"""Faults drawn from seeds, on real workers and a real Kafka, and what must hold after them.

`python -m tests.faults SEED` runs the schedule of a seed again.
"""
