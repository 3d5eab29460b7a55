"""Functions of numbers: `col("x").floor()`."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millstream.expressions import Expr


class NumberFunctions:
    """What an expression of numbers has. Null gives null."""

    @abstractmethod
    def _call(self, op: str, *args: Any, **options: Any) -> Expr: ...

    def abs(self) -> Expr:
        """The distance from zero."""
        return self._call("abs")

    def negate(self) -> Expr:
        """The value with its sign changed."""
        return self._call("negate")

    def power(self, exponent: Any) -> Expr:
        """The value to the power of `exponent`."""
        return self._call("power", exponent)

    def floor(self) -> Expr:
        """Rounded down to a whole number."""
        return self._call("floor")

    def ceil(self) -> Expr:
        """Rounded up to a whole number."""
        return self._call("ceil")

    def round(self) -> Expr:
        """Rounded to the nearest whole number, halves to the even one."""
        return self._call("round")

    def trunc(self) -> Expr:
        """Without its fraction."""
        return self._call("trunc")

    def sign(self) -> Expr:
        """-1, 0 or 1, as the value's sign."""
        return self._call("sign")

    def exp(self) -> Expr:
        """e to the power of the value."""
        return self._call("exp")

    def ln(self) -> Expr:
        """The natural logarithm."""
        return self._call("ln")

    def log10(self) -> Expr:
        """The logarithm to base 10."""
        return self._call("log10")

    def log2(self) -> Expr:
        """The logarithm to base 2."""
        return self._call("log2")

    def sin(self) -> Expr:
        """The sine of radians."""
        return self._call("sin")

    def cos(self) -> Expr:
        """The cosine of radians."""
        return self._call("cos")

    def tan(self) -> Expr:
        """The tangent of radians."""
        return self._call("tan")

    def asin(self) -> Expr:
        """The inverse sine, in radians."""
        return self._call("asin")

    def acos(self) -> Expr:
        """The inverse cosine, in radians."""
        return self._call("acos")

    def atan(self) -> Expr:
        """The inverse tangent, in radians."""
        return self._call("atan")

    def is_nan(self) -> Expr:
        """True where the value is not a number; null stays null."""
        return self._call("is_nan")
