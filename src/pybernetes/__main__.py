"""`python -m pybernetes` is the `pybernetes` command."""

import sys

from .cli import main

sys.exit(main())
