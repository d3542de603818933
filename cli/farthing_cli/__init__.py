"""The `farthing` command. It is never deployed.

It writes merchants and keys with the code that the functions read them with, so it takes the core
layer from where it lies: that is packaged as it stands and installed nowhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

_CORE = str(Path(__file__).resolve().parents[2] / "layers" / "core" / "python")
if _CORE not in sys.path:
    sys.path.append(_CORE)
