"""The contract's pinned bytes; `python -m tests.golden` rewrites them on purpose."""
