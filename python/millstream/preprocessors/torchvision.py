"""Images through a transform of torchvision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from millstream.arguments import check_flag
from millstream.dataset import Dataset
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.columns import checked_names, checked_outputs


class TorchVisionPreprocessor(Preprocessor):
    """Each image, or batch of images, through a transform.

    Args:
        columns: Of images: arrays of height, width and channels.
        transform: Takes a torch.Tensor, or where it raises TypeError for that a numpy array, and returns one of them.
        output_columns: Names of the results; None writes over the columns.
        batched: Whether the transform takes a batch of images, and not one.
    """

    _is_fittable = False

    def __init__(
        self,
        columns: list[str],
        transform: Callable[[Any], Any],
        output_columns: list[str] | None = None,
        batched: bool = False,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        if not callable(transform):
            raise TypeError(f"transform takes a transform of torchvision, not {type(transform).__name__}")
        self._torchvision_transform = transform
        self.output_columns = checked_outputs(self.columns, output_columns)
        self.batched = check_flag(batched, "batched")

    @property
    def torchvision_transform(self) -> Callable[[Any], Any]:
        """The transform."""
        return self._torchvision_transform

    @classmethod
    def preferred_batch_format(cls) -> str:
        return "numpy"

    def _arguments(self) -> dict[str, Any]:
        return super()._arguments() | {"transform": self._torchvision_transform}

    def _transform(self, ds: Dataset, *args: Any, **options: Any) -> Dataset:
        ds.select_columns(self.columns)  # KeyError where the plan knows that one is not there
        return super()._transform(ds, *args, **options)

    def _transform_numpy(self, np_data: dict[str, Any]) -> dict[str, Any]:
        results = {}
        for column, output in zip(self.columns, self.output_columns, strict=True):
            if column not in np_data:
                raise KeyError(f"TorchVisionPreprocessor: no column {column!r} (columns: {', '.join(np_data)})")
            images = np_data[column]
            results[output] = self._applied(images) if self.batched else [self._applied(image) for image in images]
        return np_data | results

    def _applied(self, images: Any) -> Any:
        import numpy
        import torch

        try:
            result = self._torchvision_transform(torch.as_tensor(numpy.array(images)))
        except TypeError:  # ToTensor and others take arrays only
            result = self._torchvision_transform(images)
        if isinstance(result, torch.Tensor):
            result = result.numpy(force=True)
        if not isinstance(result, numpy.ndarray):
            raise TypeError(
                "TorchVisionPreprocessor: the transform must return a torch.Tensor or a numpy.ndarray, not "
                f"{type(result).__name__}"
            )
        return result
