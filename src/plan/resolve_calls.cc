#include "plan/resolve_calls.h"

#include <arrow/compute/api.h>
#include <arrow/compute/registry.h>

#include <algorithm>
#include <set>

#include "plan/functions.h"

namespace millstream {
namespace {

namespace cp = arrow::compute;
using arrow::TypeHolder;
using Arguments = std::vector<cp::Expression>;

bool IsArithmetic(const std::string& function) {
  static const std::set<std::string> names = {"add_checked", "subtract_checked", "multiply_checked", "divide", "divide_checked", "modulo", "power_checked"};
  return names.contains(function);
}

bool IsComparison(const std::string& function) {
  static const std::set<std::string> names = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"};
  return names.contains(function);
}

/// Texts to join; a null among them is a text too.
bool AreTexts(const std::vector<TypeHolder>& types) {
  auto is_text = [](const TypeHolder& type) { return arrow::is_string(type.id()); };
  auto may_be = [&](const TypeHolder& type) { return is_text(type) || type.id() == arrow::Type::NA; };
  return std::any_of(types.begin(), types.end(), is_text) && std::all_of(types.begin(), types.end(), may_be);
}

bool MixesWholeAndFraction(const std::vector<TypeHolder>& types) {
  const bool whole = std::any_of(types.begin(), types.end(), [](const TypeHolder& type) { return arrow::is_integer(type.id()); });
  return whole && std::any_of(types.begin(), types.end(), [](const TypeHolder& type) { return arrow::is_floating(type.id()); });
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

/// Taking Python's remainder off first makes the division exact for whole numbers, and for fractions exact but for a rounding that round() undoes.
Result<cp::Expression> ResolveFloorDivide(const Arguments& arguments, const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto remainder, ResolveArithmetic("modulo", arguments, schema));
  ARROW_ASSIGN_OR_RAISE(const auto rest, ResolveArithmetic("subtract_checked", {arguments[0], remainder}, schema));
  ARROW_ASSIGN_OR_RAISE(const auto quotient, ResolveArithmetic("divide", {rest, arguments[1]}, schema));
  const auto rounded = cp::call("round", {quotient}, cp::RoundOptions(0, cp::RoundMode::HALF_TO_EVEN));
  ARROW_RETURN_NOT_OK(CheckSize(rounded));  // each one doubles what is in it
  return rounded;
}

/// A text constant beside a date or time, read as one; else the argument as it is.
Result<cp::Expression> ReadTime(const cp::Expression& argument, const TypeHolder& type, const TypeHolder& other) {
  if (argument.literal() == nullptr || !arrow::is_string(type.id()) || !arrow::is_temporal(other.id())) return argument;
  auto time = cp::Cast(*argument.literal(), other.GetSharedPtr());
  if (time.ok()) return cp::literal(std::move(*time));
  return Status::TypeError("the text ", argument.ToString(), " cannot be read as ", other.ToString(), "; write it as 2020-01-31 or 2020-01-31 12:00:00");
}

Result<cp::Expression> ResolveCall(const cp::Expression::Call& call, Arguments arguments, const arrow::Schema& schema) {
  const std::string& name = call.function_name;
  if (arguments.size() == 2 && name == "floor_divide") return ResolveFloorDivide(arguments, schema);
  if (!IsArithmetic(name) && !IsComparison(name)) return cp::call(name, std::move(arguments), call.options);
  ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(arguments, schema));
  if (name == "add_checked" && AreTexts(types)) {
    arguments.push_back(cp::literal(""));
    return cp::call("binary_join_element_wise", std::move(arguments), cp::JoinOptions(cp::JoinOptions::EMIT_NULL));
  }
  if (IsComparison(name) && arguments.size() == 2) {
    ARROW_ASSIGN_OR_RAISE(arguments[0], ReadTime(arguments[0], types[0], types[1]));
    ARROW_ASSIGN_OR_RAISE(arguments[1], ReadTime(arguments[1], types[1], types[0]));
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
