"""The shared memory of one worker process: used again for the next call where it can be."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from millstream import _core

_REGIONS_MAX = 4
_NUMBERS = itertools.count()


@dataclass(eq=False)
class PooledRegion:
    """Memory under the number by which both processes know it."""

    number: int
    memory: _core.SharedRegion
    lent: bool = True


class RegionPool:
    """Lends regions, and keeps some of at most `bytes_max` together. For one thread."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._regions: list[PooledRegion] = []
        self._forgotten: list[int] = []

    def take(self) -> PooledRegion:
        """A region that nothing reads any more."""
        for region in self._regions:
            if not region.lent and not region.memory.in_use:
                region.lent = True
                return region
        region = PooledRegion(next(_NUMBERS), _core.SharedRegion())
        self._regions.append(region)
        return region

    def give_back(self, region: PooledRegion, reusable: bool = True) -> None:
        """`reusable` is false where the other process still reads it. What is read here may be: that is seen later."""
        region.lent = False
        crowded = len(self._regions) > _REGIONS_MAX or sum(each.memory.size for each in self._regions) > self._bytes_max
        if not reusable or crowded:
            self._regions.remove(region)
            self._forgotten.append(region.number)

    def forgotten(self) -> list[int]:
        """Numbers that the worker need not know any more; each is told once."""
        told, self._forgotten = self._forgotten, []
        return told
