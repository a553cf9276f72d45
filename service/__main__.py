"""`python -m service COMMAND`: what ./mizon runs."""

import sys

from service.cli import main

sys.exit(main(sys.argv[1:]))
