#pragma once
/// The text form of a filter, as `Dataset.filter(expr="...")` takes it: Python's expression syntax over column names.
///
/// Names (a.b is the column "a.b"), whole numbers, floats, strings, True, False, None; comparisons, chained ones too; + - * / // % **; and, or, not, & | ~;
/// `in` and `not in` a list of constants; `is None`, `is not None`; is_null(x), is_not_null(x), is_valid(x), is_nan(x), is_in(x, [..]); parentheses. Precedence is
/// Python's, so that & and | bind stronger than comparisons do.
///
/// Example: ParseFilter("origin == 'JFK' and not is_null(delay) and delay // 60 in [0, 1]").

#include <string_view>

#include "plan/expression.h"

namespace millstream {

/// kInvalidArgument with the text, a caret under the place and what to write there. Types and names are checked later, against a schema.
Result<ExpressionPtr> ParseFilter(std::string_view text);

}  // namespace millstream
