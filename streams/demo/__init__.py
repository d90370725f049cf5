"""The parts of `plainscore demo`: its records, the worker that it kills, who looks on, the proof."""
