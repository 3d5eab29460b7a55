#pragma once
/// The operators that expressions are made of: what Python and parse_filter() may call, and the only functions a serialised plan may name.
///
/// An operator is one Arrow function, or a small composition of them, under the name that users know it by; what types decide is left to resolve_calls.h. To add one, add a line to the table in functions.cc.
/// Nothing outside that table can be reached from bytes.

#include <arrow/compute/expression.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "plan/expression.h"

namespace millstream {

/// An argument that is not an expression: a flag, a number, a text, a set of values, a type.
using OptionValue = std::variant<bool, int64_t, std::string, std::shared_ptr<arrow::Array>, std::shared_ptr<arrow::DataType>>;
using NamedOptions = std::vector<std::pair<std::string, OptionValue>>;

/// One option of a function. Its type is the alternative that `fallback` holds.
struct OptionField {
  const char* name;
  OptionValue fallback;
  bool required = false;
  int64_t min = INT64_MIN;  // of a number
  int64_t max = INT64_MAX;
};

/// The options of a function in the order in which they are serialised, and how they become Arrow's and back.
struct OptionsForm {
  std::vector<OptionField> fields;
  Result<std::shared_ptr<arrow::compute::FunctionOptions>> (*make)(const std::vector<OptionValue>& values);
  std::vector<OptionValue> (*read)(const arrow::compute::FunctionOptions& options);
};

/// An Arrow function that expressions may call.
struct FunctionEntry {
  const char* name;
  int arguments_min;
  int arguments_max;
  const OptionsForm* options;  // null: takes none
};

/// All names that CallOperator knows, sorted.
std::vector<std::string> KnownOperators();

/// Null for a function that is not allowed.
const FunctionEntry* FindFunction(const std::string& arrow_name);
/// The options of `function` by name, for instance to read them from a Python dict; empty for an operator that takes none.
/// kInvalidArgument for an operator that is not there.
Result<const OptionsForm*> OptionsOfOperator(const std::string& name);

/// Arrow's name of the function that the operator is. kInvalidArgument for an unknown one, and for a composition of several.
Result<std::string> ArrowFunctionOf(const std::string& name);

/// A tree that would be deeper or larger than Arrow's recursive walks bear is a kInvalidArgument error.
constexpr int kExpressionDepthMax = 500;
constexpr int kExpressionNodesMax = 50000;
Status CheckSize(const arrow::compute::Expression& tree);

/// Calls the operator `name` as users know it, for instance CallOperator("floor_divide", {x, y}) or CallOperator("starts_with", {x}, {{"pattern", "a"}}).
/// kInvalidArgument, naming the operator, for an unknown one (with the near name), a wrong number of arguments, an unknown, missing or out-of-range option.
Result<ExpressionPtr> CallOperator(const std::string& name, const std::vector<ExpressionPtr>& arguments, const NamedOptions& options = {});

/// The call of an allowed Arrow function with the values of its options; checks arity and options. For the serial form.
Result<arrow::compute::Expression> MakeCall(const FunctionEntry& function, std::vector<arrow::compute::Expression> arguments,
                                            const std::optional<std::vector<OptionValue>>& options);

}  // namespace millstream
