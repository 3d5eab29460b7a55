#include "plan/expression.h"

#include <arrow/array/builder_base.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/initialize.h>
#include <arrow/scalar.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "bindings/arrow_capsules.h"
#include "bindings/errors.h"
#include "bindings/register.h"
#include "plan/functions.h"
#include "plan/parse_filter.h"
#include "plan/parse_substrait.h"

namespace nb = nanobind;

namespace millstream {
namespace {

arrow::Datum IntegerOf(nb::handle value) {
  int64_t number = 0;
  if (nb::try_cast(value, number)) return arrow::Datum(number);
  uint64_t large = 0;
  if (nb::try_cast(value, large)) return arrow::Datum(large);
  throw nb::value_error("a whole number in an expression must fit 64 bits; write it as a float");
}

arrow::Datum ScalarOf(nb::handle value) {
  if (value.is_none()) return arrow::Datum(std::make_shared<arrow::NullScalar>());
  if (PyBool_Check(value.ptr())) return arrow::Datum(nb::cast<bool>(value));
  if (PyLong_Check(value.ptr())) return IntegerOf(value);
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

/// A Python value as the kind of option that `fallback` is.
OptionValue OptionOf(nb::handle value, const OptionValue& fallback) {
  if (std::holds_alternative<bool>(fallback)) return nb::cast<bool>(value);
  if (std::holds_alternative<int64_t>(fallback)) return nb::cast<int64_t>(value);
  if (std::holds_alternative<std::string>(fallback)) return nb::cast<std::string>(value);
  if (std::holds_alternative<std::shared_ptr<arrow::Array>>(fallback)) return ArrayOf(value);
  return ImportType(value);
}

NamedOptions OptionsOf(const std::string& op, const nb::dict& options) {
  const OptionsForm* form = ValueOrRaise(OptionsOfOperator(op));
  NamedOptions named;
  for (const auto& [key, value] : options) {
    const auto name = nb::cast<std::string>(key);
    if (form == nullptr) throw nb::value_error((op + " has no option " + name).c_str());
    const auto field = std::find_if(form->fields.begin(), form->fields.end(), [&](const OptionField& known) { return name == known.name; });
    if (field == form->fields.end()) throw nb::value_error((op + " has no option " + name).c_str());
    named.emplace_back(name, OptionOf(value, field->fallback));
  }
  return named;
}

ExpressionPtr Call(const std::string& op, const std::vector<ExpressionPtr>& arguments, const nb::dict& options) {
  return ValueOrRaise(CallOperator(op, arguments, OptionsOf(op, options)));
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
  module.def("arrow_function", [](const std::string& op) { return ValueOrRaise(ArrowFunctionOf(op)); }, nb::arg("op"));
  module.def("parse_filter", [](const std::string& text) { return std::const_pointer_cast<Expression>(ValueOrRaise(ParseFilter(text))); }, nb::arg("text"));
  module.def("parse_substrait", [](const nb::bytes& message, nb::handle schema) {
    return std::const_pointer_cast<Expression>(ValueOrRaise(ParseSubstrait({message.c_str(), message.size()}, *ImportSchema(schema))));
  }, nb::arg("message"), nb::arg("schema"));
}

}  // namespace millstream
