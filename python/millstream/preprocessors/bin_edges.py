"""Edges of bins, and which bin a number is in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.expressions import Expr, lit
from millstream.preprocessors.columns import if_else, number

if TYPE_CHECKING:
    import numpy


class Bin(NamedTuple):
    """From `left` to `right`; which of the two belong to it is told elsewhere."""

    left: float
    right: float


def uniform_edges(least: float, greatest: float, bins: int, right: bool) -> numpy.ndarray[Any, Any]:
    """Edges of bins of equal width. The outer one that would leave out its own value is moved by 0.1% of the range.

    ValueError for a range without end.
    """
    import numpy

    least, greatest = float(least), float(greatest)
    if math.isinf(least) or math.isinf(greatest):
        raise ValueError("holds infinity, and bins of one width cannot reach there; filter it out first")
    if least == greatest:
        margin = 0.001 * abs(least) or 0.001
        return numpy.linspace(least - margin, greatest + margin, bins + 1)
    edges = numpy.linspace(least, greatest, bins + 1)
    margin = (greatest - least) * 0.001
    if right:
        edges[0] -= margin
    else:
        edges[-1] += margin
    return edges


def checked_bins(bins: Any, duplicates: str) -> list[Bin]:
    """The bins between edges, or those of a pandas.IntervalIndex.

    TypeError for what is neither, ValueError for edges that do not increase, or intervals that overlap.
    """
    if hasattr(bins, "closed") and hasattr(bins, "overlaps"):
        return _checked_intervals(bins)
    if isinstance(bins, str | bytes | Mapping) or not isinstance(bins, Iterable):
        raise TypeError(f"bins takes edges such as [0, 1, 10], or a pandas.IntervalIndex, not {type(bins).__name__}")
    edges = [_edge(edge) for edge in bins]
    if any(left > right for left, right in pairwise(edges)):
        raise ValueError(f"bins must increase: {edges}")
    if len(set(edges)) < len(edges):
        if duplicates == "raise":
            raise ValueError(f"bins has an edge twice: {edges}; duplicates='drop' takes it once")
        edges = list(dict.fromkeys(edges))
    if len(edges) < 2:
        raise ValueError(f"bins needs two edges or more, got {edges}")
    return [Bin(left, right) for left, right in pairwise(edges)]


def closed_right(bins: Any, right: bool) -> bool:
    """Whether a bin has its right edge: intervals say so themselves."""
    closed: str | None = getattr(bins, "closed", None)
    return right if closed is None else closed == "right"


def _checked_intervals(bins: Any) -> list[Bin]:
    if bins.closed not in ("left", "right"):
        raise ValueError(f"bins: intervals must be closed on the left or on the right, not {bins.closed!r}")
    if bins.is_overlapping or not bins.is_monotonic_increasing or not len(bins):
        raise ValueError("bins: there must be intervals, each above the one before, that do not overlap")
    return [Bin(float(interval.left), float(interval.right)) for interval in bins]


def _edge(edge: Any) -> float:
    if isinstance(edge, str | bool) or not hasattr(edge, "__float__"):
        raise TypeError(f"bins takes numbers as edges, not {edge!r}")
    if math.isnan(value := float(edge)):
        raise ValueError("bins has NaN as an edge")
    return value


def bin_of(column: str, bins: list[Bin], *, right: bool, include_lowest: bool) -> Expr:
    """The number of the bin that the value is in, from 0; null where it is in none, or missing.

    `right` says which edge belongs to a bin; `include_lowest` whether the first bin has both.
    """
    value = number(column)
    lowest = bins[0].left
    above_lowest = value >= lowest if include_lowest or not right else value > lowest
    below = value <= bins[-1].right if right else value < bins[-1].right
    return if_else(above_lowest & below, _search(value, bins, 0, right), lit(None).cast("int64"))


def _search(value: Expr, bins: list[Bin], first: int, right: bool) -> Expr:
    """By halving: one comparison a bin, and as deep as the logarithm of their number."""
    if len(bins) == 1:
        return lit(first)
    middle = len(bins) // 2
    left = bins[middle - 1].right
    below = value <= left if right else value < left
    lower = _search(value, bins[:middle], first, right)
    upper = _search(value, bins[middle:], first + middle, right)
    gap = bins[middle].left
    if gap > left:  # intervals with a space between
        inside = value > gap if right else value >= gap
        upper = if_else(inside, upper, lit(None).cast("int64"))
    return if_else(below, lower, upper)
