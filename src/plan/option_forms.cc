#include "plan/option_forms.h"

#include <arrow/array.h>
#include <arrow/compute/api.h>

#include <array>
#include <limits>
#include <optional>

namespace millstream {
namespace {

namespace compute = arrow::compute;
using Values = std::vector<OptionValue>;
using Made = Result<std::shared_ptr<compute::FunctionOptions>>;
using arrow::internal::checked_cast;

/// Far wider than any text needs, far narrower than what memory or Arrow's arithmetic bear.
constexpr int64_t kTextWidthMax = 1 << 16;
constexpr int64_t kSliceMax = std::numeric_limits<int32_t>::max();
constexpr int64_t kDigitsMax = 400;

const std::string& Text(const OptionValue& value) { return std::get<std::string>(value); }
int64_t Number(const OptionValue& value) { return std::get<int64_t>(value); }

const OptionValue kNoText = std::string();
const std::array<const char*, 11> kUnits = {"nanosecond", "microsecond", "millisecond", "second", "minute", "hour",
                                            "day",        "week",        "month",       "quarter", "year"};

Made MakeTimeUnit(const Values& values) {
  for (size_t unit = 0; unit < kUnits.size(); ++unit) {
    if (Text(values[0]) == kUnits[unit]) return std::make_shared<compute::RoundTemporalOptions>(1, static_cast<compute::CalendarUnit>(unit));
  }
  return MakeError(ErrorKind::kInvalidArgument, "unknown unit of time '" + Text(values[0]) + "'; known are nanosecond, microsecond, millisecond, second, minute, hour, "
                                                "day, week, month, quarter, year");
}

const std::array<const char*, 2> kOrders = {"ascending", "descending"};  // as compute::SortOrder counts them
const std::array<const char*, 2> kNullPlacements = {"at_start", "at_end"};

/// Which of the two the text is.
Result<int> EitherOf(const std::array<const char*, 2>& names, const std::string& option, const std::string& text) {
  for (int i = 0; i < 2; ++i) {
    if (text == names[i]) return i;
  }
  return MakeError(ErrorKind::kInvalidArgument, option + " must be '" + names[0] + "' or '" + names[1] + "', got '" + text + "'");
}

Made MakeSort(const Values& values) {
  ARROW_ASSIGN_OR_RAISE(const int order, EitherOf(kOrders, "order", Text(values[0])));
  ARROW_ASSIGN_OR_RAISE(const int placement, EitherOf(kNullPlacements, "null_placement", Text(values[1])));
  return std::make_shared<compute::ArraySortOptions>(static_cast<compute::SortOrder>(order), static_cast<compute::NullPlacement>(placement));
}

}  // namespace

const OptionsForm& ValueSetForm() {
  static const OptionsForm form = {
      {{"value_set", std::shared_ptr<arrow::Array>(), true}},
      [](const Values& values) -> Made { return std::make_shared<compute::SetLookupOptions>(std::get<std::shared_ptr<arrow::Array>>(values[0])); },
      [](const compute::FunctionOptions& options) -> Values { return {checked_cast<const compute::SetLookupOptions&>(options).value_set.make_array()}; }};
  return form;
}

const OptionsForm& CastForm() {
  static const OptionsForm form = {
      {{"type", std::shared_ptr<arrow::DataType>(), true}, {"safe", true}},
      [](const Values& values) -> Made {
        const auto& type = std::get<std::shared_ptr<arrow::DataType>>(values[0]);
        return std::make_shared<compute::CastOptions>(std::get<bool>(values[1]) ? compute::CastOptions::Safe(type) : compute::CastOptions::Unsafe(type));
      },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& cast = checked_cast<const compute::CastOptions&>(options);
        return {cast.to_type.GetSharedPtr(), !cast.allow_int_overflow};
      }};
  return form;
}

const OptionsForm& PatternForm() {
  static const OptionsForm form = {
      {{"pattern", kNoText, true}, {"ignore_case", false}},
      [](const Values& values) -> Made { return std::make_shared<compute::MatchSubstringOptions>(Text(values[0]), std::get<bool>(values[1])); },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& match = checked_cast<const compute::MatchSubstringOptions&>(options);
        return {match.pattern, match.ignore_case};
      }};
  return form;
}

const OptionsForm& ReplaceForm() {
  static const OptionsForm form = {
      {{"pattern", kNoText, true}, {"replacement", kNoText, true}, {"max_replacements", int64_t{-1}, false, -1}},
      [](const Values& values) -> Made {
        return std::make_shared<compute::ReplaceSubstringOptions>(Text(values[0]), Text(values[1]), Number(values[2]));
      },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& replace = checked_cast<const compute::ReplaceSubstringOptions&>(options);
        return {replace.pattern, replace.replacement, replace.max_replacements};
      }};
  return form;
}

const OptionsForm& TrimForm() {
  static const OptionsForm form = {
      {{"characters", kNoText, true}},
      [](const Values& values) -> Made { return std::make_shared<compute::TrimOptions>(Text(values[0])); },
      [](const compute::FunctionOptions& options) -> Values { return {checked_cast<const compute::TrimOptions&>(options).characters}; }};
  return form;
}

const OptionsForm& PadForm() {
  static const OptionsForm form = {
      {{"width", int64_t{0}, true, 0, kTextWidthMax}, {"padding", std::string(" ")}, {"lean_left_on_odd_padding", true}},
      [](const Values& values) -> Made {
        return std::make_shared<compute::PadOptions>(Number(values[0]), Text(values[1]), std::get<bool>(values[2]));
      },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& pad = checked_cast<const compute::PadOptions&>(options);
        return {pad.width, pad.padding, pad.lean_left_on_odd_padding};
      }};
  return form;
}

const OptionsForm& SliceForm() {
  static const OptionsForm form = {
      {{"start", int64_t{0}, false, -kSliceMax, kSliceMax}, {"stop", kSliceMax, false, -kSliceMax, kSliceMax}, {"step", int64_t{1}, false, -kSliceMax, kSliceMax}},
      [](const Values& values) -> Made {
        if (Number(values[2]) == 0) return MakeError(ErrorKind::kInvalidArgument, "slice: step must not be 0");
        return std::make_shared<compute::SliceOptions>(Number(values[0]), Number(values[1]), Number(values[2]));
      },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& slice = checked_cast<const compute::SliceOptions&>(options);
        return {slice.start, slice.stop, slice.step};
      }};
  return form;
}

const OptionsForm& RoundForm() {
  static const OptionsForm form = {
      {{"ndigits", int64_t{0}, false, -kDigitsMax, kDigitsMax}},
      [](const Values& values) -> Made { return std::make_shared<compute::RoundOptions>(Number(values[0]), compute::RoundMode::HALF_TO_EVEN); },
      [](const compute::FunctionOptions& options) -> Values { return {checked_cast<const compute::RoundOptions&>(options).ndigits}; }};
  return form;
}

const OptionsForm& TimeFormatForm() {
  static const OptionsForm form = {
      {{"format", kNoText, true}},
      [](const Values& values) -> Made { return std::make_shared<compute::StrftimeOptions>(Text(values[0])); },
      [](const compute::FunctionOptions& options) -> Values { return {checked_cast<const compute::StrftimeOptions&>(options).format}; }};
  return form;
}

const OptionsForm& TimeUnitForm() {
  static const OptionsForm form = {
      {{"unit", kNoText, true}},
      &MakeTimeUnit,
      [](const compute::FunctionOptions& options) -> Values {
        return {std::string(kUnits[static_cast<size_t>(checked_cast<const compute::RoundTemporalOptions&>(options).unit)])};
      }};
  return form;
}

const OptionsForm& FieldForm() {
  static const OptionsForm form = {
      {{"name", kNoText}, {"index", int64_t{-1}, false, -1, kSliceMax}},
      [](const Values& values) -> Made {
        const bool by_index = Number(values[1]) >= 0;
        return std::make_shared<compute::StructFieldOptions>(by_index ? arrow::FieldRef(static_cast<int>(Number(values[1]))) : arrow::FieldRef(Text(values[0])));
      },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& field = checked_cast<const compute::StructFieldOptions&>(options).field_ref;
        const auto* path = field.field_path();
        return {field.name() == nullptr ? std::string() : *field.name(), path == nullptr ? int64_t{-1} : int64_t{path->indices().at(0)}};
      }};
  return form;
}

const OptionsForm& ReplaceSliceForm() {
  static const OptionsForm form = {
      {{"start", int64_t{0}, true, -kSliceMax, kSliceMax}, {"stop", int64_t{0}, true, -kSliceMax, kSliceMax}, {"replacement", kNoText, true}},
      [](const Values& values) -> Made {
        return std::make_shared<compute::ReplaceSliceOptions>(Number(values[0]), Number(values[1]), Text(values[2]));
      },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& slice = checked_cast<const compute::ReplaceSliceOptions&>(options);
        return {slice.start, slice.stop, slice.replacement};
      }};
  return form;
}

const OptionsForm& SplitPatternForm() {
  static const OptionsForm form = {
      {{"pattern", kNoText, true}, {"max_splits", int64_t{-1}, false, -1}, {"reverse", false}},
      [](const Values& values) -> Made {
        return std::make_shared<compute::SplitPatternOptions>(Text(values[0]), Number(values[1]), std::get<bool>(values[2]));
      },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& split = checked_cast<const compute::SplitPatternOptions&>(options);
        return {split.pattern, split.max_splits, split.reverse};
      }};
  return form;
}

const OptionsForm& SplitForm() {
  static const OptionsForm form = {
      {{"max_splits", int64_t{-1}, false, -1}, {"reverse", false}},
      [](const Values& values) -> Made { return std::make_shared<compute::SplitOptions>(Number(values[0]), std::get<bool>(values[1])); },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& split = checked_cast<const compute::SplitOptions&>(options);
        return {split.max_splits, split.reverse};
      }};
  return form;
}

const OptionsForm& ExtractForm() {
  static const OptionsForm form = {
      {{"pattern", kNoText, true}},
      [](const Values& values) -> Made { return std::make_shared<compute::ExtractRegexOptions>(Text(values[0])); },
      [](const compute::FunctionOptions& options) -> Values { return {checked_cast<const compute::ExtractRegexOptions&>(options).pattern}; }};
  return form;
}

const OptionsForm& ListSliceForm() {
  static const OptionsForm form = {
      {{"start", int64_t{0}, false, 0, kSliceMax}, {"stop", int64_t{-1}, false, -1, kSliceMax}, {"step", int64_t{1}, false, 1, kSliceMax}, {"fixed_size", int64_t{-1}, false, -1, 1}},
      [](const Values& values) -> Made {
        const auto stop = Number(values[1]) < 0 ? std::nullopt : std::optional(Number(values[1]));
        const auto fixed = Number(values[3]) < 0 ? std::nullopt : std::optional(Number(values[3]) != 0);
        return std::make_shared<compute::ListSliceOptions>(Number(values[0]), stop, Number(values[2]), fixed);
      },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& slice = checked_cast<const compute::ListSliceOptions&>(options);
        const auto& fixed = slice.return_fixed_size_list;
        return {slice.start, slice.stop.value_or(-1), slice.step, fixed.has_value() ? int64_t{*fixed} : int64_t{-1}};
      }};
  return form;
}

const OptionsForm& SortForm() {
  static const OptionsForm form = {
      {{"order", std::string("ascending")}, {"null_placement", std::string("at_end")}},
      &MakeSort,
      [](const compute::FunctionOptions& options) -> Values {
        const auto& sort = checked_cast<const compute::ArraySortOptions&>(options);
        return {std::string(kOrders[static_cast<size_t>(sort.order)]), std::string(kNullPlacements[static_cast<size_t>(sort.null_placement)])};
      }};
  return form;
}

}  // namespace millstream
