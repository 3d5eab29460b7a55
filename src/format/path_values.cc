#include "format/path_values.h"

#include <arrow/array/array_binary.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/util.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/scalar.h>
#include <arrow/util/uri.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "env/store_env.h"

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

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> ValuesOfPaths(const std::vector<ListedFile>& files, const PathOptions& options) {
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
    for (const ListedFile& file : files) {
      arrow::util::InitializeUTF8();
      if (!arrow::util::ValidateUTF8(file.path)) return MakeError(ErrorKind::kInvalidArgument, "the name of file " + file.path + " is not UTF-8, so that it is no text; read without include_paths");
      ARROW_RETURN_NOT_OK(paths.Append(WithoutStoreNames(file.path)));
    }
    ARROW_ASSIGN_OR_RAISE(auto column, paths.Finish());
    fields.push_back(arrow::field("path", arrow::utf8()));
    columns.push_back(std::move(column));
  }
  if (fields.empty()) return nullptr;
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), static_cast<int64_t>(files.size()), std::move(columns));
}

Result<std::shared_ptr<arrow::Schema>> WithFieldsOfPaths(const arrow::Schema& of_files, const arrow::RecordBatch& values) {
  arrow::FieldVector fields = of_files.fields();
  for (const auto& field : values.schema()->fields()) {
    if (of_files.GetFieldIndex(field->name()) >= 0) {
      return MakeError(ErrorKind::kInvalidArgument, "column '" + field->name() + "' is in the files, and told by their paths too; read without partitioning, or without include_paths");
    }
    fields.push_back(field);
  }
  return arrow::schema(std::move(fields), of_files.metadata());
}

Result<std::shared_ptr<arrow::Array>> ColumnOfPath(const arrow::Array& values, int64_t file, int64_t rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const auto value, values.GetScalar(file));
  const int64_t value_bytes = values.type_id() == arrow::Type::STRING ? static_cast<const arrow::StringArray&>(values).value_length(file) : 8;
  if (rows > std::numeric_limits<int32_t>::max() / std::max<int64_t>(value_bytes, 1)) {
    return MakeError(ErrorKind::kInvalidArgument, "a batch of " + std::to_string(rows) + " rows is too large for a column that its file's path tells; write smaller batches");
  }
  return arrow::MakeArrayFromScalar(*value, rows, pool);
}

Status WriteValuesOfPaths(const arrow::RecordBatch* values, ByteWriter* out) {
  out->Number<uint8_t>(values != nullptr);
  if (values == nullptr) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, values->schema()));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*values));
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
  out->String(std::string_view(*buffer));
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> ReadValuesOfPaths(size_t files, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto has_values, in->Number<uint8_t>());
  if (has_values == 0) return nullptr;
  ARROW_ASSIGN_OR_RAISE(const auto bytes, in->String());
  // Arrow wants its buffers aligned, and they are to outlive the bytes.
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> copy, arrow::AllocateBuffer(static_cast<int64_t>(bytes.size())));
  std::copy(bytes.begin(), bytes.end(), copy->mutable_data());
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(std::make_shared<arrow::io::BufferReader>(std::move(copy)));
  if (!reader.ok()) return in->Damaged();
  auto batch = (*reader)->Next();
  const bool whole = batch.ok() && *batch != nullptr && (*batch)->ValidateFull().ok() && (*batch)->num_rows() == static_cast<int64_t>(files);
  if (!whole) return in->Damaged();
  return batch;
}

}  // namespace millstream
