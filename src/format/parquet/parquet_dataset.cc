#include "format/parquet/parquet_dataset.h"

#include <arrow/util/utf8.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>

#include <algorithm>

#include "env/store_env.h"
#include "format/limits.h"
#include "format/parquet/parquet_guard.h"
#include "format/parquet/row_group_pruning.h"
#include "format/unify_schemas.h"
#include "task/for_each.h"

namespace millstream {
namespace {

/// Row numbers of a file stay far from the limits of int64, whatever a footer claims.
constexpr int64_t kFileRowsMax = int64_t{1} << 48;
/// What the library reads first of a file, at its end.
constexpr int64_t kFooterBytesGuess = 64 << 10;
/// Tasks that are fetched while one is read, where files are far away.
constexpr size_t kTasksAhead = 2;

Result<std::shared_ptr<parquet::FileMetaData>> ReadFooter(const std::string& path, const std::shared_ptr<arrow::io::RandomAccessFile>& file) {
  auto read = GuardParquet([&]() -> Result<std::shared_ptr<parquet::FileMetaData>> { return parquet::ReadMetaData(file); });
  if (read.ok()) return read;
  const Status& status = read.status();
  if (status.IsOutOfMemory() || (status.detail() != nullptr && KindOf(status) != ErrorKind::kCorruptData)) return WithContext(status, "file " + path);
  return MakeError(ErrorKind::kCorruptData, "file " + path + " is not a readable Parquet file: " + status.message() +
                                                "; it may be cut short or of another format; write it again or leave it out");
}

Status CheckName(const std::string& path, const arrow::Field& field) {
  if (!arrow::util::ValidateUTF8(field.name())) {
    return MakeError(ErrorKind::kCorruptData, "file " + path + " has a column whose name is not UTF-8 ('" + field.name() + "'): it is damaged; write it again or leave it out");
  }
  for (const auto& child : field.type()->fields()) ARROW_RETURN_NOT_OK(CheckName(path, *child));
  return Status::OK();
}

Result<std::shared_ptr<arrow::Schema>> ArrowSchema(const std::string& path, const parquet::FileMetaData& metadata) {
  auto read = GuardParquet([&]() -> Result<std::shared_ptr<arrow::Schema>> {
    std::shared_ptr<arrow::Schema> schema;
    ARROW_RETURN_NOT_OK(parquet::arrow::FromParquetSchema(metadata.schema(), parquet::default_arrow_reader_properties(), metadata.key_value_metadata(), &schema));
    return schema;
  });
  if (!read.ok()) return WithContext(read.status(), "file " + path);
  for (const auto& field : (*read)->fields()) ARROW_RETURN_NOT_OK(CheckName(path, *field));
  return read;
}

ColumnSizes Largest(const ColumnSizes& a, const ColumnSizes& b) {
  return {std::max(a.decode_bytes, b.decode_bytes), std::max(a.side_by_side_bytes, b.side_by_side_bytes), std::max(a.page_bytes, b.page_bytes),
          std::max(a.row_bytes, b.row_bytes)};
}

}  // namespace

struct ParquetDataset::FileSummary {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<RowGroupSummary> groups;
  std::vector<ColumnSizes> columns;  // the largest of any row group

  /// Takes what is needed of the footer.
  Status Add(const parquet::FileMetaData& metadata);
};

Status ParquetDataset::FileSummary::Add(const parquet::FileMetaData& metadata) {
  int64_t rows = 0;
  columns.resize(static_cast<size_t>(schema->num_fields()));
  for (int group = 0; group < metadata.num_row_groups(); ++group) {
    const auto row_group = metadata.RowGroup(group);
    groups.push_back({row_group->num_rows(), std::max<int64_t>(row_group->total_byte_size(), 0)});
    if (groups.back().rows < 0 || groups.back().rows > kFileRowsMax - rows) return MakeError(ErrorKind::kCorruptData, "impossible row count in its footer");
    rows += groups.back().rows;
    const auto sizes = SizesOf(*row_group);
    for (size_t column = 0; column < sizes.size(); ++column) columns[column] = Largest(columns[column], sizes[column]);
  }
  return Status::OK();
}

Result<std::shared_ptr<const ParquetDataset>> ParquetDataset::Make(std::shared_ptr<Env> env, std::vector<ListedFile> files, Scheduler* scheduler,
                                                                   BadFiles* bad, std::vector<BadPart> left_out, const ReadLimits& limits) {
  auto dataset = std::make_shared<ParquetDataset>();
  dataset->env_ = std::move(env);
  dataset->files_ = std::move(files);
  dataset->left_out_ = std::move(left_out);
  dataset->limits_ = limits;
  std::vector<FileSummary> summaries(dataset->files_.size());
  for (uint32_t file = 0; file < dataset->files_.size(); ++file) {
    if (IsStorePath(dataset->files_[file].path)) dataset->TellFooter(file);
  }
  ARROW_RETURN_NOT_OK(ForEachFile(scheduler, summaries.size(), bad, [&](size_t file) { return dataset->ReadFile(static_cast<uint32_t>(file), &summaries[file]); }));
  ARROW_RETURN_NOT_OK(dataset->Assemble(summaries, bad));
  return dataset;
}

Status ParquetDataset::ReadFile(uint32_t ordinal, FileSummary* out) const {
  const ListedFile& file = files_[ordinal];
  ARROW_ASSIGN_OR_RAISE(const auto opened, OpenListed(*env_, file, arrow::default_memory_pool(), "read_parquet"));
  ARROW_ASSIGN_OR_RAISE(const auto metadata, Footer(ordinal, opened));
  ARROW_ASSIGN_OR_RAISE(out->schema, ArrowSchema(file.path, *metadata));
  ARROW_RETURN_NOT_OK(CheckSchema(*out->schema, limits_, "file " + file.path));
  const Status added = GuardParquet([&] { return out->Add(*metadata); });
  return added.ok() ? added : WithContext(added, "file " + file.path + " is damaged");
}

Status ParquetDataset::Assemble(const std::vector<FileSummary>& summaries, BadFiles* bad) {
  SchemaUnifier unifier;
  const arrow::Schema* last = nullptr;
  for (uint32_t ordinal = 0; ordinal < summaries.size(); ++ordinal) {
    const FileSummary& summary = summaries[ordinal];
    if (last == nullptr || !summary.schema->Equals(*last, /*check_metadata=*/true)) {
      ARROW_RETURN_NOT_OK(unifier.AddOrNote(*summary.schema, files_[ordinal].path, ordinal, bad));
    }
    last = summary.schema.get();
    row_groups_.push_back(summary.groups);
    int64_t first_row = 0;
    for (size_t group = 0; group < summary.groups.size(); ++group) {
      const int64_t rows = summary.groups[group].rows;
      if (rows > 0) tasks_.push_back({ordinal, static_cast<int>(group), first_row, rows});
      first_row += rows;
    }
  }
  if (bad != nullptr) ARROW_RETURN_NOT_OK(bad->first());
  schema_ = unifier.Finish();
  ARROW_RETURN_NOT_OK(CheckSchema(*schema_, limits_, "read_parquet"));
  sizes_.columns.resize(static_cast<size_t>(schema_->num_fields()));
  for (const FileSummary& file : summaries) AddSizes(file);
  return Status::OK();
}

void ParquetDataset::AddSizes(const FileSummary& file) {
  for (size_t column = 0; column < file.columns.size(); ++column) {
    const ColumnSizes& sizes = file.columns[column];
    ColumnSizes& largest = sizes_.columns[schema_->GetFieldIndex(file.schema->field(static_cast<int>(column))->name())];
    largest = Largest(largest, sizes);
    sizes_.decode_bytes_max = std::max(sizes_.decode_bytes_max, sizes.decode_bytes);
    sizes_.column_row_bytes_max = std::max(sizes_.column_row_bytes_max, sizes.row_bytes);
  }
}

Result<std::shared_ptr<parquet::FileMetaData>> ParquetDataset::Footer(uint32_t ordinal, const std::shared_ptr<arrow::io::RandomAccessFile>& file) const {
  auto held = footers_.Get(ordinal);
  if (held != nullptr) return held;
  ARROW_ASSIGN_OR_RAISE(auto read, ReadFooter(files_[ordinal].path, file));
  footers_.Put(ordinal, read);
  return read;
}

Result<std::unique_ptr<ScanColumns>> ParquetDataset::Open(const ScanTask& task, arrow::MemoryPool* pool) const {
  const ListedFile& listed = files_[task.source];
  ParquetSource source{listed.path, nullptr, nullptr};
  ARROW_ASSIGN_OR_RAISE(source.file, OpenListed(*env_, listed, pool, "read_parquet"));
  ARROW_ASSIGN_OR_RAISE(source.metadata, Footer(task.source, source.file));
  const auto& expected = row_groups_[task.source];
  if (task.unit >= source.metadata->num_row_groups() || source.metadata->RowGroup(task.unit)->num_rows() != expected[task.unit].rows) {
    return MakeError(ErrorKind::kInvalidArgument, "file " + source.path + " changed while it was being read; call read_parquet() again");
  }
  if (IsStorePath(listed.path)) {
    source.env = env_;
    source.file_bytes = listed.size_bytes;
    source.to_come = ToCome(task);
  }
  return OpenRowGroup(source, task.unit, pool);
}

std::vector<RowGroupToCome> ParquetDataset::ToCome(const ScanTask& task) const {
  std::vector<RowGroupToCome> groups;
  const auto place = [](const ScanTask& each) { return std::pair(each.source, each.unit); };
  auto next = std::upper_bound(tasks_.begin(), tasks_.end(), task, [&](const ScanTask& a, const ScanTask& b) { return place(a) < place(b); });
  for (size_t ahead = 0; ahead < kTasksAhead && next != tasks_.end(); ++ahead, ++next) {
    const ListedFile& file = files_[next->source];
    auto metadata = footers_.Get(next->source);
    if (metadata != nullptr) groups.push_back({file.path, std::move(metadata), next->unit, file.size_bytes});
    else TellFooter(next->source);
  }
  return groups;
}

void ParquetDataset::TellFooter(uint32_t ordinal) const {
  const int64_t size = files_[ordinal].size_bytes;
  env_->WillRead(files_[ordinal].path, {{std::max<int64_t>(size - kFooterBytesGuess, 0), size}});
}

bool ParquetDataset::MayPass(const ScanTask& task, const arrow::compute::Expression& filter) const {
  auto metadata = footers_.Get(task.source);
  if (metadata == nullptr) {
    // What goes wrong here goes wrong again when the task is read, and is reported then.
    auto file = OpenListed(*env_, files_[task.source], arrow::default_memory_pool(), "read_parquet");
    if (!file.ok()) return true;
    auto read = Footer(task.source, *file);
    if (!read.ok()) return true;
    metadata = std::move(*read);
  }
  return task.unit >= metadata->num_row_groups() || RowGroupMayPass(*metadata, task.unit, filter);
}

int64_t ParquetDataset::num_rows() const {
  int64_t rows = 0;
  for (const ScanTask& task : tasks_) rows += task.rows;
  return rows;
}

}  // namespace millstream
