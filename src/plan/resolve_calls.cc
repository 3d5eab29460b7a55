#include "plan/resolve_calls.h"

#include <arrow/compute/api.h>
#include <arrow/compute/registry.h>

#include <algorithm>
#include <set>

namespace millstream {
namespace {

namespace cp = arrow::compute;
using arrow::TypeHolder;
using Arguments = std::vector<cp::Expression>;

bool IsArithmetic(const std::string& function) {
  static const std::set<std::string> names = {"add_checked", "subtract_checked", "multiply_checked", "divide", "divide_checked", "power_checked"};
  return names.contains(function);
}

bool IsComparison(const std::string& function) {
  static const std::set<std::string> names = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"};
  return names.contains(function);
}

bool HasText(const std::vector<TypeHolder>& types) {
  return std::any_of(types.begin(), types.end(), [](const TypeHolder& type) { return arrow::is_string(type.id()); });
}

bool MixesWholeAndFraction(const std::vector<TypeHolder>& types) {
  const bool whole = std::any_of(types.begin(), types.end(), [](const TypeHolder& type) { return arrow::is_integer(type.id()); });
  return whole && std::any_of(types.begin(), types.end(), [](const TypeHolder& type) { return arrow::is_floating(type.id()); });
}

bool AllWhole(const std::vector<TypeHolder>& types) {
  return std::all_of(types.begin(), types.end(), [](const TypeHolder& type) { return arrow::is_integer(type.id()) || type.id() == arrow::Type::NA; });
}

Result<std::vector<TypeHolder>> TypesOf(const Arguments& arguments, const arrow::Schema& schema) {
  std::vector<TypeHolder> types;
  for (const auto& argument : arguments) {
    ARROW_ASSIGN_OR_RAISE(const auto bound, argument.Bind(schema));
    types.emplace_back(bound.type()->GetSharedPtr());
  }
  return types;
}

/// The arguments cast to the types that the function's kernel takes for them; as they are where it takes none (binding then says so).
Result<Arguments> CastToKernel(const std::string& name, Arguments arguments, const std::vector<TypeHolder>& types) {
  ARROW_ASSIGN_OR_RAISE(const auto function, cp::GetFunctionRegistry()->GetFunction(name));
  auto wanted = types;
  if (function->DispatchExact(types).ok() || !function->DispatchBest(&wanted).ok()) return arguments;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!types[i].type->Equals(*wanted[i].type)) {
      arguments[i] = cp::call("cast", {arguments[i]}, cp::CastOptions::Safe(wanted[i].GetSharedPtr()));
    }
  }
  return arguments;
}

Result<cp::Expression> ResolveArithmetic(const std::string& name, Arguments arguments, const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(arguments, schema));
  ARROW_ASSIGN_OR_RAISE(arguments, CastToKernel(name, std::move(arguments), types));
  return cp::call(name, std::move(arguments));
}

/// Quotient and remainder as Arrow divides: whole numbers towards zero.
struct Division {
  cp::Expression quotient;
  cp::Expression remainder;
  cp::Expression remainder_has_wrong_sign;
};

Result<Division> Divide(const Arguments& arguments, bool whole, const arrow::Schema& schema) {
  Division division;
  ARROW_ASSIGN_OR_RAISE(division.quotient, ResolveArithmetic("divide", arguments, schema));
  if (!whole) division.quotient = cp::call("floor", {division.quotient});
  ARROW_ASSIGN_OR_RAISE(const auto product, ResolveArithmetic("multiply_checked", {division.quotient, arguments[1]}, schema));
  ARROW_ASSIGN_OR_RAISE(division.remainder, ResolveArithmetic("subtract_checked", {arguments[0], product}, schema));
  const auto zero = cp::literal(int8_t{0});
  division.remainder_has_wrong_sign =
      cp::call("and_kleene", {cp::call("not_equal", {division.remainder, zero}),
                              cp::call("not_equal", {cp::call("less", {division.remainder, zero}), cp::call("less", {arguments[1], zero})})});
  return division;
}

Result<cp::Expression> ResolveFloorDivide(const Arguments& arguments, const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(arguments, schema));
  const bool whole = AllWhole(types);
  ARROW_ASSIGN_OR_RAISE(const auto division, Divide(arguments, whole, schema));
  if (!whole) return division.quotient;
  ARROW_ASSIGN_OR_RAISE(const auto lower, ResolveArithmetic("subtract_checked", {division.quotient, cp::literal(int8_t{1})}, schema));
  return cp::call("if_else", {division.remainder_has_wrong_sign, lower, division.quotient});
}

Result<cp::Expression> ResolveModulo(const Arguments& arguments, const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(arguments, schema));
  const bool whole = AllWhole(types);
  ARROW_ASSIGN_OR_RAISE(const auto division, Divide(arguments, whole, schema));
  if (!whole) return division.remainder;
  ARROW_ASSIGN_OR_RAISE(const auto shifted, ResolveArithmetic("add_checked", {division.remainder, arguments[1]}, schema));
  return cp::call("if_else", {division.remainder_has_wrong_sign, shifted, division.remainder});
}

Result<cp::Expression> ResolveCall(const cp::Expression::Call& call, Arguments arguments, const arrow::Schema& schema) {
  const std::string& name = call.function_name;
  if (arguments.size() == 2 && name == "floor_divide") return ResolveFloorDivide(arguments, schema);
  if (arguments.size() == 2 && name == "modulo") return ResolveModulo(arguments, schema);
  if (!IsArithmetic(name) && !IsComparison(name)) return cp::call(name, std::move(arguments), call.options);
  ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(arguments, schema));
  if (name == "add_checked" && HasText(types)) {
    arguments.push_back(cp::literal(""));
    return cp::call("binary_join_element_wise", std::move(arguments), cp::JoinOptions(cp::JoinOptions::EMIT_NULL));
  }
  if (IsArithmetic(name) || MixesWholeAndFraction(types)) {
    ARROW_ASSIGN_OR_RAISE(arguments, CastToKernel(name, std::move(arguments), types));
  }
  return cp::call(name, std::move(arguments), call.options);
}

}  // namespace

Result<cp::Expression> ResolveCalls(const cp::Expression& expression, const arrow::Schema& schema) {
  const auto* call = expression.call();
  if (call == nullptr) return expression;
  Arguments arguments;
  for (const auto& argument : call->arguments) {
    ARROW_ASSIGN_OR_RAISE(auto resolved, ResolveCalls(argument, schema));
    arguments.push_back(std::move(resolved));
  }
  return ResolveCall(*call, std::move(arguments), schema);
}

}  // namespace millstream
