"""Own the question which process of a distributed training this is."""

from __future__ import annotations

import os

RUN_DIR_VARIABLE = "ZOO_RUN_DIR"
"""Set by the first process for those it starts, so that all use one run folder."""
RANK_VARIABLES = ("RANK", "SLURM_PROCID", "LOCAL_RANK")


def rank() -> int:
    """Return the number of this process as the launcher states it; 0 without a launcher."""
    for name in RANK_VARIABLES:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return 0


def is_follower() -> bool:
    """Tell whether this process only computes its share and leaves files and screen to the first one."""
    return rank() > 0
