"""The operations of two or one operands, as ray.data names them, and the engine's names."""

from enum import StrEnum


class Operation(StrEnum):
    """What a BinaryExpr or UnaryExpr does."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    MOD = "mod"
    FLOORDIV = "floordiv"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    EQ = "eq"
    NE = "ne"
    AND = "and"
    OR = "or"
    NOT = "not"
    IS_NULL = "is_null"
    IS_NOT_NULL = "is_not_null"
    IN = "in"
    NOT_IN = "not_in"


ENGINE_NAMES = {
    Operation.ADD: "add",
    Operation.SUB: "subtract",
    Operation.MUL: "multiply",
    Operation.DIV: "divide",
    Operation.MOD: "modulo",
    Operation.FLOORDIV: "floor_divide",
    Operation.GT: "greater",
    Operation.LT: "less",
    Operation.GE: "greater_equal",
    Operation.LE: "less_equal",
    Operation.EQ: "equal",
    Operation.NE: "not_equal",
    Operation.AND: "and",
    Operation.OR: "or",
    Operation.NOT: "not",
    Operation.IS_NULL: "is_null",
    Operation.IS_NOT_NULL: "is_not_null",
    Operation.IN: "is_in",
    Operation.NOT_IN: "not_in",
}
