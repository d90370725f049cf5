"""The parts of `plainscore demo`: its records, the worker that it kills, an outsider, the proof."""
