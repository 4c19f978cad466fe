"""How much memory this process has used at most."""

from __future__ import annotations

import sys


def peak_memory_bytes() -> int | None:
    """Return the peak resident memory of this process in bytes, or None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
