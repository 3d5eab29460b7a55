#include "plan/expression.h"

#include <arrow/compute/api.h>
#include <arrow/compute/initialize.h>

#include <algorithm>

#include "plan/functions.h"
#include "plan/near_names.h"
#include "plan/nested_functions.h"
#include "plan/number_functions.h"
#include "plan/resolve_calls.h"

namespace millstream {
namespace {

/// Registers Arrow's kernels, which since Arrow 21 live in a library of their own, and ours.
Status InitialiseKernels() {
  static const Status status = [] {
    const Status initialised = arrow::compute::Initialize();
    ARROW_RETURN_NOT_OK(initialised);
    ARROW_RETURN_NOT_OK(RegisterNestedFunctions());
    return RegisterNumberFunctions();
  }();
  return status;
}

/// Arrow names its function and its kernels, which are not what the user wrote.
std::string BindingProblem(const std::string& message) {
  const std::string_view text = "has no kernel matching input types ";
  const auto at = message.find(text);
  if (at == std::string::npos) return message;
  return "not for values of types " + message.substr(at + text.size()) + "; cast one of them, as in col('a').cast('string')";
}

/// Arrow writes all options of a cast; its type is enough.
std::string WithShortCasts(std::string text) {
  constexpr std::string_view kBegin = "{to_type=", kRest = ", allow_int_overflow=";
  for (auto begin = text.find(kBegin); begin != std::string::npos; begin = text.find(kBegin, begin)) {
    const auto rest = text.find(kRest, begin);
    const auto end = rest == std::string::npos ? rest : text.find('}', rest);
    if (end == std::string::npos) break;
    text.erase(rest, end + 1 - rest);
    text.erase(begin, kBegin.size());
  }
  return text;
}

/// What to do where a result does not fit its type; empty for another problem.
std::string FitRemedy(const std::string& message) {
  if (message.find("overflow") != std::string::npos || message.find("not in range") != std::string::npos) {
    return "; compute with a type that holds it, as in col('a').cast('float64', safe=False)";
  }
  if (message.find("truncated") != std::string::npos) return "; cast(..., safe=False) drops what does not fit";
  return "";
}

}  // namespace

namespace {

int64_t CallsIn(const arrow::compute::Expression& tree) {
  const auto* call = tree.call();
  if (call == nullptr) return 0;
  int64_t calls = 1;
  for (const auto& argument : call->arguments) calls += CallsIn(argument);
  return calls;
}

}  // namespace

int64_t Expression::calls() const { return CallsIn(tree_); }

std::vector<std::string> Expression::columns() const {
  std::vector<std::string> names;
  for (const auto& reference : arrow::compute::FieldsInExpression(tree_)) {
    if (reference.name() == nullptr) continue;
    if (std::find(names.begin(), names.end(), *reference.name()) == names.end()) names.push_back(*reference.name());
  }
  return names;
}

std::string Expression::bare_column() const {
  const auto* reference = tree_.field_ref();
  return reference != nullptr && reference->name() != nullptr ? *reference->name() : "";
}

ExpressionPtr ColumnExpression(std::string name) {
  return std::make_shared<Expression>(arrow::compute::field_ref(arrow::FieldRef(std::move(name))));
}

ExpressionPtr LiteralExpression(arrow::Datum value) { return std::make_shared<Expression>(arrow::compute::literal(std::move(value))); }

Result<ExpressionPtr> Bind(const Expression& expression, const arrow::Schema& schema) {
  ARROW_RETURN_NOT_OK(InitialiseKernels());
  for (const std::string& name : expression.columns()) {
    if (schema.GetFieldIndex(name) < 0) return UnknownColumn(name, schema);
  }
  ARROW_RETURN_NOT_OK(CheckSize(expression.tree()));
  const auto resolved = ResolveCalls(expression.tree(), schema);
  const auto bound = resolved.ok() ? resolved->Bind(schema) : resolved;
  if (!bound.ok()) return MakeError(ErrorKind::kType, "cannot evaluate " + expression.ToString() + ": " + BindingProblem(bound.status().message()));
  return std::make_shared<Expression>(*bound);
}

std::shared_ptr<arrow::DataType> TypeOf(const Expression& bound) { return bound.tree().type()->GetSharedPtr(); }

Result<std::shared_ptr<arrow::ArrayData>> Evaluate(const Expression& bound, const arrow::RecordBatch& batch, arrow::MemoryPool* pool) {
  arrow::compute::ExecContext context(pool);
  context.set_use_threads(false);
  auto evaluated = arrow::compute::ExecuteScalarExpression(bound.tree(), arrow::compute::ExecBatch(batch), &context);
  if (!evaluated.ok()) {
    const Status& problem = evaluated.status();
    return WithContext(problem.WithMessage(problem.message(), FitRemedy(problem.message())), "evaluating " + WithShortCasts(bound.ToString()));
  }
  if (evaluated->is_array()) return evaluated->array();
  ARROW_ASSIGN_OR_RAISE(auto array, arrow::MakeArrayFromScalar(*evaluated->scalar(), batch.num_rows(), pool));
  return array->data();
}

}  // namespace millstream
