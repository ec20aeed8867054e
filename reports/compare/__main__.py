"""`python -m reports.compare`."""

import sys

from reports.compare.build import main

if __name__ == "__main__":
    sys.exit(main())
