"""`python -m dnpm` is the `dnpm` command.

Python itself takes `dnpm` and a few modules of its library from the working directory before this line: where
strangers' files lie, use the command `dnpm`, or `python -I -m dnpm`.
"""

import sys

if not sys.flags.safe_path:
    # `python -m` puts the working directory there: whatever lies in it must not be taken for a module.
    del sys.path[0]

from .core.cli.main import main

sys.exit(main())
