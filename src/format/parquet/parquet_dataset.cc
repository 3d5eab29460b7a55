#include "format/parquet/parquet_dataset.h"

#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>

#include <algorithm>

#include "format/parquet/parquet_guard.h"
#include "format/parquet/row_group_columns.h"

namespace millstream {
namespace {

Result<ParquetSource> OpenFile(Env& env, const ListedFile& file, arrow::MemoryPool* pool) {
  ParquetSource source;
  source.path = file.path;
  ARROW_ASSIGN_OR_RAISE(source.file, env.OpenForRead(file.path, pool));
  auto read = GuardParquet([&]() -> Result<std::shared_ptr<parquet::FileMetaData>> { return parquet::ReadMetaData(source.file); });
  if (!read.ok()) {
    const ErrorKind kind = KindOf(read.status());
    if (kind == ErrorKind::kIo || kind == ErrorKind::kBudget) return WithContext(read.status(), "reading the footer of file " + file.path);
    return MakeError(ErrorKind::kCorruptData, "file " + file.path + " is not a readable Parquet file: " + read.status().message());
  }
  source.metadata = *read;
  return source;
}

Result<std::shared_ptr<arrow::Schema>> ArrowSchema(const ParquetSource& source) {
  auto read = GuardParquet([&]() -> Result<std::shared_ptr<arrow::Schema>> {
    std::shared_ptr<arrow::Schema> schema;
    ARROW_RETURN_NOT_OK(parquet::arrow::FromParquetSchema(source.metadata->schema(), parquet::default_arrow_reader_properties(),
                                                          source.metadata->key_value_metadata(), &schema));
    return schema;
  });
  if (!read.ok()) return WithContext(read.status(), "file " + source.path);
  return read;
}

/// The type that both columns are brought to, null if there is none.
std::shared_ptr<arrow::DataType> CommonType(const std::shared_ptr<arrow::DataType>& a, const std::shared_ptr<arrow::DataType>& b) {
  if (a->Equals(*b)) return a;
  arrow::Field::MergeOptions options = arrow::Field::MergeOptions::Permissive();
  options.promote_decimal_to_float = false;
  auto merged = arrow::field("x", a)->MergeWith(arrow::field("x", b), options);
  return merged.ok() ? (*merged)->type() : nullptr;
}

class SchemaUnifier {
 public:
  Status Add(const arrow::Schema& schema, const std::string& path) {
    for (const auto& field : schema.fields()) ARROW_RETURN_NOT_OK(AddField(field, path));
    if (metadata_ == nullptr) metadata_ = schema.metadata();
    return Status::OK();
  }

  std::shared_ptr<arrow::Schema> Finish() const { return arrow::schema(fields_, metadata_); }

 private:
  Status AddField(const std::shared_ptr<arrow::Field>& field, const std::string& path) {
    const auto known = std::find_if(fields_.begin(), fields_.end(), [&](const auto& other) { return other->name() == field->name(); });
    if (known == fields_.end()) {
      fields_.push_back(field->WithNullable(true));
      first_path_.push_back(path);
      return Status::OK();
    }
    const auto type = CommonType((*known)->type(), field->type());
    if (type == nullptr) {
      return MakeError(ErrorKind::kInvalidArgument,
                       "files have different types for column '" + field->name() + "': " + field->type()->ToString() + " in " + path + ", " +
                           (*known)->type()->ToString() + " in " + first_path_[known - fields_.begin()] +
                           "; read them apart, or rewrite one with the other's type");
    }
    *known = (*known)->WithType(type);
    return Status::OK();
  }

  std::vector<std::shared_ptr<arrow::Field>> fields_;
  std::vector<std::string> first_path_;
  std::shared_ptr<const arrow::KeyValueMetadata> metadata_;
};

}  // namespace

Result<std::shared_ptr<const ParquetDataset>> ParquetDataset::Make(std::shared_ptr<Env> env, std::vector<ListedFile> files) {
  auto dataset = std::make_shared<ParquetDataset>();
  dataset->env_ = std::move(env);
  dataset->files_ = std::move(files);
  SchemaUnifier unifier;
  std::shared_ptr<arrow::Schema> last;
  for (size_t ordinal = 0; ordinal < dataset->files_.size(); ++ordinal) {
    ARROW_ASSIGN_OR_RAISE(const auto source, OpenFile(*dataset->env_, dataset->files_[ordinal], arrow::default_memory_pool()));
    ARROW_ASSIGN_OR_RAISE(auto schema, ArrowSchema(source));
    if (last == nullptr || !schema->Equals(*last, /*check_metadata=*/true)) ARROW_RETURN_NOT_OK(unifier.Add(*schema, source.path));
    last = std::move(schema);
    auto& groups = dataset->row_groups_.emplace_back();
    int64_t first_row = 0;
    for (int group = 0; group < source.metadata->num_row_groups(); ++group) {
      const auto metadata = source.metadata->RowGroup(group);
      groups.push_back({metadata->num_rows(), metadata->total_byte_size(), SizesOf(*metadata)});
      if (metadata->num_rows() > 0) dataset->tasks_.push_back({static_cast<uint32_t>(ordinal), group, first_row, metadata->num_rows()});
      first_row += metadata->num_rows();
    }
  }
  dataset->schema_ = unifier.Finish();
  return dataset;
}

Result<std::unique_ptr<ScanColumns>> ParquetDataset::Open(const ScanTask& task, arrow::MemoryPool* pool) const {
  ARROW_ASSIGN_OR_RAISE(const auto source, OpenFile(*env_, files_[task.source], pool));
  const auto& expected = row_groups_[task.source];
  if (task.unit >= source.metadata->num_row_groups() || source.metadata->RowGroup(task.unit)->num_rows() != expected[task.unit].rows) {
    return MakeError(ErrorKind::kInvalidArgument, "file " + source.path + " changed while it was being read");
  }
  return OpenRowGroup(source, task.unit, pool);
}

ScanSizes ParquetDataset::sizes() const {
  ScanSizes sizes;
  for (const auto& file : row_groups_) {
    for (const RowGroupSummary& group : file) {
      sizes.decode_bytes_max = std::max(sizes.decode_bytes_max, group.sizes.decode_bytes_max);
      sizes.column_row_bytes_max = std::max(sizes.column_row_bytes_max, group.sizes.column_row_bytes_max);
    }
  }
  return sizes;
}

int64_t ParquetDataset::num_rows() const {
  int64_t rows = 0;
  for (const ScanTask& task : tasks_) rows += task.rows;
  return rows;
}

}  // namespace millstream
