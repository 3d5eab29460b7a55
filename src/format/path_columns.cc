#include "format/path_columns.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/util.h>
#include <arrow/scalar.h>
#include <arrow/util/uri.h>

#include <algorithm>
#include <utility>

namespace millstream {
namespace {

constexpr std::string_view kHiveNull = "__HIVE_DEFAULT_PARTITION__";

using Values = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string> DirectoriesOf(const std::string& path, const std::string& base) {
  std::string_view rest = path;
  if (rest.starts_with(base)) rest.remove_prefix(base.size());
  std::vector<std::string> directories;
  for (size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    if (slash > 0) directories.emplace_back(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
  }
  return directories;
}

Status DoesNotFit(const std::string& path, const std::string& why) {
  return MakeError(ErrorKind::kInvalidArgument, "file " + path + " does not fit the partitioning: " + why + "; name other paths, or give another partitioning");
}

Result<Values> HiveValues(const std::string& path, const Partitioning& partitioning) {
  Values values;
  for (const std::string& directory : DirectoriesOf(path, partitioning.base_directory)) {
    const size_t equals = directory.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string name = arrow::util::UriUnescape(directory.substr(0, equals));
    const bool twice = std::any_of(values.begin(), values.end(), [&](const auto& value) { return value.first == name; });
    if (twice) return DoesNotFit(path, "it has '" + name + "' twice");
    values.emplace_back(name, arrow::util::UriUnescape(directory.substr(equals + 1)));
  }
  if (partitioning.names.empty()) return values;
  for (size_t i = 0; i < std::max(values.size(), partitioning.names.size()); ++i) {
    if (i < values.size() && i < partitioning.names.size() && values[i].first == partitioning.names[i]) continue;
    return DoesNotFit(path, i < partitioning.names.size() ? "'" + partitioning.names[i] + "=...' is missing, or not in its place" : "'" + values[i].first + "' is no field of it");
  }
  return values;
}

Result<Values> DirectoryValues(const std::string& path, const Partitioning& partitioning) {
  const auto directories = DirectoriesOf(path, partitioning.base_directory);
  if (directories.empty()) return Values{};
  if (directories.size() != partitioning.names.size()) {
    return DoesNotFit(path, "it is in " + std::to_string(directories.size()) + " directories, and there are " + std::to_string(partitioning.names.size()) + " fields");
  }
  Values values;
  for (size_t i = 0; i < directories.size(); ++i) values.emplace_back(partitioning.names[i], arrow::util::UriUnescape(directories[i]));
  return values;
}

Result<std::shared_ptr<arrow::Array>> ColumnOf(const std::string& name, const std::vector<Values>& of_files, const std::vector<ListedFile>& files, const std::shared_ptr<arrow::DataType>& type) {
  ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(type));
  for (size_t file = 0; file < files.size(); ++file) {
    const auto found = std::find_if(of_files[file].begin(), of_files[file].end(), [&](const auto& value) { return value.first == name; });
    if (found == of_files[file].end() || found->second == kHiveNull) {
      ARROW_RETURN_NOT_OK(builder->AppendNull());
      continue;
    }
    const auto scalar = arrow::Scalar::Parse(type, found->second);
    if (!scalar.ok()) return DoesNotFit(files[file].path, "'" + found->second + "' of '" + name + "' is no " + type->ToString());
    ARROW_RETURN_NOT_OK(builder->AppendScalar(**scalar));
  }
  return builder->Finish();
}

/// The batches of a file, with the values of that file behind their columns.
class WithValues : public arrow::RecordBatchReader {
 public:
  WithValues(std::shared_ptr<arrow::RecordBatchReader> reader, std::shared_ptr<arrow::Schema> schema, const arrow::RecordBatch& values, int64_t file, arrow::MemoryPool* pool)
      : reader_(std::move(reader)), schema_(std::move(schema)), values_(values), file_(file), pool_(pool) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    ARROW_RETURN_NOT_OK(reader_->ReadNext(out));
    if (*out == nullptr) return Status::OK();
    auto columns = (*out)->columns();
    for (const auto& values : values_.columns()) {
      ARROW_ASSIGN_OR_RAISE(const auto value, values->GetScalar(file_));
      ARROW_ASSIGN_OR_RAISE(auto column, arrow::MakeArrayFromScalar(*value, (*out)->num_rows(), pool_));
      columns.push_back(std::move(column));
    }
    *out = arrow::RecordBatch::Make(schema_, (*out)->num_rows(), std::move(columns));
    return Status::OK();
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> reader_;
  const std::shared_ptr<arrow::Schema> schema_;
  const arrow::RecordBatch& values_;
  const int64_t file_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

Result<std::shared_ptr<const FileFormat>> PathColumns::Add(std::shared_ptr<const FileFormat> format, const std::vector<ListedFile>& files, const PathOptions& options) {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  if (options.partitioning.has_value()) {
    std::vector<Values> of_files;
    std::vector<std::string> names;  // in order of first appearance
    for (const ListedFile& file : files) {
      ARROW_ASSIGN_OR_RAISE(auto values, options.partitioning->hive ? HiveValues(file.path, *options.partitioning) : DirectoryValues(file.path, *options.partitioning));
      for (const auto& value : values) {
        if (std::find(names.begin(), names.end(), value.first) == names.end()) names.push_back(value.first);
      }
      of_files.push_back(std::move(values));
    }
    for (const std::string& name : names) {
      const auto given = options.partitioning->types.find(name);
      const auto type = given == options.partitioning->types.end() ? arrow::utf8() : given->second;
      ARROW_ASSIGN_OR_RAISE(auto column, ColumnOf(name, of_files, files, type));
      fields.push_back(arrow::field(name, type));
      columns.push_back(std::move(column));
    }
  }
  if (options.include_path) {
    arrow::StringBuilder paths;
    for (const ListedFile& file : files) ARROW_RETURN_NOT_OK(paths.Append(file.path));
    ARROW_ASSIGN_OR_RAISE(auto column, paths.Finish());
    fields.push_back(arrow::field("path", arrow::utf8()));
    columns.push_back(std::move(column));
  }
  if (fields.empty()) return format;
  return Make(std::move(format), arrow::RecordBatch::Make(arrow::schema(std::move(fields)), static_cast<int64_t>(files.size()), std::move(columns)));
}

Result<std::shared_ptr<const PathColumns>> PathColumns::Make(std::shared_ptr<const FileFormat> format, std::shared_ptr<arrow::RecordBatch> values) {
  std::shared_ptr<PathColumns> with(new PathColumns(std::move(format), std::move(values)));
  arrow::FieldVector fields = with->format_->schema()->fields();
  for (const auto& field : with->values_->schema()->fields()) {
    if (with->format_->schema()->GetFieldIndex(field->name()) >= 0) {
      return MakeError(ErrorKind::kInvalidArgument, "column '" + field->name() + "' is in the files, and told by their paths too; read without partitioning, or without include_paths");
    }
    fields.push_back(field);
  }
  with->schema_ = arrow::schema(std::move(fields));
  return with;
}

Result<std::shared_ptr<const FileFormat>> PathColumns::Select(const std::vector<std::string>& names) const {
  std::vector<std::string> of_files;
  std::vector<int> of_paths;
  for (const std::string& name : names) {
    const int column = values_->schema()->GetFieldIndex(name);
    if (column >= 0) of_paths.push_back(column);
    else of_files.push_back(name);
  }
  if (of_files.empty()) of_files.push_back(format_->schema()->field(0)->name());  // that there are rows
  ARROW_ASSIGN_OR_RAISE(auto format, format_->Select(of_files));
  if (format == nullptr) return nullptr;
  if (of_paths.empty()) return format;
  ARROW_ASSIGN_OR_RAISE(auto values, values_->SelectColumns(of_paths));
  return Make(std::move(format), std::move(values));
}

Result<std::shared_ptr<arrow::RecordBatchReader>> PathColumns::Read(const FileRange& range, arrow::MemoryPool* pool) const {
  ARROW_ASSIGN_OR_RAISE(auto reader, format_->Read(range, pool));
  return std::make_shared<WithValues>(std::move(reader), schema_, *values_, range.file, pool);
}

}  // namespace millstream
