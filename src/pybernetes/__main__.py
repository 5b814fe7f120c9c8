"""`python -m pybernetes` is the `pybernetes` command."""

import sys

from .launch import main

sys.exit(main())
