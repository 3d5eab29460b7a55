"""What all preprocessors have in common: fit to a data set, transform data sets and batches, travel as JSON."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from millstream.dataset import Dataset

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["Preprocessor", "PreprocessorNotFittedException"]


class PreprocessorNotFittedException(RuntimeError):  # noqa: N818  ray.data's name
    """A preprocessor was to transform rows before it was fitted."""


class Preprocessor:
    """Rows in, rows out, by what `fit` learned from a data set.

        scaler = StandardScaler(columns=["age"]).fit(train)
        scaler.transform(test)                    # a data set: lazy, in its plan
        scaler.transform_batch({"age": ages})     # a batch: now

    A null is a missing value, and so is NaN: `fit` passes over both, or says that it cannot.

    For one of your own define `_transform_pandas`, `_transform_numpy` or `_transform_arrow`, and either `_fit`, which
    sets `stats_` and returns self, or `_is_fittable = False`. Arguments of `__init__` that are kept as attributes of
    their names are written by `serialize` and shown by `repr`.
    """

    class FitStatus(StrEnum):
        """Whether a preprocessor can transform."""

        NOT_FITTABLE = "NOT_FITTABLE"  # it has nothing to learn
        NOT_FITTED = "NOT_FITTED"
        PARTIALLY_FITTED = "PARTIALLY_FITTED"  # some of a Chain's
        FITTED = "FITTED"

    _is_fittable: bool = True
    _fitted: bool = False
    _stored_version: ClassVar[int] = 1  # of the arguments and stats_ of a class in serialize()

    def __init__(self) -> None:
        self.stats_: dict[str, Any] = {}

    # ---- fitting ----
    def fit_status(self) -> Preprocessor.FitStatus:
        """Whether `transform` can be called."""
        if not self._is_fittable:
            return Preprocessor.FitStatus.NOT_FITTABLE
        learned = self._fitted or any(name.endswith("_") and value for name, value in vars(self).items())
        return Preprocessor.FitStatus.FITTED if learned else Preprocessor.FitStatus.NOT_FITTED

    def fit(self, ds: Dataset) -> Preprocessor:
        """Learns from the rows of `ds`, which runs its plan, and returns itself. What it knew before is forgotten."""
        _check_dataset("fit", ds)
        status = self.fit_status()
        if status is Preprocessor.FitStatus.NOT_FITTABLE:
            return self
        if status is not Preprocessor.FitStatus.NOT_FITTED:
            warnings.warn(
                f"{type(self).__name__} has been fitted before; fit() forgets what it learned then", stacklevel=2
            )
        self._fitted, self.stats_ = False, {}
        self._fit(ds)
        self._fitted = True
        return self

    def fit_transform(
        self,
        ds: Dataset,
        *,
        transform_num_cpus: float | None = None,
        transform_memory: float | None = None,
        transform_batch_size: int | None = None,
        transform_concurrency: int | None = None,
    ) -> Dataset:
        """`fit(ds)`, then `transform(ds)`."""
        self.fit(ds)
        return self.transform(
            ds,
            batch_size=transform_batch_size,
            num_cpus=transform_num_cpus,
            memory=transform_memory,
            concurrency=transform_concurrency,
        )

    def has_stats(self) -> bool:
        """Whether `stats_` holds anything."""
        return bool(getattr(self, "stats_", {}))

    # ---- transforming ----
    def transform(
        self,
        ds: Dataset,
        *,
        batch_size: int | None = None,
        num_cpus: float | None = None,
        memory: float | None = None,
        concurrency: int | None = None,
    ) -> Dataset:
        """The data set with the transformed columns.

        Args:
            ds: Its rows are read when those of the result are.
            batch_size: Rows a call of what Python computes; where the engine computes it, it changes nothing.
            num_cpus: Places work on a cluster: leave it out.
            memory: As `num_cpus`.
            concurrency: Workers of what Python computes.

        PreprocessorNotFittedException before `fit`. KeyError for an unknown column and TypeError for one of the wrong
        type: here where the plan knows its columns, else when it runs.
        """
        _check_dataset("transform", ds)
        self._check_fitted("transform")
        return self._transform(ds, batch_size=batch_size, num_cpus=num_cpus, memory=memory, concurrency=concurrency)

    def transform_batch(self, data: Any) -> Any:
        """One batch, transformed now: a pandas.DataFrame, a pyarrow.Table or a dict of arrays, as it was given.

        A preprocessor of your own returns what its `_transform_` method does.
        """
        self._check_fitted("transform_batch")
        return self._transform_batch(data)

    def get_input_columns(self) -> list[str]:
        """The columns that are read."""
        return getattr(self, "_columns", getattr(self, "columns", []))

    def get_output_columns(self) -> list[str]:
        """The columns that are written."""
        return getattr(self, "_output_columns", getattr(self, "output_columns", []))

    # ---- as text ----
    def serialize(self) -> str:
        """Arguments and what was learned, as JSON, which holds no code. TypeError where an argument is a function."""
        from millstream.preprocessors.stored_form import stored_form

        return stored_form(self)

    @staticmethod
    def deserialize(serialized: str | bytes) -> Preprocessor:
        """The preprocessor that `serialize` wrote. The class must be imported already, if it is your own.

        ValueError for anything else; no code in it is ever run.
        """
        from millstream.preprocessors.stored_form import restored

        return restored(serialized)

    def __repr__(self) -> str:
        shown = (f"{name}={_shown(value)}" for name, value in self._arguments().items())
        return f"{type(self).__name__}({', '.join(shown)})"

    # ---- for subclasses ----
    def _fit(self, ds: Dataset) -> Preprocessor:
        raise NotImplementedError(f"{type(self).__name__} must define _fit(ds), or set _is_fittable = False")

    def _transform_pandas(self, df: pandas.DataFrame) -> pandas.DataFrame:
        raise NotImplementedError

    def _transform_numpy(self, np_data: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _transform_arrow(self, table: pyarrow.Table) -> Any:
        raise NotImplementedError

    @classmethod
    def preferred_batch_format(cls) -> str:
        """Which method to use where several are defined: "pandas", "numpy" or "pyarrow"."""
        return "pandas"

    def _get_transform_config(self) -> dict[str, Any]:
        """Arguments for `map_batches`."""
        return {}

    def _transform(
        self,
        ds: Dataset,
        batch_size: int | None,
        num_cpus: float | None = None,
        memory: float | None = None,
        concurrency: int | None = None,
    ) -> Dataset:
        given = {"batch_size": batch_size, "num_cpus": num_cpus, "memory": memory, "concurrency": concurrency}
        batch_format = self._batch_format()
        return ds.map_batches(
            _BatchCall(self, batch_format),
            batch_format=batch_format,
            **self._get_transform_config() | {name: value for name, value in given.items() if value is not None},
        )

    def _transform_batch(self, data: Any) -> Any:
        from millstream.preprocessors.batches import converted

        batch_format = self._batch_format()
        return _BatchCall(self, batch_format)(converted(data, batch_format))

    def _batch_format(self) -> str:
        """The format whose method the class defines."""
        kind = type(self)
        own = [name for name, method in _METHODS.items() if getattr(kind, method) != getattr(Preprocessor, method)]
        if not own:
            raise NotImplementedError(f"{kind.__name__} must define one of {', '.join(_METHODS.values())}")
        return own[0] if len(own) == 1 else str(self.preferred_batch_format())

    def _arguments(self) -> dict[str, Any]:
        """What `__init__` makes the same preprocessor of."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, f"_{name}", getattr(self, name, None)) for name in names}

    def _check_fitted(self, method: str) -> None:
        if self.fit_status() in (Preprocessor.FitStatus.NOT_FITTED, Preprocessor.FitStatus.PARTIALLY_FITTED):
            raise PreprocessorNotFittedException(
                f"{type(self).__name__} is not fitted: call fit(ds) before {method}(), or fit_transform(ds) for both"
            )

    @classmethod
    def _derive_and_validate_output_columns(cls, columns: list[str], output_columns: list[str] | None) -> list[str]:
        """The names of the results: those of the columns where none are given."""
        from millstream.preprocessors.columns import checked_outputs

        return checked_outputs(columns, output_columns)


_METHODS = {"pandas": "_transform_pandas", "numpy": "_transform_numpy", "pyarrow": "_transform_arrow"}


class _BatchCall:
    """A preprocessor as `map_batches` calls it; its stage has the preprocessor's name."""

    keeps_no_state = True  # what it was fitted to does not change any more

    def __init__(self, preprocessor: Preprocessor, batch_format: str) -> None:
        self.__name__ = type(preprocessor).__name__
        self._preprocessor = preprocessor
        self._method = _METHODS[batch_format]

    def __call__(self, batch: Any) -> Any:
        method: Callable[[Any], Any] = getattr(self._preprocessor, self._method)
        return method(batch)


def _check_dataset(method: str, ds: Any) -> None:
    if not isinstance(ds, Dataset):
        hint = "; transform_batch() takes batches" if method == "transform" else ""
        raise TypeError(
            f"{method} takes a data set, such as millstream.from_pandas(frame), not {type(ds).__name__}{hint}"
        )


def _shown(value: Any) -> str:
    name: str | None = getattr(value, "__name__", None) if callable(value) else None
    return name or repr(value)
