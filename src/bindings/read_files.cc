#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
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
#include "format/images/image_format.h"
#include "format/ipc/ipc_format.h"
#include "format/json/json_format.h"
#include "format/limits.h"
#include "format/numpy/numpy_format.h"
#include "format/orc/orc_format.h"
#include "format/text/text_format.h"
#include "format/tfrecord/tfrecord_format.h"
#include "plan/read_files.h"
#include "plan/read_parquet.h"

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

Partitioning PartitioningFrom(const nb::dict& values) {
  Partitioning partitioning;
  const OptionFields fields(values);
  fields.Take("hive", &partitioning.hive);
  fields.Take("base_dir", &partitioning.base_directory);
  fields.Take("field_names", &partitioning.names);
  fields.TakeTypes("field_types", &partitioning.types);
  return partitioning;
}

using LimitValues = std::map<std::string, int64_t>;

/// `values`: by their names; those that are left out are what they are by default.
ReadLimits LimitsFrom(const LimitValues& values) {
  ReadLimits limits;
  for (const ReadLimit& limit : kReadLimits) {
    if (const auto value = values.find(limit.name); value != values.end()) limits.*limit.value = value->second;
  }
  return limits;
}

LimitValues DefaultLimits() {
  const ReadLimits limits;
  LimitValues values;
  for (const ReadLimit& limit : kReadLimits) values[limit.name] = limits.*limit.value;
  return values;
}

/// `schema`: an object with __arrow_c_schema__.
void CheckSchemaOf(const nb::object& schema, const LimitValues& values, const std::string& where) {
  const ReadLimits limits = LimitsFrom(values);
  RaiseIfFailed(CheckLimits(limits));
  RaiseIfFailed(CheckSchema(*ImportSchema(schema), limits, where));
}

FilesToRead FilesFrom(const nb::dict& values) {
  FilesToRead files;
  const OptionFields fields(values);
  fields.Take("paths", &files.paths);
  fields.Take("extensions", &files.extensions);
  fields.Take("ignore_missing_paths", &files.ignore_missing);
  if (values.contains("shuffle_seed")) files.shuffle_seed = nb::cast<uint64_t>(values["shuffle_seed"]);
  if (values.contains("kept")) files.kept = nb::cast<std::vector<std::string>>(values["kept"]);
  fields.Take("blocks", &files.blocks);
  std::string on_bad_file = "raise", on_bad_row = "raise";
  fields.Take("on_bad_file", &on_bad_file);
  fields.Take("on_bad_row", &on_bad_row);
  files.bad_data.file = ValueOrRaise(ParseOnBad("on_bad_file", on_bad_file));
  files.bad_data.row = ValueOrRaise(ParseOnBad("on_bad_row", on_bad_row));
  fields.Take("max_errors", &files.bad_data.errors_max);
  if (values.contains("limits")) files.limits = LimitsFrom(nb::cast<LimitValues>(values["limits"]));
  fields.Take("include_paths", &files.path.include_path);
  if (values.contains("partitioning")) files.path.partitioning = PartitioningFrom(nb::cast<nb::dict>(values["partitioning"]));
  CheckBlocks(files.blocks);
  return files;
}

/// What `read` gives, which returns a Result, without the lock.
template <typename Read>
auto WithoutGil(const Engine& engine, const Read& read) {
  auto result = [&]() -> decltype(read()) {
    const ReleaseGil release;
    ARROW_RETURN_NOT_OK(engine.CheckAlive());
    return read();
  }();
  return ValueOrRaise(std::move(result));
}

/// The same of a plan.
template <typename Read>
std::shared_ptr<PlanNode> PlanWithoutGil(const Engine& engine, const Read& read) {
  return std::const_pointer_cast<PlanNode>(WithoutGil(engine, read));
}

std::vector<std::string> ListedPaths(const Engine& engine, const nb::dict& values) {
  const FilesToRead files = FilesFrom(values);
  const auto listed = WithoutGil(engine, [&] { return ListFiles(*engine.env(), files); });
  std::vector<std::string> paths;
  for (const ListedFile& file : listed) paths.push_back(file.path);
  return paths;
}

std::shared_ptr<PlanNode> ReadFiles(const Engine& engine, const nb::dict& values, const MakeFormat& make) {
  const FilesToRead files = FilesFrom(values);
  return PlanWithoutGil(engine, [&] { return ReadFilesPlan(*engine.env(), files, make); });
}

std::shared_ptr<PlanNode> ReadParquet(const Engine& engine, const nb::dict& values, const std::optional<std::vector<std::string>>& columns) {
  FilesToRead files = FilesFrom(values);
  if (!values.contains("extensions")) files.extensions = {".parquet"};
  return PlanWithoutGil(engine, [&] { return ReadParquetPlan(engine.env(), engine.scheduler().get(), files, columns); });
}

std::shared_ptr<PlanNode> ReadCsv(const Engine& engine, const nb::dict& files, const nb::dict& options) {
  CsvOptions csv = CsvOptionsFrom(options);
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits& limits, BadFiles* bad) {
    csv.limits = limits;
    return CsvFormat::Make(engine.env(), listed, csv, engine.scheduler().get(), bad);
  });
}

/// `schema`: an object with __arrow_c_schema__, or None.
std::shared_ptr<PlanNode> ReadJson(const Engine& engine, const nb::dict& files, const nb::object& schema) {
  std::shared_ptr<arrow::Schema> given;
  if (!schema.is_none()) given = ImportSchema(schema);
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits& limits, BadFiles* bad) { return JsonFormat::Make(engine.env(), listed, given, limits, engine.scheduler().get(), bad); });
}

std::shared_ptr<PlanNode> ReadText(const Engine& engine, const nb::dict& files, bool drop_empty_lines) {
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits& limits, BadFiles* bad) { return TextFormat::Make(engine.env(), listed, {drop_empty_lines, limits}, engine.scheduler().get(), bad); });
}

std::shared_ptr<PlanNode> ReadIpc(const Engine& engine, const nb::dict& files) {
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits& limits, BadFiles* bad) { return IpcFormat::Make(engine.env(), listed, limits, engine.scheduler().get(), bad); });
}

std::shared_ptr<PlanNode> ReadOrc(const Engine& engine, const nb::dict& files) {
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits& limits, BadFiles* bad) { return OrcFormat::Make(engine.env(), listed, limits, engine.scheduler().get(), bad); });
}

std::shared_ptr<PlanNode> ReadNumpy(const Engine& engine, const nb::dict& files) {
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits&, BadFiles* bad) { return NumpyFormat::Make(engine.env(), listed, engine.scheduler().get(), bad); });
}

ImageMode ImageModeOf(const std::string& name) {
  if (name.empty()) return ImageMode::kAsStored;
  if (name == "L") return ImageMode::kGray;
  if (name == "RGB") return ImageMode::kRgb;
  if (name == "RGBA") return ImageMode::kRgba;
  throw nb::value_error(("mode is one of \"L\", \"RGB\", \"RGBA\", not \"" + name + "\"").c_str());
}

/// `height` and `width`: 0 and 0 for pictures as they are.
std::shared_ptr<PlanNode> ReadImages(const Engine& engine, const nb::dict& files, int64_t height, int64_t width, const std::string& mode) {
  const ImageMode image_mode = ImageModeOf(mode);
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits& limits, BadFiles* bad) {
    return ImageFormat::Make(engine.env(), listed, {height, width, image_mode, limits.pixels}, engine.scheduler().get(), bad);
  });
}

/// `features`: kind ("bytes", "float" or "int") and whether it is a list, by name.
std::shared_ptr<PlanNode> ReadTfRecords(const Engine& engine, const nb::dict& files, const std::map<std::string, std::pair<std::string, bool>>& features) {
  FeatureShapes given;
  for (const auto& [name, feature] : features) {
    const FeatureKind kind = feature.first == "bytes" ? FeatureKind::kBytes : feature.first == "float" ? FeatureKind::kFloat : FeatureKind::kInt;
    given[name] = {kind, feature.second};
  }
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits& limits, BadFiles* bad) { return TfRecordFormat::Make(engine.env(), listed, given, limits, engine.scheduler().get(), bad); });
}

std::shared_ptr<PlanNode> ReadBinary(const Engine& engine, const nb::dict& files) {
  return ReadFiles(engine, files, [&](const Files& listed, const ReadLimits&, BadFiles*) { return std::make_shared<const BinaryFormat>(engine.env(), listed); });
}

}  // namespace

void RegisterReadFiles(nb::module_& module) {
  module.def("default_limits", &DefaultLimits, "What each limit of readers is by default.");
  module.def("check_schema", &CheckSchemaOf, nb::arg("schema"), nb::arg("limits"), nb::arg("where"), "ValueError where there are too many columns, or too many within each other.");
  module.def("list_files", &ListedPaths, nb::arg("engine"), nb::arg("files"), "Paths of the files that a reader would read.");
  module.def("read_parquet", &ReadParquet, nb::arg("engine"), nb::arg("files"), nb::arg("columns") = nb::none());
  module.def("read_csv", &ReadCsv, nb::arg("engine"), nb::arg("files"), nb::arg("options"));
  module.def("read_json", &ReadJson, nb::arg("engine"), nb::arg("files"), nb::arg("schema").none());
  module.def("read_text", &ReadText, nb::arg("engine"), nb::arg("files"), nb::arg("drop_empty_lines"));
  module.def("read_ipc", &ReadIpc, nb::arg("engine"), nb::arg("files"));
  module.def("read_orc", &ReadOrc, nb::arg("engine"), nb::arg("files"));
  module.def("read_numpy", &ReadNumpy, nb::arg("engine"), nb::arg("files"));
  module.def("read_images", &ReadImages, nb::arg("engine"), nb::arg("files"), nb::arg("height"), nb::arg("width"), nb::arg("mode"));
  module.def("read_tfrecords", &ReadTfRecords, nb::arg("engine"), nb::arg("files"), nb::arg("features"));
  module.def("read_binary", &ReadBinary, nb::arg("engine"), nb::arg("files"));
}

}  // namespace millstream
