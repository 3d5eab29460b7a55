"""What a `collate_fn` of `iter_torch_batches` may be: a subclass says which form of batch it wants to be given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

BatchT = TypeVar("BatchT")


class CollateFn(ABC, Generic[BatchT]):
    """Turns a batch into what the training step takes. Tensors it returns are moved to the device; anything else is
    left as it is.
    """

    @abstractmethod
    def __call__(self, batch: BatchT) -> Any: ...


class ArrowBatchCollateFn(CollateFn[Any]):
    """Is given a pyarrow.Table."""


class NumpyBatchCollateFn(CollateFn[Any]):
    """Is given a dict of numpy arrays, as a plain function is."""


class PandasBatchCollateFn(CollateFn[Any]):
    """Is given a pandas.DataFrame."""
