"""Makes the modules of this folder importable: a script's tests stand beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
