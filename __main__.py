"""`python -m dnpm` is the `dnpm` command."""

import sys

from .core.cli.main import main

sys.exit(main())
