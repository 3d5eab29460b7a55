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

/// The type of texts that the type's values are, without dictionary or views; null for values that are none.
std::shared_ptr<arrow::DataType> TextType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::STRING:
    case arrow::Type::STRING_VIEW: return arrow::utf8();
    case arrow::Type::LARGE_STRING: return arrow::large_utf8();
    case arrow::Type::DICTIONARY: return TextType(*static_cast<const arrow::DictionaryType&>(type).value_type());
    default: return nullptr;
  }
}

/// The type to join texts as: null where one of the arguments is no text. A null among them is one too.
std::shared_ptr<arrow::DataType> TypeOfTexts(const std::vector<TypeHolder>& types) {
  std::shared_ptr<arrow::DataType> joined;
  for (const auto& type : types) {
    const auto text = TextType(*type.type);
    if (text == nullptr && type.id() != arrow::Type::NA) return nullptr;
    if (text != nullptr && (joined == nullptr || text->id() == arrow::Type::LARGE_STRING)) joined = text;
  }
  return joined;
}

cp::Expression JoinTexts(Arguments arguments, const std::vector<TypeHolder>& types, const std::shared_ptr<arrow::DataType>& text) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!types[i].type->Equals(*text)) arguments[i] = cp::call("cast", {arguments[i]}, cp::CastOptions::Safe(text));
  }
  arguments.push_back(cp::call("cast", {cp::literal("")}, cp::CastOptions::Safe(text)));
  return cp::call("binary_join_element_wise", std::move(arguments), cp::JoinOptions(cp::JoinOptions::EMIT_NULL));
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
    if (types[i].type->Equals(*wanted[i].type)) continue;
    auto options = cp::CastOptions::Safe(wanted[i].GetSharedPtr());
    options.allow_float_truncate = arrow::is_integer(types[i].id());  // a whole number beside a fraction is rounded to one, as Python does
    arguments[i] = cp::call("cast", {arguments[i]}, std::move(options));
  }
  return arguments;
}

cp::Expression CastTo(cp::Expression argument, const TypeHolder& type, const std::shared_ptr<arrow::DataType>& wanted) {
  return type.type->Equals(*wanted) ? std::move(argument) : cp::call("cast", {std::move(argument)}, cp::CastOptions::Safe(wanted));
}

/// Whether a comparison needs number_order: no type of Arrow holds all values of both.
bool NeedsOrder(const TypeHolder& whole, const TypeHolder& number) {
  if (!arrow::is_integer(whole.id())) return false;
  return arrow::is_floating(number.id()) || (whole.id() == arrow::Type::UINT64 && arrow::is_signed_integer(number.id()));
}

/// The numbers compared through their order: `whole < number` is `number_order(whole, number) < 0`.
cp::Expression CompareOrder(const std::string& name, const Arguments& arguments, const std::vector<TypeHolder>& types, bool swapped) {
  const size_t whole = swapped ? 1 : 0, number = swapped ? 0 : 1;
  const auto whole_type = types[whole].id() == arrow::Type::UINT64 ? arrow::uint64() : arrow::int64();
  const auto number_type = arrow::is_floating(types[number].id()) ? arrow::float64() : arrow::int64();
  auto order = cp::call("number_order", {CastTo(arguments[whole], types[whole], whole_type), CastTo(arguments[number], types[number], number_type)});
  const auto zero = cp::literal(0.0);
  return swapped ? cp::call(name, {zero, std::move(order)}) : cp::call(name, {std::move(order), zero});
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

bool IsFunctionOfLists(const std::string& name) {
  static const std::set<std::string> names = {"to_list", "sort_each", "flatten_each", "element_from_end"};
  return names.contains(name);
}

bool IsList(const arrow::DataType& type) { return type.id() != arrow::Type::MAP && (arrow::is_list_like(type.id()) || arrow::is_list_view(type.id())); }

/// The type with every list of a fixed size, or of another layout, a plain list; `large` where one of them is, so that all are alike.
std::shared_ptr<arrow::DataType> WithPlainLists(const arrow::DataType& type, bool large, int levels) {
  const auto& list = static_cast<const arrow::BaseListType&>(type);
  const bool nested = levels > 1 && IsList(*list.value_type());
  const auto items = list.value_field()->WithType(nested ? WithPlainLists(*list.value_type(), large, levels - 1) : list.value_type());
  return large ? arrow::large_list(items) : arrow::list(items);
}

bool HasLargeList(const arrow::DataType& type, int levels) {
  if (levels == 0 || !IsList(type)) return false;
  return type.id() == arrow::Type::LARGE_LIST || type.id() == arrow::Type::LARGE_LIST_VIEW || HasLargeList(*type.field(0)->type(), levels - 1);
}

/// A list view as a list. Arrow's cast of them is wrong: nested_functions.h.
cp::Expression WithoutView(cp::Expression argument, const TypeHolder& type) {
  return arrow::is_list_view(type.id()) ? cp::call("list_of_view", {std::move(argument)}) : argument;
}

Result<cp::Expression> ResolveCast(const cp::Expression::Call& call, Arguments arguments, const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(arguments, schema));
  arguments[0] = WithoutView(std::move(arguments[0]), types[0]);
  return cp::call("cast", std::move(arguments), call.options);
}

/// Functions of lists know one layout of them; a sort gives a list of a fixed size back as one.
Result<cp::Expression> ResolveLists(const cp::Expression::Call& call, Arguments arguments, const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(arguments, schema));
  const auto given = types[0].GetSharedPtr();
  if (!IsList(*given)) return Status::TypeError("this is a function of lists, not of ", given->ToString());
  const int levels = call.function_name == "flatten_each" ? 2 : 1;
  const auto plain = WithPlainLists(*given, HasLargeList(*given, levels), levels);
  arguments[0] = WithoutView(std::move(arguments[0]), types[0]);
  if (!plain->Equals(*given)) arguments[0] = cp::call("cast", {arguments[0]}, cp::CastOptions::Safe(plain));
  if (call.function_name == "to_list") return arguments[0];
  auto resolved = cp::call(call.function_name, std::move(arguments), call.options);
  const bool back = call.function_name == "sort_each" && given->id() == arrow::Type::FIXED_SIZE_LIST;
  return back ? cp::call("cast", {std::move(resolved)}, cp::CastOptions::Safe(given)) : resolved;
}

Result<cp::Expression> ResolveCall(const cp::Expression::Call& call, Arguments arguments, const arrow::Schema& schema) {
  const std::string& name = call.function_name;
  if (arguments.size() == 2 && name == "floor_divide") return ResolveFloorDivide(arguments, schema);
  if (!arguments.empty() && IsFunctionOfLists(name)) return ResolveLists(call, std::move(arguments), schema);
  if (!arguments.empty() && name == "cast") return ResolveCast(call, std::move(arguments), schema);
  if (!IsArithmetic(name) && !IsComparison(name)) return cp::call(name, std::move(arguments), call.options);
  ARROW_ASSIGN_OR_RAISE(const auto types, TypesOf(arguments, schema));
  if (const auto text = name == "add_checked" ? TypeOfTexts(types) : nullptr) return JoinTexts(std::move(arguments), types, text);
  if (IsComparison(name) && arguments.size() == 2) {
    ARROW_ASSIGN_OR_RAISE(arguments[0], ReadTime(arguments[0], types[0], types[1]));
    ARROW_ASSIGN_OR_RAISE(arguments[1], ReadTime(arguments[1], types[1], types[0]));
    if (NeedsOrder(types[0], types[1])) return CompareOrder(name, arguments, types, /*swapped=*/false);
    if (NeedsOrder(types[1], types[0])) return CompareOrder(name, arguments, types, /*swapped=*/true);
  }
  if (IsArithmetic(name)) {
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
