"""What each worker would begin with, done once, in the process that they are forked from."""

import inspect
from contextlib import suppress

from streams.codec import Undecodable, decode
from streams.topics import INPUTS
from tests.faults import worker

# Faust asks for an agent's module, and Python looks through all of them the first time.
inspect.getmodule(worker.work.__code__)
for _topic in (*INPUTS, "scorecards"):
    with suppress(Undecodable):
        decode(_topic, b"")  # it has no reader before
