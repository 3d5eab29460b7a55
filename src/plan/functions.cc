#include "plan/functions.h"

#include <arrow/array.h>
#include <arrow/compute/api.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "plan/near_names.h"
#include "plan/option_forms.h"

namespace millstream {
namespace {

namespace compute = arrow::compute;
using Tree = compute::Expression;
using Trees = std::vector<Tree>;

constexpr int kMany = 1000;

/// Operators that are one Arrow function each: the name users know, and the function.
struct OperatorEntry {
  const char* name;
  FunctionEntry function;
};

const std::vector<OperatorEntry>& Operators() {
  static const std::vector<OperatorEntry> operators = {
      // Arithmetic. Whole numbers that overflow are an error, never another number.
      {"add", {"add_checked", 2, 2, nullptr}},
      {"subtract", {"subtract_checked", 2, 2, nullptr}},
      {"multiply", {"multiply_checked", 2, 2, nullptr}},
      {"divide", {"divide", 2, 2, nullptr}},
      {"floor_divide", {"floor_divide", 2, 2, nullptr}},  // resolve_calls.h makes it of others
      {"modulo", {"modulo", 2, 2, nullptr}},
      {"power", {"power_checked", 2, 2, nullptr}},
      {"negate", {"negate_checked", 1, 1, nullptr}},
      {"abs", {"abs_checked", 1, 1, nullptr}},
      {"sign", {"sign", 1, 1, nullptr}},
      {"floor", {"floor", 1, 1, nullptr}},
      {"ceil", {"ceil", 1, 1, nullptr}},
      {"trunc", {"trunc", 1, 1, nullptr}},
      {"round", {"round", 1, 1, &RoundForm()}},
      {"sqrt", {"sqrt", 1, 1, nullptr}},
      {"exp", {"exp", 1, 1, nullptr}},
      {"ln", {"ln", 1, 1, nullptr}},
      {"log10", {"log10", 1, 1, nullptr}},
      {"log2", {"log2", 1, 1, nullptr}},
      {"sin", {"sin", 1, 1, nullptr}},
      {"cos", {"cos", 1, 1, nullptr}},
      {"tan", {"tan", 1, 1, nullptr}},
      {"asin", {"asin", 1, 1, nullptr}},
      {"acos", {"acos", 1, 1, nullptr}},
      {"atan", {"atan", 1, 1, nullptr}},
      // Comparison and logic.
      {"equal", {"equal", 2, 2, nullptr}},
      {"not_equal", {"not_equal", 2, 2, nullptr}},
      {"less", {"less", 2, 2, nullptr}},
      {"less_equal", {"less_equal", 2, 2, nullptr}},
      {"greater", {"greater", 2, 2, nullptr}},
      {"greater_equal", {"greater_equal", 2, 2, nullptr}},
      {"and", {"and_kleene", 2, 2, nullptr}},
      {"or", {"or_kleene", 2, 2, nullptr}},
      {"xor", {"xor", 2, 2, nullptr}},
      {"not", {"invert", 1, 1, nullptr}},
      {"is_null", {"is_null", 1, 1, nullptr}},
      {"is_not_null", {"is_valid", 1, 1, nullptr}},
      {"is_nan", {"is_nan", 1, 1, nullptr}},
      {"is_in", {"is_in", 1, 1, &ValueSetForm()}},
      {"if_else", {"if_else", 3, 3, nullptr}},
      {"coalesce", {"coalesce", 1, kMany, nullptr}},
      {"fill_null", {"coalesce", 1, kMany, nullptr}},
      {"cast", {"cast", 1, 1, &CastForm()}},
      // Text.
      {"upper", {"utf8_upper", 1, 1, nullptr}},
      {"lower", {"utf8_lower", 1, 1, nullptr}},
      {"capitalize", {"utf8_capitalize", 1, 1, nullptr}},
      {"title", {"utf8_title", 1, 1, nullptr}},
      {"swapcase", {"utf8_swapcase", 1, 1, nullptr}},
      {"reverse", {"utf8_reverse", 1, 1, nullptr}},
      {"length", {"utf8_length", 1, 1, nullptr}},
      {"byte_length", {"binary_length", 1, 1, nullptr}},
      {"join", {"binary_join_element_wise", 2, kMany, nullptr}},  // the last argument goes between the others
      {"is_alpha", {"utf8_is_alpha", 1, 1, nullptr}},
      {"is_alnum", {"utf8_is_alnum", 1, 1, nullptr}},
      {"is_digit", {"utf8_is_digit", 1, 1, nullptr}},
      {"is_decimal", {"utf8_is_decimal", 1, 1, nullptr}},
      {"is_numeric", {"utf8_is_numeric", 1, 1, nullptr}},
      {"is_space", {"utf8_is_space", 1, 1, nullptr}},
      {"is_lower", {"utf8_is_lower", 1, 1, nullptr}},
      {"is_upper", {"utf8_is_upper", 1, 1, nullptr}},
      {"is_title", {"utf8_is_title", 1, 1, nullptr}},
      {"is_printable", {"utf8_is_printable", 1, 1, nullptr}},
      {"is_ascii", {"string_is_ascii", 1, 1, nullptr}},
      {"starts_with", {"starts_with", 1, 1, &PatternForm()}},
      {"ends_with", {"ends_with", 1, 1, &PatternForm()}},
      {"contains", {"match_substring", 1, 1, &PatternForm()}},
      {"match_like", {"match_like", 1, 1, &PatternForm()}},
      {"match_regex", {"match_substring_regex", 1, 1, &PatternForm()}},
      {"find", {"find_substring", 1, 1, &PatternForm()}},
      {"find_regex", {"find_substring_regex", 1, 1, &PatternForm()}},
      {"count", {"count_substring", 1, 1, &PatternForm()}},
      {"count_regex", {"count_substring_regex", 1, 1, &PatternForm()}},
      {"replace", {"replace_substring", 1, 1, &ReplaceForm()}},
      {"replace_regex", {"replace_substring_regex", 1, 1, &ReplaceForm()}},
      {"strip", {"utf8_trim_whitespace", 1, 1, nullptr}},
      {"lstrip", {"utf8_ltrim_whitespace", 1, 1, nullptr}},
      {"rstrip", {"utf8_rtrim_whitespace", 1, 1, nullptr}},
      {"strip_characters", {"utf8_trim", 1, 1, &TrimForm()}},
      {"lstrip_characters", {"utf8_ltrim", 1, 1, &TrimForm()}},
      {"rstrip_characters", {"utf8_rtrim", 1, 1, &TrimForm()}},
      {"pad_left", {"utf8_lpad", 1, 1, &PadForm()}},
      {"pad_right", {"utf8_rpad", 1, 1, &PadForm()}},
      {"center", {"utf8_center", 1, 1, &PadForm()}},
      {"slice", {"utf8_slice_codeunits", 1, 1, &SliceForm()}},
      {"replace_slice", {"utf8_replace_slice", 1, 1, &ReplaceSliceForm()}},
      {"split", {"split_pattern", 1, 1, &SplitPatternForm()}},
      {"split_regex", {"split_pattern_regex", 1, 1, &SplitPatternForm()}},
      {"split_whitespace", {"utf8_split_whitespace", 1, 1, &SplitForm()}},
      {"extract", {"extract_regex", 1, 1, &ExtractForm()}},
      {"repeat", {"binary_repeat", 2, 2, nullptr}},
      // Dates and times.
      {"year", {"year", 1, 1, nullptr}},
      {"quarter", {"quarter", 1, 1, nullptr}},
      {"month", {"month", 1, 1, nullptr}},
      {"day", {"day", 1, 1, nullptr}},
      {"day_of_week", {"day_of_week", 1, 1, nullptr}},
      {"day_of_year", {"day_of_year", 1, 1, nullptr}},
      {"hour", {"hour", 1, 1, nullptr}},
      {"minute", {"minute", 1, 1, nullptr}},
      {"second", {"second", 1, 1, nullptr}},
      {"millisecond", {"millisecond", 1, 1, nullptr}},
      {"microsecond", {"microsecond", 1, 1, nullptr}},
      {"nanosecond", {"nanosecond", 1, 1, nullptr}},
      {"strftime", {"strftime", 1, 1, &TimeFormatForm()}},
      {"floor_temporal", {"floor_temporal", 1, 1, &TimeUnitForm()}},
      {"ceil_temporal", {"ceil_temporal", 1, 1, &TimeUnitForm()}},
      {"round_temporal", {"round_temporal", 1, 1, &TimeUnitForm()}},
      // Nested values.
      {"struct_field", {"struct_field", 1, 1, &FieldForm()}},
      {"list_length", {"list_value_length", 1, 1, nullptr}},
      {"list_element", {"list_element", 2, 2, nullptr}},
      {"element_from_end", {"element_from_end", 2, 2, nullptr}},  // nested_functions.h has it, and the others that Arrow lacks
      {"list_slice", {"list_slice", 1, 1, &ListSliceForm()}},
      {"list_sort", {"sort_each", 1, 1, &SortForm()}},
      {"list_flatten", {"flatten_each", 1, 1, nullptr}},
      {"to_list", {"to_list", 1, 1, nullptr}},  // resolve_calls.h makes it a cast
      {"map_keys", {"map_keys", 1, 1, nullptr}},
      {"map_values", {"map_values", 1, 1, nullptr}},
  };
  return operators;
}

/// Operators put together from others.
struct Composition {
  const char* name;
  int arguments;
  const char* options_of;  // the operator whose options it takes; null: none
  Result<ExpressionPtr> (*make)(const std::vector<ExpressionPtr>& arguments, const NamedOptions& options);
};

Result<ExpressionPtr> NotIn(const std::vector<ExpressionPtr>& arguments, const NamedOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto in, CallOperator("is_in", arguments, options));
  return CallOperator("not", {in});
}

Result<ExpressionPtr> ConcatTwo(const std::vector<ExpressionPtr>& arguments, const NamedOptions&) {
  return CallOperator("join", {arguments[0], arguments[1], LiteralExpression(arrow::Datum(std::string()))});
}

constexpr std::array<Composition, 2> kCompositions = {{
    {"not_in", 1, "is_in", &NotIn},
    {"concat", 2, nullptr, &ConcatTwo},
}};

const OperatorEntry* FindOperator(const std::string& name) {
  static const auto* by_name = [] {
    auto* map = new std::unordered_map<std::string, const OperatorEntry*>();
    for (const auto& entry : Operators()) map->emplace(entry.name, &entry);
    return map;
  }();
  const auto found = by_name->find(name);
  return found == by_name->end() ? nullptr : found->second;
}

const Composition* FindComposition(const std::string& name) {
  const auto found = std::find_if(kCompositions.begin(), kCompositions.end(), [&](const Composition& entry) { return name == entry.name; });
  return found == kCompositions.end() ? nullptr : &*found;
}

Status UnknownOperator(const std::string& name) {
  const std::string near = NearestName(name, KnownOperators());
  return MakeError(ErrorKind::kInvalidArgument, "unknown operation '" + name + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

Status CheckArity(const std::string& name, size_t given, int min, int max) {
  if (given >= static_cast<size_t>(min) && given <= static_cast<size_t>(max)) return Status::OK();
  const std::string wanted = min == max ? std::to_string(min) : "at least " + std::to_string(min);
  return MakeError(ErrorKind::kInvalidArgument, name + " takes " + wanted + " expression(s), got " + std::to_string(given));
}

Status CheckOption(const std::string& function, const OptionField& field, const OptionValue& value) {
  const std::string what = function + ": option " + field.name;
  if (value.index() != field.fallback.index()) return MakeError(ErrorKind::kType, what + " has the wrong type");
  if (const auto* array = std::get_if<std::shared_ptr<arrow::Array>>(&value); array != nullptr && *array == nullptr) {
    return MakeError(ErrorKind::kInvalidArgument, what + " is missing");
  }
  if (const auto* type = std::get_if<std::shared_ptr<arrow::DataType>>(&value); type != nullptr && *type == nullptr) {
    return MakeError(ErrorKind::kInvalidArgument, what + " is missing");
  }
  const auto* number = std::get_if<int64_t>(&value);
  if (number != nullptr && (*number < field.min || *number > field.max)) {
    return MakeError(ErrorKind::kInvalidArgument, what + " must be from " + std::to_string(field.min) + " to " + std::to_string(field.max) + ", got " +
                                                      std::to_string(*number));
  }
  return Status::OK();
}

/// The options in the order of the form's fields, the ones left out by their defaults.
Result<std::vector<OptionValue>> InOrder(const std::string& name, const OptionsForm* form, const NamedOptions& options) {
  std::vector<OptionValue> values;
  size_t used = 0;
  for (const OptionField& field : form == nullptr ? std::vector<OptionField>() : form->fields) {
    const auto found = std::find_if(options.begin(), options.end(), [&](const auto& option) { return option.first == field.name; });
    if (found == options.end() && field.required) return MakeError(ErrorKind::kInvalidArgument, name + " needs the option " + field.name);
    used += found != options.end();
    values.push_back(found == options.end() ? field.fallback : found->second);
  }
  if (used != options.size()) return MakeError(ErrorKind::kInvalidArgument, name + " was given an option that it does not have");
  return values;
}

}  // namespace

std::vector<std::string> KnownOperators() {
  std::vector<std::string> names;
  for (const auto& entry : Operators()) names.push_back(entry.name);
  for (const auto& entry : kCompositions) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

const FunctionEntry* FindFunction(const std::string& arrow_name) {
  static const auto* by_name = [] {
    auto* map = new std::unordered_map<std::string, const FunctionEntry*>();
    for (const auto& entry : Operators()) map->emplace(entry.function.name, &entry.function);
    return map;
  }();
  const auto found = by_name->find(arrow_name);
  return found == by_name->end() ? nullptr : found->second;
}

Result<const OptionsForm*> OptionsOfOperator(const std::string& name) {
  if (const auto* composition = FindComposition(name)) {
    return composition->options_of == nullptr ? nullptr : FindOperator(composition->options_of)->function.options;
  }
  const auto* entry = FindOperator(name);
  if (entry == nullptr) return UnknownOperator(name);
  return entry->function.options;
}

Result<std::string> ArrowFunctionOf(const std::string& name) {
  const auto* entry = FindOperator(name);
  if (entry != nullptr) return std::string(entry->function.name);
  if (FindComposition(name) != nullptr) return MakeError(ErrorKind::kInvalidArgument, name + " is made of several functions");
  return UnknownOperator(name);
}

Status CheckSize(const Tree& tree) {
  std::vector<std::pair<const Tree*, int>> open = {{&tree, 1}};
  for (int nodes = 0; !open.empty(); ++nodes) {
    const auto [node, depth] = open.back();
    open.pop_back();
    if (nodes > kExpressionNodesMax || depth > kExpressionDepthMax) {
      return MakeError(ErrorKind::kInvalidArgument, "the expression is too large (more than " + std::to_string(kExpressionNodesMax) + " terms, or nested more than " +
                                                        std::to_string(kExpressionDepthMax) + " deep); use is_in for long lists, or materialize() in between");
    }
    if (node->call() == nullptr) continue;
    for (const Tree& argument : node->call()->arguments) open.emplace_back(&argument, depth + 1);
  }
  return Status::OK();
}

Result<Tree> MakeCall(const FunctionEntry& function, Trees arguments, const std::optional<std::vector<OptionValue>>& options) {
  ARROW_RETURN_NOT_OK(CheckArity(function.name, arguments.size(), function.arguments_min, function.arguments_max));
  if (!options.has_value()) return compute::call(function.name, std::move(arguments));
  if (function.options == nullptr || options->size() > function.options->fields.size()) {
    return MakeError(ErrorKind::kInvalidArgument, std::string(function.name) + " was given options that it does not have");
  }
  auto values = *options;
  for (size_t i = 0; i < function.options->fields.size(); ++i) {
    if (i == values.size()) values.push_back(function.options->fields[i].fallback);  // of a plan from before the option was there
    ARROW_RETURN_NOT_OK(CheckOption(function.name, function.options->fields[i], values[i]));
  }
  ARROW_ASSIGN_OR_RAISE(auto made, function.options->make(values));
  return compute::call(function.name, std::move(arguments), std::move(made));
}

Result<ExpressionPtr> CallOperator(const std::string& name, const std::vector<ExpressionPtr>& arguments, const NamedOptions& options) {
  if (const auto* composition = FindComposition(name)) {
    ARROW_RETURN_NOT_OK(CheckArity(name, arguments.size(), composition->arguments, composition->arguments));
    if (composition->options_of == nullptr && !options.empty()) return InOrder(name, nullptr, options).status();
    return composition->make(arguments, options);
  }
  const auto* entry = FindOperator(name);
  if (entry == nullptr) return UnknownOperator(name);
  Trees trees;
  for (const auto& argument : arguments) trees.push_back(argument->tree());
  ARROW_ASSIGN_OR_RAISE(auto values, InOrder(name, entry->function.options, options));
  std::optional<std::vector<OptionValue>> ordered;
  if (entry->function.options != nullptr) ordered = std::move(values);
  ARROW_ASSIGN_OR_RAISE(auto tree, MakeCall(entry->function, std::move(trees), ordered));
  ARROW_RETURN_NOT_OK(CheckSize(tree));
  return std::make_shared<Expression>(std::move(tree));
}

}  // namespace millstream
