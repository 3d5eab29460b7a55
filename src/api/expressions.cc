#include "millstream/expressions.h"

#include <arrow/scalar.h>

#include "plan/functions.h"
#include "plan/parse_filter.h"

namespace millstream {
namespace {

Expr ExprOf(Result<ExpressionPtr> tree) { return tree.ok() ? Expr(std::move(*tree)) : Expr(tree.status()); }

Expr MatchText(const char* name, const Expr& value, std::string pattern) { return Call(name, {value}, {{"pattern", std::move(pattern)}}); }

}  // namespace

Expr Expr::Parse(const std::string& text) { return ExprOf(ParseFilter(text)); }

std::string Expr::ToString() const { return status_.ok() ? tree_->ToString() : status_.ToString(); }

Expr Expr::IsNull() const { return Call("is_null", {*this}); }
Expr Expr::IsNotNull() const { return Call("is_not_null", {*this}); }
Expr Expr::IsNaN() const { return Call("is_nan", {*this}); }
Expr Expr::IsIn(std::shared_ptr<arrow::Array> values) const { return Call("is_in", {*this}, {{"value_set", std::move(values)}}); }
Expr Expr::NotIn(std::shared_ptr<arrow::Array> values) const { return Call("not_in", {*this}, {{"value_set", std::move(values)}}); }
Expr Expr::Cast(std::shared_ptr<arrow::DataType> type, bool safe) const { return Call("cast", {*this}, {{"type", std::move(type)}, {"safe", safe}}); }
Expr Expr::FillNull(const Expr& other) const { return Call("fill_null", {*this, other}); }
Expr Expr::StartsWith(std::string prefix) const { return MatchText("starts_with", *this, std::move(prefix)); }
Expr Expr::EndsWith(std::string suffix) const { return MatchText("ends_with", *this, std::move(suffix)); }
Expr Expr::Contains(std::string part) const { return MatchText("contains", *this, std::move(part)); }
Expr Expr::Field(std::string name) const { return Call("struct_field", {*this}, {{"name", std::move(name)}}); }
Expr Expr::At(int64_t index) const { return Call(index < 0 ? "element_from_end" : "list_element", {*this, LiteralInteger(index)}); }

Expr Column(std::string name) { return Expr(ColumnExpression(std::move(name))); }
Expr Literal(std::shared_ptr<arrow::Scalar> value) { return Expr(LiteralExpression(arrow::Datum(std::move(value)))); }
Expr LiteralInteger(int64_t value) { return Expr(LiteralExpression(arrow::Datum(value))); }
Expr LiteralNumber(double value) { return Expr(LiteralExpression(arrow::Datum(value))); }
Expr LiteralText(std::string value) { return Literal(std::make_shared<arrow::StringScalar>(std::move(value))); }
Expr LiteralTruth(bool value) { return Expr(LiteralExpression(arrow::Datum(value))); }
Expr IfElse(const Expr& condition, const Expr& then, const Expr& otherwise) { return Call("if_else", {condition, then, otherwise}); }

Expr operator+(const Expr& a, const Expr& b) { return Call("add", {a, b}); }
Expr operator-(const Expr& a, const Expr& b) { return Call("subtract", {a, b}); }
Expr operator*(const Expr& a, const Expr& b) { return Call("multiply", {a, b}); }
Expr operator/(const Expr& a, const Expr& b) { return Call("divide", {a, b}); }
Expr operator%(const Expr& a, const Expr& b) { return Call("modulo", {a, b}); }
Expr operator-(const Expr& a) { return Call("negate", {a}); }
Expr operator==(const Expr& a, const Expr& b) { return Call("equal", {a, b}); }
Expr operator!=(const Expr& a, const Expr& b) { return Call("not_equal", {a, b}); }
Expr operator<(const Expr& a, const Expr& b) { return Call("less", {a, b}); }
Expr operator<=(const Expr& a, const Expr& b) { return Call("less_equal", {a, b}); }
Expr operator>(const Expr& a, const Expr& b) { return Call("greater", {a, b}); }
Expr operator>=(const Expr& a, const Expr& b) { return Call("greater_equal", {a, b}); }
Expr operator&&(const Expr& a, const Expr& b) { return Call("and", {a, b}); }
Expr operator||(const Expr& a, const Expr& b) { return Call("or", {a, b}); }
Expr operator!(const Expr& a) { return Call("not", {a}); }

Expr Call(const std::string& name, const std::vector<Expr>& arguments, const CallOptions& options) {
  std::vector<ExpressionPtr> trees;
  for (const Expr& argument : arguments) {
    if (!argument.status().ok()) return argument;
    trees.push_back(argument.tree());
  }
  return ExprOf(CallOperator(name, trees, options));
}

std::vector<std::string> OperatorNames() { return KnownOperators(); }

}  // namespace millstream
