#include "millstream/expressions.h"

#include <arrow/compute/api.h>
#include <arrow/scalar.h>

#include "plan/expression.h"

namespace millstream {
namespace {

using arrow::compute::FunctionOptions;

/// A call of the Arrow function, which is resolved when the expression is bound to a schema.
Expr Call(const char* function, const std::vector<Expr>& arguments, std::shared_ptr<FunctionOptions> options = nullptr) {
  std::vector<arrow::compute::Expression> trees;
  for (const Expr& argument : arguments) trees.push_back(argument.tree()->tree());
  return Expr(std::make_shared<Expression>(arrow::compute::call(function, std::move(trees), std::move(options))));
}

Expr MatchText(const char* function, const Expr& value, std::string pattern) {
  return Call(function, {value}, std::make_shared<arrow::compute::MatchSubstringOptions>(std::move(pattern)));
}

}  // namespace

Expr::Expr(std::shared_ptr<const Expression> tree) : tree_(std::move(tree)) {}

std::string Expr::ToString() const { return tree_->ToString(); }

Expr Expr::IsNull() const { return Call("is_null", {*this}); }
Expr Expr::IsNotNull() const { return Call("is_valid", {*this}); }
Expr Expr::IsIn(std::shared_ptr<arrow::Array> values) const {
  return Call("is_in", {*this}, std::make_shared<arrow::compute::SetLookupOptions>(arrow::Datum(std::move(values))));
}
Expr Expr::Cast(std::shared_ptr<arrow::DataType> type) const {
  return Call("cast", {*this}, std::make_shared<arrow::compute::CastOptions>(arrow::compute::CastOptions::Safe(arrow::TypeHolder(std::move(type)))));
}
Expr Expr::FillNull(const Expr& other) const { return Call("coalesce", {*this, other}); }
Expr Expr::StartsWith(std::string prefix) const { return MatchText("starts_with", *this, std::move(prefix)); }
Expr Expr::EndsWith(std::string suffix) const { return MatchText("ends_with", *this, std::move(suffix)); }
Expr Expr::Contains(std::string part) const { return MatchText("match_substring", *this, std::move(part)); }

Expr Column(std::string name) { return Expr(ColumnExpression(std::move(name))); }
Expr Literal(std::shared_ptr<arrow::Scalar> value) { return Expr(LiteralExpression(arrow::Datum(std::move(value)))); }
Expr LiteralInteger(int64_t value) { return Expr(LiteralExpression(arrow::Datum(value))); }
Expr LiteralNumber(double value) { return Expr(LiteralExpression(arrow::Datum(value))); }
Expr LiteralText(std::string value) { return Literal(std::make_shared<arrow::StringScalar>(std::move(value))); }
Expr LiteralTruth(bool value) { return Expr(LiteralExpression(arrow::Datum(value))); }
Expr IfElse(const Expr& condition, const Expr& then, const Expr& otherwise) { return Call("if_else", {condition, then, otherwise}); }

Expr operator+(const Expr& a, const Expr& b) { return Call("add_checked", {a, b}); }
Expr operator-(const Expr& a, const Expr& b) { return Call("subtract_checked", {a, b}); }
Expr operator*(const Expr& a, const Expr& b) { return Call("multiply_checked", {a, b}); }
Expr operator/(const Expr& a, const Expr& b) { return Call("divide", {a, b}); }
Expr operator-(const Expr& a) { return Call("negate_checked", {a}); }
Expr operator==(const Expr& a, const Expr& b) { return Call("equal", {a, b}); }
Expr operator!=(const Expr& a, const Expr& b) { return Call("not_equal", {a, b}); }
Expr operator<(const Expr& a, const Expr& b) { return Call("less", {a, b}); }
Expr operator<=(const Expr& a, const Expr& b) { return Call("less_equal", {a, b}); }
Expr operator>(const Expr& a, const Expr& b) { return Call("greater", {a, b}); }
Expr operator>=(const Expr& a, const Expr& b) { return Call("greater_equal", {a, b}); }
Expr operator&&(const Expr& a, const Expr& b) { return Call("and_kleene", {a, b}); }
Expr operator||(const Expr& a, const Expr& b) { return Call("or_kleene", {a, b}); }
Expr operator!(const Expr& a) { return Call("invert", {a}); }

}  // namespace millstream
