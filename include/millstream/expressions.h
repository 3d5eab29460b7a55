#pragma once
/// Expressions on the columns of a data set: what Dataset::Filter, Project, WithColumn and Sort take.
///
///   using millstream::Call, millstream::Column, millstream::Literal;
///   flights.Filter(Column("dep_delay").IsNotNull() && Column("distance") >= Literal(500));
///   flights.WithColumn("airline", Call("upper", {Column("carrier")}));
///   flights.WithColumn("code", Call("replace", {Column("tailnum")}, {{"pattern", "N"}, {"replacement", ""}}));
///
/// Operators and what nearly every program needs are C++ operators and methods of Expr. All else goes by name through Call, whose table below is the whole list; a
/// method is no faster than the call that it stands for.
///
/// An expression is a cheap immutable value. It knows no schema: unknown columns, types that do not go together, and what is wrong with a Call are reported by the
/// Dataset call that takes it. Operands are brought to a common type as Arrow's kernels do. Arithmetic that overflows, and integer division by zero, end the
/// iteration with an error. Nulls follow SQL: a comparison with null is null, && and || are Kleene's, a filter drops rows for which it is null; all other
/// functions of null are null.
///
/// Caveat: && and || build a tree; they do not short-circuit.

#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "millstream/export.h"

namespace millstream {

class Expression;

class MILLSTREAM_EXPORT Expr {
 public:
  /// An expression from its text, "dep_delay > 15 and carrier in ('AA', 'UA')". Text that is none is kInvalidArgument, with the place.
  static Expr Parse(const std::string& text);

  /// For one-line messages; no promise on its form.
  std::string ToString() const;

  Expr IsNull() const;
  Expr IsNotNull() const;
  /// True for what is not a number; null stays null.
  Expr IsNaN() const;
  /// True where the value is one of `values`.
  Expr IsIn(std::shared_ptr<arrow::Array> values) const;
  Expr NotIn(std::shared_ptr<arrow::Array> values) const;
  /// A value that does not fit `type` ends the iteration with an error; with `safe` false overflow and lost fractions are let through.
  Expr Cast(std::shared_ptr<arrow::DataType> type, bool safe = true) const;
  /// This where it is not null, else `other`.
  Expr FillNull(const Expr& other) const;

  Expr StartsWith(std::string prefix) const;
  Expr EndsWith(std::string suffix) const;
  Expr Contains(std::string part) const;

  /// The field of a struct.
  Expr Field(std::string name) const;
  /// The item of a list, from 0, or from the end where `index` is negative. The iteration ends with an error where a list is shorter.
  Expr At(int64_t index) const;

  /// For the library itself: the tree, null where the expression cannot be, and why not.
  explicit Expr(std::shared_ptr<const Expression> tree) : tree_(std::move(tree)) {}
  explicit Expr(arrow::Status why_not) : status_(std::move(why_not)) {}
  const std::shared_ptr<const Expression>& tree() const { return tree_; }
  const arrow::Status& status() const { return status_; }

 private:
  std::shared_ptr<const Expression> tree_;
  arrow::Status status_;
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

/// Texts are joined.
MILLSTREAM_EXPORT Expr operator+(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator-(const Expr& a, const Expr& b);
MILLSTREAM_EXPORT Expr operator*(const Expr& a, const Expr& b);
/// Of two integers: the integer quotient, cut towards zero. Call("floor_divide", {a, b}) rounds down.
MILLSTREAM_EXPORT Expr operator/(const Expr& a, const Expr& b);
/// With the sign of `b`, as in Python.
MILLSTREAM_EXPORT Expr operator%(const Expr& a, const Expr& b);
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

/// Options of an operator by name; those left out have their defaults. Numbers are int64.
using CallOptions = std::vector<std::pair<std::string, std::variant<bool, int64_t, std::string, std::shared_ptr<arrow::Array>, std::shared_ptr<arrow::DataType>>>>;

/// The operator `name` of `arguments`. A wrong name (the near one is named), number of arguments, or option is kInvalidArgument, an option of a wrong type kType.
///
/// All there are; one argument where nothing is said, options in braces with their defaults:
///
/// Numbers   add subtract multiply divide floor_divide modulo power (two) | negate abs sign floor ceil trunc sqrt exp ln log10 log2 sin cos tan asin acos atan
///           | round {ndigits=0}, halves to even
/// Compare   equal not_equal less less_equal greater greater_equal (two)
/// Logic     and or xor (two) | not | if_else (condition, then, otherwise) | is_in not_in {value_set}
/// Nulls     is_null is_not_null is_nan | coalesce fill_null (one and more: the first that is not null)
/// Types     cast {type, safe=true}
/// Texts     upper lower capitalize title swapcase reverse | length (characters) byte_length | concat (two) join (texts, the last goes between them)
///           | repeat (text, times)
///           | is_alpha is_alnum is_digit is_decimal is_numeric is_space is_lower is_upper is_title is_printable is_ascii
///           | starts_with ends_with contains match_like (SQL: %, _) match_regex find find_regex count count_regex {pattern, ignore_case=false}; find: the byte, or -1
///           | replace replace_regex {pattern, replacement, max_replacements=-1}
///           | strip lstrip rstrip (white space) strip_characters lstrip_characters rstrip_characters {characters}
///           | pad_left pad_right center {width, padding=" ", lean_left_on_odd_padding=true}
///           | slice {start=0, stop=end, step=1} replace_slice {start, stop, replacement}
///           | split split_regex {pattern, max_splits=-1, reverse=false} split_whitespace {max_splits=-1, reverse=false}: a list
///           | extract {pattern}: a struct of the named groups
/// Times     year quarter month day day_of_week (0: Monday) day_of_year hour minute second millisecond microsecond nanosecond | strftime {format}
///           | floor_temporal ceil_temporal round_temporal {unit="nanosecond" … "second" "minute" "hour" "day" "week" "month" "quarter" "year"}
/// Lists     list_length | list_element (list, index from 0) element_from_end (list, index from -1) | list_slice {start=0, stop=-1: end, step=1, fixed_size=-1}
///           | list_sort {order="ascending", null_placement="at_end"} | list_flatten (a list of lists) | to_list (of a fixed size, as of any)
/// Structs   struct_field {name or index}
/// Maps      map_keys map_values
///
/// Regular expressions are RE2's.
MILLSTREAM_EXPORT Expr Call(const std::string& name, const std::vector<Expr>& arguments, const CallOptions& options = {});
/// The names above, sorted.
MILLSTREAM_EXPORT std::vector<std::string> OperatorNames();

}  // namespace millstream
