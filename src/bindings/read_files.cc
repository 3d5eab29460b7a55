#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/arrow_capsules.h"
#include "bindings/blocks.h"
#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "exec/engine.h"
#include "format/binary/binary_format.h"
#include "format/csv/csv_format.h"
#include "format/json/json_format.h"
#include "format/path_columns.h"
#include "format/text/text_format.h"
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

/// What all readers of files are given: paths, extensions, blocks, and of what paths tell.
struct FileArguments {
  std::vector<std::string> paths;
  std::vector<std::string> extensions;
  bool ignore_missing = false;
  int64_t blocks = 0;
  PathOptions path;
};

Partitioning PartitioningFrom(const nb::dict& values) {
  Partitioning partitioning;
  const OptionFields fields(values);
  fields.Take("hive", &partitioning.hive);
  fields.Take("base_dir", &partitioning.base_directory);
  fields.Take("field_names", &partitioning.names);
  fields.TakeTypes("field_types", &partitioning.types);
  return partitioning;
}

FileArguments FileArgumentsFrom(const nb::dict& values) {
  FileArguments arguments;
  const OptionFields fields(values);
  fields.Take("paths", &arguments.paths);
  fields.Take("extensions", &arguments.extensions);
  fields.Take("ignore_missing_paths", &arguments.ignore_missing);
  fields.Take("blocks", &arguments.blocks);
  fields.Take("include_paths", &arguments.path.include_path);
  if (values.contains("partitioning")) arguments.path.partitioning = PartitioningFrom(nb::cast<nb::dict>(values["partitioning"]));
  CheckBlocks(arguments.blocks);
  return arguments;
}

/// `make` gives the format of a listing.
template <typename MakeFormat>
std::shared_ptr<PlanNode> ReadFiles(const Engine& engine, const nb::dict& values, const MakeFormat& make) {
  const FileArguments arguments = FileArgumentsFrom(values);
  const auto open = [&]() -> Result<PlanPtr> {
    ARROW_RETURN_NOT_OK(engine.CheckAlive());
    ARROW_ASSIGN_OR_RAISE(auto listed, ListFiles(*engine.env(), arguments.paths, arguments.extensions, arguments.ignore_missing));
    const auto files = std::make_shared<const std::vector<ListedFile>>(std::move(listed));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<const FileFormat> format, make(files));
    ARROW_ASSIGN_OR_RAISE(format, PathColumns::Add(std::move(format), *files, arguments.path));
    return ReadFilesPlan(std::move(format), files, arguments.blocks);
  };
  Result<PlanPtr> plan = nullptr;
  {
    const ReleaseGil release;
    plan = open();
  }
  return std::const_pointer_cast<PlanNode>(ValueOrRaise(std::move(plan)));
}

std::shared_ptr<PlanNode> ReadCsv(const Engine& engine, const nb::dict& files, const nb::dict& options) {
  const CsvOptions csv = CsvOptionsFrom(options);
  return ReadFiles(engine, files, [&](const Files& listed) { return CsvFormat::Make(engine.env(), listed, csv, engine.scheduler().get()); });
}

/// `schema`: an object with __arrow_c_schema__, or None.
std::shared_ptr<PlanNode> ReadJson(const Engine& engine, const nb::dict& files, const nb::object& schema) {
  std::shared_ptr<arrow::Schema> given;
  if (!schema.is_none()) given = ImportSchema(schema);
  return ReadFiles(engine, files, [&](const Files& listed) { return JsonFormat::Make(engine.env(), listed, given, engine.scheduler().get()); });
}

std::shared_ptr<PlanNode> ReadText(const Engine& engine, const nb::dict& files, bool drop_empty_lines) {
  return ReadFiles(engine, files, [&](const Files& listed) { return TextFormat::Make(engine.env(), listed, {drop_empty_lines}, engine.scheduler().get()); });
}

std::shared_ptr<PlanNode> ReadBinary(const Engine& engine, const nb::dict& files) {
  return ReadFiles(engine, files, [&](const Files& listed) -> Result<std::shared_ptr<const BinaryFormat>> { return std::make_shared<const BinaryFormat>(engine.env(), listed); });
}

}  // namespace

void RegisterReadFiles(nb::module_& module) {
  module.def("read_csv", &ReadCsv, nb::arg("engine"), nb::arg("files"), nb::arg("options"));
  module.def("read_json", &ReadJson, nb::arg("engine"), nb::arg("files"), nb::arg("schema").none());
  module.def("read_text", &ReadText, nb::arg("engine"), nb::arg("files"), nb::arg("drop_empty_lines"));
  module.def("read_binary", &ReadBinary, nb::arg("engine"), nb::arg("files"));
}

}  // namespace millstream
