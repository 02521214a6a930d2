"""`python -m voice2face`, as `torchrun -m voice2face` starts it on several processes."""

import sys

from voice2face.cli import main

if __name__ == "__main__":
    sys.exit(main())
