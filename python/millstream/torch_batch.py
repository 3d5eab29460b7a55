"""Batches of the engine as dicts of torch tensors, and their way to a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.batch_format import batch_formatter, numpy_column, pyarrow_column
from millstream.collate_fn import ArrowBatchCollateFn, PandasBatchCollateFn

if TYPE_CHECKING:
    import numpy
    import torch

    TorchDtypes = torch.dtype | Mapping[str, torch.dtype] | None


def torch_formatter(
    dtypes: TorchDtypes, collate_fn: Callable[[Any], Any] | None, *, pin_memory: bool
) -> Callable[[_core.Batch], Any]:
    """The function that turns a batch into tensors in host memory.

    Without a `collate_fn` that is a dict of one tensor a column; else whatever the function returns for the form of
    batch that its class names (a plain function is given numpy arrays). ValueError where both `dtypes` and
    `collate_fn` are given, or `collate_fn` cannot be called.
    """
    for dtype in dtypes.values() if isinstance(dtypes, Mapping) else (dtypes,):
        _check_dtype(dtype)
    if collate_fn is None:
        made: Callable[[_core.Batch], Any] = TorchBatches(dtypes)
    else:
        made = _collated(collate_fn, dtypes)
    if not pin_memory:
        return made
    return lambda batch: map_tensors(made(batch), lambda tensor: tensor.pin_memory())


def _check_dtype(dtype: Any) -> None:
    import torch

    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError(f"dtypes takes torch dtypes such as torch.float32, or a dict of them by column; got {dtype!r}")


def torch_batch(batch: _core.Batch, dtypes: TorchDtypes = None) -> dict[str, torch.Tensor]:
    """One tensor a column: views of the batch's memory where its values are torch's, `dtypes` leaves them so and
    nobody else sees that memory.

    Lists of equal length become tensors of two dimensions, fixed-shape tensors keep theirs, nullable numbers are
    float with NaN. TypeError, naming the column and what to do, for text, times and other values that torch has no
    form for.
    """
    return TorchBatches(dtypes)(batch)


class TorchBatches:
    """`torch_batch` for one batch after the other, whose schema is looked at once."""

    def __init__(self, dtypes: TorchDtypes) -> None:
        self._dtypes = dtypes
        self._schema: _core.Schema | None = None  # of the batches that the columns below are of
        self._names: list[str] = []
        from torch._C import _from_dlpack  # torch.utils.dlpack.from_dlpack without its checks

        self._from_dlpack = _from_dlpack

    def __call__(self, batch: _core.Batch) -> dict[str, torch.Tensor]:
        if self._schema is None or not batch.has_schema(self._schema):
            self._look_at(batch.schema)
        capsules = batch.dlpack_columns()
        # What a trainer waits for, a batch after the other, so without a step of Python a column.
        if self._dtypes is None and None not in capsules:
            return dict(zip(self._names, map(self._from_dlpack, capsules), strict=True))
        tensors = {}
        for index, (name, capsule) in enumerate(zip(self._names, capsules, strict=True)):
            dtype = self._dtypes.get(name) if isinstance(self._dtypes, Mapping) else self._dtypes
            tensor = _tensor(batch, index, dtype) if capsule is None else self._from_dlpack(capsule)
            tensors[name] = tensor if dtype is None else tensor.to(dtype)
        return tensors

    def _look_at(self, schema: _core.Schema) -> None:
        names, dtypes = schema.names, self._dtypes
        if isinstance(dtypes, Mapping) and (unknown := sorted(set(dtypes) - set(names))):
            raise ValueError(f"dtypes names columns that the batch does not have: {unknown}; it has {names}")
        self._names = names
        self._schema = schema


def torch_thread_state() -> Callable[[], None]:
    """What makes another thread as this one is, for a collate_fn to be called there: device and gradient mode."""
    import torch

    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    device = torch.cuda.current_device() if started else None
    gradients = torch.is_grad_enabled()

    def enter() -> None:
        if device is not None:
            torch.cuda.set_device(device)
        torch.set_grad_enabled(gradients)

    return enter


def map_tensors(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """`value` with each tensor of its dicts, lists and tuples changed; other values as they are."""
    import torch

    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(item, change) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(item, change) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(map_tensors(item, change) for item in value)
    return value


def _collated(collate_fn: Callable[[Any], Any], dtypes: TorchDtypes) -> Callable[[_core.Batch], Any]:
    if dtypes is not None:
        raise ValueError(
            "collate_fn cannot be used with dtypes; convert the tensors to the dtypes wanted inside collate_fn"
        )
    if not callable(collate_fn):
        raise ValueError(f"collate_fn must be callable, got {type(collate_fn).__name__}")
    form = batch_formatter(_form_wanted_by(collate_fn))
    return lambda batch: collate_fn(form(batch))


def _form_wanted_by(collate_fn: Callable[[Any], Any]) -> str:
    if isinstance(collate_fn, ArrowBatchCollateFn):
        return "pyarrow"
    if isinstance(collate_fn, PandasBatchCollateFn):
        return "pandas"
    return "numpy"


def _tensor(batch: _core.Batch, index: int, dtype: torch.dtype | None) -> torch.Tensor:
    import torch

    values = _number_array(batch, index)
    if (
        dtype is not None
        and not dtype.is_floating_point
        and not dtype.is_complex
        and values.dtype.kind == "f"
        and batch.null_count(index)
    ):
        raise TypeError(
            f"column {batch.names[index]!r} has {batch.null_count(index)} nulls in a batch, which {dtype} cannot hold; "
            f"fill them or filter them out before, or ask for a floating dtype"
        )
    # torch has no read-only tensors: what may be someone else's memory is copied.
    return torch.from_numpy(values if values.flags.writeable else values.copy())


def _number_array(batch: _core.Batch, index: int) -> numpy.ndarray[Any, Any]:
    values = _matrix_of_lists(batch, index)
    if values is None:
        values = numpy_column(batch, index)
    if values.dtype == object:
        values = _joined(values, batch, index)
    if values.dtype.kind not in "biuf":
        raise _no_tensor(batch, index)
    return values


def _matrix_of_lists(batch: _core.Batch, index: int) -> numpy.ndarray[Any, Any] | None:
    """Rows of equal length without copying them one by one; None where the column is not that."""
    kind = batch.column_kind(index)
    if (
        not kind.startswith(("fixed_size_list<", "list<", "large_list<"))
        or batch.null_count(index)
        or batch.num_rows == 0
    ):
        return None
    array = pyarrow_column(batch, index)
    if array is None:
        return None
    if kind.startswith("fixed_size_list<"):
        width = array.type.list_size
    else:
        offsets = array.offsets.to_numpy()
        width = int(offsets[1] - offsets[0])
        if (offsets[1:] - offsets[:-1] != width).any():
            return None
    inner = array.flatten()
    if inner.null_count or str(inner.type) not in ("bool", "halffloat", *_PLAIN_INNER):
        return None
    values: numpy.ndarray[Any, Any] = inner.to_numpy(zero_copy_only=False).reshape(len(array), width)
    return values


_PLAIN_INNER = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double")


def _joined(values: numpy.ndarray[Any, Any], batch: _core.Batch, index: int) -> numpy.ndarray[Any, Any]:
    """Arrays of one shape, one a row, as one array. TypeError for other objects."""
    import numpy

    rows = list(values)
    if not rows:
        return numpy.empty((0,), dtype=numpy.float32)
    if not all(isinstance(row, numpy.ndarray) for row in rows):
        if any(isinstance(row, numpy.ndarray) for row in rows):
            raise TypeError(f"column {batch.names[index]!r} has rows without a list; fill them in a collate_fn")
        raise _no_tensor(batch, index)
    shapes = {row.shape for row in rows}
    if len(shapes) > 1:
        raise TypeError(
            f"column {batch.names[index]!r} of type {batch.column_kind(index)} has rows of different lengths, as "
            f"{sorted(shapes)[:3]}; "
            f"pad them in a collate_fn"
        )
    if rows[0].dtype == object:
        rows = [_joined(row, batch, index) for row in rows]
        if len({row.shape for row in rows}) > 1:
            raise TypeError(f"column {batch.names[index]!r} has rows of different shapes; pad them in a collate_fn")
    return numpy.stack(rows)


def _no_tensor(batch: _core.Batch, index: int) -> TypeError:
    name, kind = batch.names[index], batch.column_kind(index)
    if kind == "bool":
        return TypeError(
            f"column {name!r} of type bool has nulls, which no torch tensor holds; fill them or filter them out before"
        )
    return TypeError(
        f"column {name!r} of type {kind} has no torch form; encode it as numbers before, leave it out with "
        "select_columns() or drop_columns(), "
        f"or give a collate_fn that converts it"
    )


def resolve_device(device: Any) -> torch.device:
    """`device` as torch knows it; "auto" is the device of a Ray Train worker, and the CPU anywhere else."""
    import torch

    if device == "auto":
        device = _ray_train_device() or "cpu"
    resolved = torch.device(device)
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(
            f"device={str(device)!r}: torch finds no CUDA device here; leave device out for the CPU, or install a "
            "torch with CUDA on a machine that has a GPU"
        )
    if resolved.type == "cuda" and resolved.index is None and torch.cuda.is_available():
        resolved = torch.device("cuda", torch.cuda.current_device())
    return resolved


def _ray_train_device() -> Any:
    import sys

    if "ray.train" not in sys.modules:
        return None
    import importlib

    if not importlib.import_module("ray.train.utils")._in_ray_train_worker():
        return None
    return importlib.import_module("ray.train.torch").get_device()
