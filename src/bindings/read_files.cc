#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <functional>

#include "bindings/arrow_capsules.h"
#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "exec/engine.h"
#include "format/csv/csv_format.h"
#include "plan/blocks.h"
#include "plan/logical_plan.h"

namespace nb = nanobind;

namespace millstream {
namespace {

/// Fields of an options dict, under the names of pyarrow's attributes; those that are left out stay as they are.
class OptionFields {
 public:
  explicit OptionFields(const nb::dict& values) : values_(values) {}
  template <typename T>
  void Take(const char* name, T* out) const {
    if (values_.contains(name)) *out = nb::cast<T>(values_[name]);
  }
  void TakeCharacter(const char* name, char* out) const {
    if (values_.contains(name)) *out = nb::cast<std::string>(values_[name]).at(0);
  }
  /// None or False: `flag` is off.
  void TakeCharacter(const char* name, bool* flag, char* out) const {
    if (!values_.contains(name)) return;
    *flag = nb::isinstance<nb::str>(values_[name]);
    if (*flag) TakeCharacter(name, out);
  }
  void TakeTypes(const char* name, std::unordered_map<std::string, std::shared_ptr<arrow::DataType>>* out) const {
    if (!values_.contains(name)) return;
    for (const auto& [column, type] : nb::cast<nb::dict>(values_[name])) (*out)[nb::cast<std::string>(column)] = ImportType(type);
  }

 private:
  const nb::dict& values_;
};

CsvOptions CsvOptionsFrom(const nb::dict& values) {
  CsvOptions options;
  const OptionFields fields(values);
  fields.Take("column_names", &options.column_names);
  fields.Take("autogenerate_column_names", &options.autogenerate_column_names);
  fields.Take("skip_rows", &options.skip_rows);
  fields.Take("skip_rows_after_names", &options.skip_rows_after_names);
  fields.TakeCharacter("delimiter", &options.parse.delimiter);
  fields.TakeCharacter("quote_char", &options.parse.quoting, &options.parse.quote_char);
  fields.TakeCharacter("escape_char", &options.parse.escaping, &options.parse.escape_char);
  fields.Take("double_quote", &options.parse.double_quote);
  fields.Take("newlines_in_values", &options.parse.newlines_in_values);
  fields.Take("ignore_empty_lines", &options.parse.ignore_empty_lines);
  fields.Take("check_utf8", &options.convert.check_utf8);
  fields.TakeTypes("column_types", &options.convert.column_types);
  fields.Take("null_values", &options.convert.null_values);
  fields.Take("true_values", &options.convert.true_values);
  fields.Take("false_values", &options.convert.false_values);
  fields.Take("strings_can_be_null", &options.convert.strings_can_be_null);
  fields.Take("quoted_strings_can_be_null", &options.convert.quoted_strings_can_be_null);
  fields.TakeCharacter("decimal_point", &options.convert.decimal_point);
  fields.Take("include_columns", &options.convert.include_columns);
  fields.Take("include_missing_columns", &options.convert.include_missing_columns);
  fields.Take("timestamp_formats", &options.timestamp_formats);
  return options;
}

using Files = std::shared_ptr<const std::vector<ListedFile>>;
using MakeFormat = std::function<Result<std::shared_ptr<const FileFormat>>(const Files& files)>;

std::shared_ptr<PlanNode> ReadFiles(const Engine& engine, const std::vector<std::string>& paths, const std::vector<std::string>& extensions, int64_t blocks, const MakeFormat& make) {
  if (blocks < 0 || blocks > kBlocksMax) throw nb::value_error(("the number of blocks must be from 0 to " + std::to_string(kBlocksMax)).c_str());
  const auto open = [&]() -> Result<PlanPtr> {
    ARROW_RETURN_NOT_OK(engine.CheckAlive());
    ARROW_ASSIGN_OR_RAISE(auto listed, ListFiles(*engine.env(), paths, extensions));
    const auto files = std::make_shared<const std::vector<ListedFile>>(std::move(listed));
    ARROW_ASSIGN_OR_RAISE(auto format, make(files));
    return ReadFilesPlan(std::move(format), files, blocks);
  };
  Result<PlanPtr> plan = nullptr;
  {
    const ReleaseGil release;
    plan = open();
  }
  return std::const_pointer_cast<PlanNode>(ValueOrRaise(std::move(plan)));
}

std::shared_ptr<PlanNode> ReadCsv(const Engine& engine, const std::vector<std::string>& paths, const std::vector<std::string>& extensions, const nb::dict& options,
                                  int64_t blocks) {
  const CsvOptions csv = CsvOptionsFrom(options);
  return ReadFiles(engine, paths, extensions, blocks, [&](const Files& files) { return CsvFormat::Make(engine.env(), files, csv, engine.scheduler().get()); });
}

}  // namespace

void RegisterReadFiles(nb::module_& module) {
  module.def("read_csv", &ReadCsv, nb::arg("engine"), nb::arg("paths"), nb::arg("extensions"), nb::arg("options"), nb::arg("blocks") = 0);
}

}  // namespace millstream
