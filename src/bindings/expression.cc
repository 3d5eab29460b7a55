#include "plan/expression.h"

#include <arrow/array/builder_base.h>
#include <arrow/compute/api.h>
#include <arrow/compute/initialize.h>
#include <arrow/scalar.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <unordered_map>

#include "bindings/arrow_capsules.h"
#include "bindings/errors.h"
#include "bindings/register.h"

namespace nb = nanobind;

namespace millstream {
namespace {

/// Operators as Python and ray.data name them, and the Arrow function each is.
const std::unordered_map<std::string, std::string>& Functions() {
  static const std::unordered_map<std::string, std::string> functions = {
      {"add", "add_checked"},       {"subtract", "subtract_checked"},
      {"multiply", "multiply_checked"}, {"divide", "divide"},
      {"floor_divide", "floor_divide"}, {"modulo", "modulo"},
      {"power", "power_checked"},   {"negate", "negate_checked"},
      {"abs", "abs_checked"},       {"equal", "equal"},
      {"not_equal", "not_equal"},   {"less", "less"},
      {"less_equal", "less_equal"}, {"greater", "greater"},
      {"greater_equal", "greater_equal"}, {"and", "and_kleene"},
      {"or", "or_kleene"},          {"not", "invert"},
      {"is_null", "is_null"},       {"is_not_null", "is_valid"},
      {"floor", "floor"},           {"ceil", "ceil"},
      {"round", "round"},           {"upper", "utf8_upper"},
      {"lower", "utf8_lower"},      {"length", "utf8_length"},
      {"if_else", "if_else"},       {"fill_null", "coalesce"},
  };
  return functions;
}

arrow::Datum ScalarOf(nb::handle value) {
  if (value.is_none()) return arrow::Datum(std::make_shared<arrow::NullScalar>());
  if (PyBool_Check(value.ptr())) return arrow::Datum(nb::cast<bool>(value));
  if (PyLong_Check(value.ptr())) return arrow::Datum(nb::cast<int64_t>(value));
  if (PyFloat_Check(value.ptr())) return arrow::Datum(nb::cast<double>(value));
  if (PyUnicode_Check(value.ptr())) return arrow::Datum(std::make_shared<arrow::StringScalar>(nb::cast<std::string>(value)));
  if (PyBytes_Check(value.ptr())) {
    return arrow::Datum(std::make_shared<arrow::BinaryScalar>(
        arrow::Buffer::FromString(std::string(PyBytes_AsString(value.ptr()), PyBytes_Size(value.ptr())))));
  }
  if (!nb::hasattr(value, "__arrow_c_array__")) throw nb::type_error("a literal must be None, bool, int, float, str, bytes or an Arrow array of one value");
  const auto array = ImportArray(value);
  if (array->length() != 1) throw nb::value_error("a literal must be one value");
  return arrow::Datum(ValueOrRaise(array->GetScalar(0)));
}

/// The type of both; whole numbers beside fractions become fractions.
std::shared_ptr<arrow::DataType> CommonType(const std::shared_ptr<arrow::DataType>& left, const std::shared_ptr<arrow::DataType>& right) {
  using arrow::Type;
  if (left->id() == Type::NA || right->Equals(left)) return right;
  if (right->id() == Type::NA) return left;
  const bool numbers = (left->id() == Type::INT64 && right->id() == Type::DOUBLE) || (left->id() == Type::DOUBLE && right->id() == Type::INT64);
  if (!numbers) throw nb::type_error(("is_in takes values of one type, got " + left->ToString() + " and " + right->ToString()).c_str());
  return arrow::float64();
}

std::shared_ptr<arrow::Scalar> CastScalar(const std::shared_ptr<arrow::Scalar>& value, const std::shared_ptr<arrow::DataType>& type) {
  if (!value->is_valid) return arrow::MakeNullScalar(type);
  return value->type->Equals(type) ? value : ValueOrRaise(arrow::compute::Cast(value, type)).scalar();
}

/// An Arrow array, or a sequence of plain values of one type.
std::shared_ptr<arrow::Array> ArrayOf(nb::handle values) {
  if (nb::hasattr(values, "__arrow_c_array__")) return ImportArray(values);
  std::vector<std::shared_ptr<arrow::Scalar>> scalars;
  for (nb::handle value : values) scalars.push_back(ScalarOf(value).scalar());
  std::shared_ptr<arrow::DataType> type = arrow::null();
  for (const auto& scalar : scalars) type = CommonType(type, scalar->type);
  RaiseIfFailed(arrow::compute::Initialize());
  std::unique_ptr<arrow::ArrayBuilder> builder = ValueOrRaise(arrow::MakeBuilder(type));
  for (const auto& scalar : scalars) RaiseIfFailed(builder->AppendScalar(*CastScalar(scalar, type)));
  return ValueOrRaise(builder->Finish());
}

ExpressionPtr Wrap(arrow::compute::Expression tree) { return std::make_shared<Expression>(std::move(tree)); }

ExpressionPtr Call(const std::string& op, const std::vector<ExpressionPtr>& arguments, const nb::dict& options) {
  std::vector<arrow::compute::Expression> trees;
  for (const auto& argument : arguments) trees.push_back(argument->tree());
  auto text = [&](const char* key) { return nb::cast<std::string>(options[key]); };
  if (op == "is_in") {
    return Wrap(arrow::compute::call("is_in", std::move(trees), arrow::compute::SetLookupOptions(ArrayOf(options["value_set"]))));
  }
  if (op == "cast") {
    const bool safe = !options.contains("safe") || nb::cast<bool>(options["safe"]);
    return Wrap(arrow::compute::call("cast", std::move(trees),
                                     safe ? arrow::compute::CastOptions::Safe(ImportType(options["type"])) : arrow::compute::CastOptions::Unsafe(ImportType(options["type"]))));
  }
  if (op == "starts_with" || op == "ends_with" || op == "contains") {
    const std::string function = op == "contains" ? "match_substring" : op;
    return Wrap(arrow::compute::call(function, std::move(trees), arrow::compute::MatchSubstringOptions(text("pattern"))));
  }
  const auto found = Functions().find(op);
  if (found == Functions().end()) throw nb::value_error(("unknown operation " + op).c_str());
  return Wrap(arrow::compute::call(found->second, std::move(trees)));
}

}  // namespace

void RegisterExpression(nb::module_& module) {
  nb::class_<Expression>(module, "Expression")
      .def("__str__", &Expression::ToString)
      .def("columns", &Expression::columns)
      .def("output_name", [](const Expression& expression) -> std::optional<std::string> {
        auto name = expression.bare_column();
        return name.empty() ? std::nullopt : std::optional(std::move(name));
      });
  module.def("column", [](std::string name) { return std::const_pointer_cast<Expression>(ColumnExpression(std::move(name))); });
  module.def("literal", [](nb::handle value) { return std::const_pointer_cast<Expression>(LiteralExpression(ScalarOf(value))); }, nb::arg("value").none());
  module.def("call", [](const std::string& op, const std::vector<std::shared_ptr<Expression>>& arguments, const nb::dict& options) {
    return std::const_pointer_cast<Expression>(Call(op, {arguments.begin(), arguments.end()}, options));
  }, nb::arg("op"), nb::arg("args"), nb::arg("options") = nb::dict());
}

}  // namespace millstream
