#include "plan/option_forms.h"

#include <arrow/array.h>
#include <arrow/compute/api.h>

#include <array>
#include <limits>

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
      {{"width", int64_t{0}, true, 0, kTextWidthMax}, {"padding", std::string(" ")}},
      [](const Values& values) -> Made { return std::make_shared<compute::PadOptions>(Number(values[0]), Text(values[1])); },
      [](const compute::FunctionOptions& options) -> Values {
        const auto& pad = checked_cast<const compute::PadOptions&>(options);
        return {pad.width, pad.padding};
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

const OptionsForm& FieldNameForm() {
  static const OptionsForm form = {
      {{"name", kNoText, true}},
      [](const Values& values) -> Made { return std::make_shared<compute::StructFieldOptions>(arrow::FieldRef(Text(values[0]))); },
      [](const compute::FunctionOptions& options) -> Values {
        const auto* name = checked_cast<const compute::StructFieldOptions&>(options).field_ref.name();
        return {name == nullptr ? std::string() : *name};
      }};
  return form;
}

}  // namespace millstream
