#pragma once
/// Rewrites an expression over a projection's outputs into one over its inputs.

#include "plan/logical_plan.h"

namespace millstream {

/// Replaces each column by the expression that `columns` gives it.
Result<ExpressionPtr> Substitute(const Expression& expression, const NamedExpressions& columns);

}  // namespace millstream
