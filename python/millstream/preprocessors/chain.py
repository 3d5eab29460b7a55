"""Several preprocessors, one after the other."""

from __future__ import annotations

from typing import Any

from millstream.dataset import Dataset
from millstream.preprocessor import Preprocessor


class Chain(Preprocessor):
    """Each preprocessor on what the one before it makes.

        Chain(SimpleImputer(["x", "y"]), StandardScaler(["x", "y"]), Concatenator(["x", "y"]))

    `fit` fits each to the rows that those before it give.
    """

    def __init__(self, *preprocessors: Preprocessor) -> None:
        super().__init__()
        for preprocessor in preprocessors:
            if not isinstance(preprocessor, Preprocessor):
                raise TypeError(f"Chain takes preprocessors, not {type(preprocessor).__name__}")
        self._preprocessors = preprocessors

    @property
    def preprocessors(self) -> tuple[Preprocessor, ...]:
        """In their order."""
        return self._preprocessors

    def fit_status(self) -> Preprocessor.FitStatus:
        """NOT_FITTABLE where none can be fitted, PARTIALLY_FITTED where some of them are fitted."""
        kinds = Preprocessor.FitStatus
        found = {preprocessor.fit_status() for preprocessor in self._preprocessors} - {kinds.NOT_FITTABLE}
        if not found:
            return kinds.NOT_FITTABLE
        return found.pop() if len(found) == 1 else kinds.PARTIALLY_FITTED

    def get_input_columns(self) -> list[str]:
        """Those that are not made by one of its own."""
        read: dict[str, None] = {}
        made: set[str] = set()
        for preprocessor in self._preprocessors:
            read.update(dict.fromkeys(name for name in preprocessor.get_input_columns() if name not in made))
            made.update(preprocessor.get_output_columns())
        return list(read)

    def get_output_columns(self) -> list[str]:
        """All that its own write, also those that a later one takes away."""
        return list(dict.fromkeys(name for each in self._preprocessors for name in each.get_output_columns()))

    def _fit(self, ds: Dataset) -> Preprocessor:
        for preprocessor in self._preprocessors[:-1]:
            ds = preprocessor.fit_transform(ds)
        self._preprocessors[-1].fit(ds)
        return self

    def _transform(self, ds: Dataset, *args: Any, **options: Any) -> Dataset:
        for preprocessor in self._preprocessors:
            ds = preprocessor._transform(ds, *args, **options)
        return ds

    def _transform_batch(self, data: Any) -> Any:
        for preprocessor in self._preprocessors:
            data = preprocessor.transform_batch(data)
        return data

    def _arguments(self) -> dict[str, Any]:
        return {"preprocessors": list(self._preprocessors)}

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self._preprocessors))})"
