"""`python -m streams` is the command `plainscore`."""

import sys

from streams.cli.main import main

sys.exit(main())
