"""Moves batches of tensors to a device while the ones before them are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.data_pass import Transfer
from millstream.torch_batch import map_tensors

if TYPE_CHECKING:
    import torch


def transfer_to(device: torch.device, ahead: int) -> Transfer | None:
    """How batches get to `device`; None for the CPU, where they are already."""
    if device.type == "cpu":
        return None
    return CudaTransfer(device, ahead) if device.type == "cuda" else PlainTransfer(device)


class PlainTransfer:
    """Copies each batch when it is asked for."""

    ahead = 0

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def begin(self, value: Any) -> Any:
        return map_tensors(value, lambda tensor: tensor.to(self._device, non_blocking=True))

    def finish(self, begun: Any) -> Any:
        return begun


class CudaTransfer:
    """Copies from pinned memory on a side stream, so that copies and the consumer's kernels overlap.

    `ahead` batches are on their way, or lie on the device, beside the one handed out. The consumer's stream waits
    for the copy of its batch, never the host for the device.
    """

    def __init__(self, device: torch.device, ahead: int) -> None:
        self.ahead = ahead
        self._device = device
        self._side: torch.cuda.Stream | None = None

    def begin(self, value: Any) -> Any:
        import torch

        if self._side is None:
            self._side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        pinned = map_tensors(
            value, lambda tensor: tensor if tensor.is_cuda or tensor.is_pinned() else tensor.pin_memory()
        )
        with torch.cuda.stream(self._side):
            moved = map_tensors(pinned, lambda tensor: tensor.to(self._device, non_blocking=True))
        # torch keeps pinned blocks from reuse until the copies from them are done.
        return moved, self._side.record_event()

    def finish(self, begun: Any) -> Any:
        import torch

        moved, copied = begun
        current = torch.cuda.current_stream(self._device)
        current.wait_event(copied)

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.is_cuda:
                tensor.record_stream(current)
            return tensor

        return map_tensors(moved, keep)
