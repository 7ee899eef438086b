"""`python -m mmgeo_jax COMMAND ...`: the command line, from a checkout."""

import sys

from mmgeo_jax.cli import main

sys.exit(main())
