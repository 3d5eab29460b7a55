#pragma once
/// Expressions of others as Substrait's messages, which pyarrow writes of its own (`Expression.to_substrait`).

#include <string_view>

#include "plan/expression.h"

namespace millstream {

/// The one expression of an ExtendedExpression, on columns of `schema`. Functions are those of Substrait that there is an operator for; arithmetic that overflows is
/// an error, and fractions divided by zero are infinite, whatever the message asks for. kInvalidArgument for what is no such message, and for what cannot be said here, by its name.
Result<ExpressionPtr> ParseSubstrait(std::string_view message, const arrow::Schema& schema);

}  // namespace millstream
