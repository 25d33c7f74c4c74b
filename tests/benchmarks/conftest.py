"""The benchmarks are no part of any distribution: they are found in the clone."""

import sys
from pathlib import Path

# At the end, so that nothing in the clone hides what is installed.
sys.path.append(str(Path(__file__).parents[2]))
