"""torch's DataLoader: JPEG files decoded and scaled by Pillow in worker processes, the default collate."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from workloads import readers
from workloads.measure import run
from workloads.peer import Batch, Peer

# Pillow's memory is read-only and torch has no such tensors; nobody writes to these.
warnings.filterwarnings("ignore", message="The given NumPy array is not writ")


class Pictures:
    """A map-style data set."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        import numpy
        from PIL import Image

        with Image.open(self.paths[index]) as stored:
            scaled = stored.convert("RGB").resize((readers.SIDE, readers.SIDE), Image.Resampling.BILINEAR)
        return numpy.asarray(scaled)


class Torch(Peer):
    modules = ("torch", "torch.utils.data", "PIL.Image", "PIL.JpegImagePlugin")
    reader_modules = ("multiprocessing.popen_fork", "multiprocessing.queues")
    uses_processes = True

    def pictures(self) -> Iterator[Batch]:
        from torch.utils.data import DataLoader

        files = Pictures(sorted(Path(self.data).iterdir()))
        loader = DataLoader(files, batch_size=readers.PICTURE_BATCH_ROWS, num_workers=self.threads)
        return ({"image": batch.numpy()} for batch in loader)


if __name__ == "__main__":
    run(Torch)
