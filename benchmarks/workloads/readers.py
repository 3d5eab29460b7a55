"""Files that readers are measured on: what every peer is asked for, and how what it reads is counted.

Rows of text files come as Arrow tables or record batches, pictures and columns of data A as numpy arrays.
"""

from __future__ import annotations

from typing import Any

from workloads.peer import Batch
from workloads.transforms import GROUP_KEY, RowsTally, weighted_sum

LINE_NUMBER_DIGITS = 8  # that a line of a small text file begins with
COLUMN = GROUP_KEY  # of data A
SIDE = 224  # pixels that pictures are scaled to, both ways
PICTURE_BATCH_ROWS = 64
PICTURE_BITS = 16
BIT_PIXELS = SIDE // PICTURE_BITS
ROW_STEP = 8  # Of pictures only every eighth line of pixels is looked at: to check must take little beside reading.


class TripsTally(RowsTally):
    """Counts trips, with a checksum over columns without nulls."""

    def add(self, batch: Batch) -> None:
        key = integers(batch["trip"])
        self.rows += len(key)
        self.sum += weighted_sum(key, *self.numbers(batch))

    def numbers(self, batch: Batch) -> list[Any]:
        return [seconds(batch["picked_up"]), hundredths(batch["distance"]), lengths(batch["zone"])]


class AllTripsTally(TripsTally):
    """Looks at columns with nulls too. Not at texts with nulls: CSV has none but what a reader takes for one."""

    def numbers(self, batch: Batch) -> list[Any]:
        import pyarrow.compute as pc

        passengers = pc.fill_null(batch["passengers"], -1)
        return [*super().numbers(batch), integers(passengers), hundredths(pc.fill_null(batch["tip"], -1.0))]


class StoredTripsTally(TripsTally):
    """Looks at numbers alone, which all peers have at hand: to check must take little beside reading."""

    def numbers(self, batch: Batch) -> list[Any]:
        return [seconds(batch["picked_up"]), hundredths(batch["distance"])]


class LinesTally(RowsTally):
    def add(self, batch: Batch) -> None:
        import pyarrow.compute as pc

        text = batch["text"]
        number = integers(pc.utf8_slice_codeunits(text, 0, LINE_NUMBER_DIGITS))
        self.rows += len(number)
        self.sum += weighted_sum(number, lengths(text))


class ColumnsSize(RowsTally):
    """Counts the rows and bytes of some columns, which is next to nothing beside reading them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self.bytes = 0

    def add(self, batch: Batch) -> None:
        self.rows += len(batch[self.names[0]])
        self.bytes += sum(batch[name].nbytes for name in self.names)


class ColumnTally(RowsTally):
    """Counts one column of data A, whatever comes with it."""

    def add(self, batch: Batch) -> None:
        column = batch[COLUMN]
        self.rows += len(column)
        self.sum += weighted_sum(column)


class PicturesTally(RowsTally):
    """Counts pictures by the numbers drawn in them, and sees how far the mean of a batch is from what it should be."""

    def __init__(self, means: list[float]) -> None:
        import numpy as np

        super().__init__()
        self.means = np.array(means)
        self.mean_off = 0.0

    def add(self, batch: Batch) -> None:
        pictures = batch["image"]
        number = drawn_numbers(pictures)
        self.rows += len(number)
        self.sum += weighted_sum(number + 1)
        # A number misread is seen by the checksum.
        expected = self.means.take(number, mode="clip").mean()
        self.mean_off = max(self.mean_off, abs(float(pictures[:, ::ROW_STEP].mean() - expected)))

    def figures(self) -> dict[str, Any]:
        return {**super().figures(), "mean_off": self.mean_off}


def drawn_numbers(pictures: Any) -> Any:
    """The bits are squares at the top, the lowest one first: white for 1, black for 0."""
    import numpy as np

    middle = BIT_PIXELS // 2
    return (pictures[:, middle, middle::BIT_PIXELS, 1] > 127) @ (1 << np.arange(PICTURE_BITS))


def integers(column: Any) -> Any:
    from workloads.arrays import from_column

    return from_column(column.cast("int64"))


def seconds(column: Any) -> Any:
    import pyarrow as pa

    return integers(column.cast(pa.timestamp("s")))


def hundredths(column: Any) -> Any:
    """Of floats with two decimals: readers differ in their last bits."""
    import numpy as np

    from workloads.arrays import from_column

    return np.rint(from_column(column) * 100).astype(np.int64)


def lengths(column: Any) -> Any:
    """In bytes: off where quotes were left in a text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string_view(column.type):
        return np.concatenate([view_lengths(chunk) for chunk in column.chunks])
    return integers(pc.binary_length(column))


def view_lengths(chunk: Any) -> Any:
    """Of texts without nulls; Arrow computes no lengths of views, which begin with them."""
    import numpy as np

    views = np.frombuffer(chunk.buffers()[1], np.int32).reshape(-1, 4)
    return views[chunk.offset : chunk.offset + len(chunk), 0].astype(np.int64)
