"""`python -m annotools`."""

import sys

from annotools.cli import main

if __name__ == "__main__":
    sys.exit(main())
