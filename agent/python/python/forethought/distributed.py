"""Training by several processes, connected by ``torch.distributed``::

    # train_together.py, started by: torchrun --nproc-per-node 2 train_together.py
    import forethought, numpy as np
    from forethought.distributed import TorchExchange

    data = np.load("robot.npz")
    forethought.train(data["observations"], data["actions"], timeouts=data["timeouts"], out="runs/robot", threads=1,
                      exchange=TorchExchange())

Two processes, or four, end in the bytes that one would have left. Needs ``torch`` (its CPU build serves).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray


class TorchExchange:
    """Gathers over a process group of ``torch.distributed``; the default one, which is made by ``gloo`` where there is none yet.

    Raises RuntimeError where torch was not told of a group (start with ``torchrun``), and where a process is lost.
    """

    def __init__(self, group: Any = None) -> None:
        # By name, as type checkers need not have it.
        torch: Any = import_module("torch")
        together: Any = import_module("torch.distributed")

        if not together.is_initialized():
            together.init_process_group("gloo")
        self._torch, self._together, self._group = torch, together, group
        self.rank: int = together.get_rank(group)
        """Number of this process, from 0."""
        self.size: int = together.get_world_size(group)
        """Processes in all."""

    def gather(self, own: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bytes of all processes in the order of their numbers."""
        everything = self._torch.empty(self.size * own.size, dtype=self._torch.uint8)
        parts = list(everything.chunk(self.size))
        self._together.all_gather(parts, self._torch.from_numpy(own), group=self._group)
        gathered: NDArray[np.uint8] = everything.numpy()
        return gathered
