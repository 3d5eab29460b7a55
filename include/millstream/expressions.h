#pragma once
/// Expressions on the columns of a data set: what Dataset::Filter, Project and WithColumn take.
///
///   using millstream::Column, millstream::Literal;
///   flights.Filter(Column("dep_delay").IsNotNull() && Column("distance") >= Literal(500));
///
/// An expression is a cheap immutable value. It knows no schema: unknown columns and types that do not go together are reported by the Dataset call that takes
/// it. Operands are brought to a common type as Arrow's kernels do. Arithmetic that overflows, and integer division by zero, end the iteration with an error.
/// Nulls follow SQL: a comparison with null is null, && and || are Kleene's, a filter drops rows for which it is null.
///
/// Caveat: && and || build a tree; they do not short-circuit.

#include <arrow/type_fwd.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millstream/export.h"

namespace millstream {

class Expression;

class MILLSTREAM_EXPORT Expr {
 public:
  /// For one-line messages; no promise on its form.
  std::string ToString() const;

  Expr IsNull() const;
  Expr IsNotNull() const;
  /// True where the value is one of `values`.
  Expr IsIn(std::shared_ptr<arrow::Array> values) const;
  /// A value that does not fit `type` ends the iteration with an error.
  Expr Cast(std::shared_ptr<arrow::DataType> type) const;
  /// This where it is not null, else `other`.
  Expr FillNull(const Expr& other) const;

  Expr StartsWith(std::string prefix) const;
  Expr EndsWith(std::string suffix) const;
  Expr Contains(std::string part) const;

  /// For the library itself.
  explicit Expr(std::shared_ptr<const Expression> tree);
  const std::shared_ptr<const Expression>& tree() const { return tree_; }

 private:
  std::shared_ptr<const Expression> tree_;
};

/// The column of that name.
MILLSTREAM_EXPORT Expr Column(std::string name);

/// A constant: any Arrow scalar, or a C++ value as int64, double, string or bool.
MILLSTREAM_EXPORT Expr Literal(std::shared_ptr<arrow::Scalar> value);
MILLSTREAM_EXPORT Expr LiteralInteger(int64_t value);
MILLSTREAM_EXPORT Expr LiteralNumber(double value);
MILLSTREAM_EXPORT Expr LiteralText(std::string value);
MILLSTREAM_EXPORT Expr LiteralTruth(bool value);
Expr Literal(std::same_as<bool> auto value) { return LiteralTruth(value); }
Expr Literal(std::signed_integral auto value) { return LiteralInteger(value); }
Expr Literal(std::floating_point auto value) { return LiteralNumber(value); }
inline Expr Literal(std::string value) { return LiteralText(std::move(value)); }
inline Expr Literal(const char* value) { return LiteralText(value); }

/// `then` where `condition` is true, `otherwise` where it is false, null where it is null.
MILLSTREAM_EXPORT Expr IfElse(const Expr& condition, const Expr& then, const Expr& otherwise);

MILLSTREAM_EXPORT Expr operator+(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator-(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator*(const Expr& a, const Expr& b);
/// Of two integers: the integer quotient, cut towards zero.
MILLSTREAM_EXPORT Expr operator/(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator-(const Expr& a);

MILLSTREAM_EXPORT Expr operator==(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator!=(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator<(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator<=(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator>(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator>=(const Expr& a, const Expr& b);

MILLSTREAM_EXPORT Expr operator&&(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator||(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator!(const Expr& a);

}  // namespace millstream
