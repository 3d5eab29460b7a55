"""Numbers made more like a normal distribution by a power."""

from __future__ import annotations

from millstream.dataset import Dataset
from millstream.expressions import Expr, lit
from millstream.preprocessors.columns import check_numbers, checked_names, checked_outputs, if_else, number
from millstream.preprocessors.expression_preprocessor import ExpressionPreprocessor

_METHODS = ("yeo-johnson", "box-cox")


class PowerTransformer(ExpressionPreprocessor):
    """The power transform of Yeo and Johnson, or that of Box and Cox, of each column, as double.

    Args:
        columns: Of numbers; with "box-cox" positive ones: others become NaN or infinite.
        power: The transform's parameter, often from -2.5 to 2.5.
        method: "yeo-johnson" or "box-cox".
        output_columns: Names of the results; None writes over the columns.
    """

    _is_fittable = False

    def __init__(
        self,
        columns: list[str],
        power: float,
        method: str = "yeo-johnson",
        *,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        if method not in _METHODS:
            raise ValueError(f"method must be 'yeo-johnson' or 'box-cox', got {method!r}")
        if isinstance(power, bool | str) or not hasattr(power, "__float__"):
            raise TypeError(f"power must be a number, not {type(power).__name__}")
        self.power = power
        self.method = method
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _expressions(self, ds: Dataset) -> dict[str, Expr]:
        check_numbers(ds, self.columns, self)
        power = float(self.power)
        transform = _yeo_johnson if self.method == "yeo-johnson" else _box_cox
        return {
            output: transform(number(column), power)
            for column, output in zip(self.columns, self.output_columns, strict=True)
        }


def _box_cox(value: Expr, power: float) -> Expr:
    return value.ln() if power == 0 else (value.power(power) - 1.0) / power


def _yeo_johnson(value: Expr, power: float) -> Expr:
    # Both sides are computed for every row: where one does not apply it is NaN, and not taken.
    return if_else(value >= 0.0, _box_cox(value + 1.0, power), -_box_cox(lit(1.0) - value, 2.0 - power))
