#include "ops/table_source.h"

#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include <algorithm>
#include <unordered_set>

#include "column/gather.h"

namespace millstream {
namespace {

constexpr int64_t kTableTaskRows = 256 << 10;
constexpr int64_t kRangeTaskRows = 1 << 20;
constexpr int64_t kRangeTasksMax = 1 << 16;

/// A batch read through the scan interface, column by column, without copying.
class BatchColumns : public ScanColumns {
 public:
  explicit BatchColumns(std::shared_ptr<arrow::RecordBatch> batch) : batch_(std::move(batch)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return batch_->schema(); }
  int64_t num_rows() const override { return batch_->num_rows(); }
  int FlatWidth(int) const override { return 0; }
  int64_t DecodeBytes(int) const override { return 0; }
  std::optional<ValueRange> RangeOf(int) const override { return std::nullopt; }
  Result<std::unique_ptr<FlatColumnReader>> ReadFlat(int) override { return NotFlat(); }
  Result<std::unique_ptr<KeptRowsReader>> ReadKept(int) override { return NotFlat(); }
  Result<std::unique_ptr<arrow::RecordBatchReader>> ReadArrays(const std::vector<int>& fields, int64_t batch_rows) override;

 private:
  static Status NotFlat() { return Status::NotImplemented("batches in memory are read as arrays"); }

  std::shared_ptr<arrow::RecordBatch> batch_;
};

class SliceReader : public arrow::RecordBatchReader {
 public:
  SliceReader(std::shared_ptr<arrow::RecordBatch> batch, int64_t rows) : batch_(std::move(batch)), rows_(rows) {}
  std::shared_ptr<arrow::Schema> schema() const override { return batch_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    if (begin_ >= batch_->num_rows()) return Status::OK();
    *out = batch_->Slice(begin_, rows_);
    begin_ += rows_;
    return Status::OK();
  }

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t rows_;
  int64_t begin_ = 0;
};

Result<std::unique_ptr<arrow::RecordBatchReader>> BatchColumns::ReadArrays(const std::vector<int>& fields, int64_t batch_rows) {
  ARROW_ASSIGN_OR_RAISE(auto selected, batch_->SelectColumns(fields));
  return std::make_unique<SliceReader>(std::move(selected), batch_rows);
}

class TableSource : public ScanSource {
 public:
  TableSource(std::shared_ptr<arrow::Schema> schema, std::vector<std::shared_ptr<arrow::RecordBatch>> batches)
      : schema_(std::move(schema)), batches_(std::move(batches)) {
    int64_t first_row = 0;
    for (size_t index = 0; index < batches_.size(); ++index) {
      first_rows_.push_back(first_row);
      const int64_t rows = batches_[index]->num_rows();
      for (int64_t begin = 0; begin < rows; begin += kTableTaskRows) {
        tasks_.push_back({0, static_cast<int>(index), first_row + begin, std::min(kTableTaskRows, rows - begin)});
      }
      first_row += rows;
    }
  }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool*) const override {
    return std::make_unique<BatchColumns>(batches_[task.unit]->Slice(task.first_row - first_rows_[task.unit], task.rows));
  }
  bool cuttable() const override { return true; }
  const std::vector<std::shared_ptr<arrow::RecordBatch>>* batches() const override { return &batches_; }
  ScanSizes sizes() const override {
    ScanSizes sizes;
    sizes.columns.resize(static_cast<size_t>(schema_->num_fields()));
    for (const auto& batch : batches_) {
      if (batch->num_rows() == 0) continue;
      for (int column = 0; column < batch->num_columns(); ++column) {
        int64_t& row_bytes = sizes.columns[column].row_bytes;
        row_bytes = std::max(row_bytes, RowBytes(*batch->column_data(column), 0, batch->num_rows()) / batch->num_rows() + 1);
        sizes.column_row_bytes_max = std::max(sizes.column_row_bytes_max, row_bytes);
      }
    }
    return sizes;
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  std::vector<int64_t> first_rows_;  // of each batch
  std::vector<ScanTask> tasks_;
};

class RangeReader : public FlatColumnReader {
 public:
  explicit RangeReader(int64_t next) : next_(next) {}
  Result<int64_t> Read(int64_t count, uint8_t* values, uint8_t*) override {
    auto* out = reinterpret_cast<int64_t*>(values);
    for (int64_t i = 0; i < count; ++i) out[i] = next_ + i;
    next_ += count;
    return 0;
  }
  Status Skip(int64_t count) override {
    next_ += count;
    return Status::OK();
  }

 private:
  int64_t next_;
};

class KeptRangeReader : public KeptRowsReader {
 public:
  explicit KeptRangeReader(int64_t next) : next_(next) {}
  Result<int64_t> Read(int64_t count, std::span<const uint32_t> kept, uint8_t* values, uint8_t*) override {
    auto* out = reinterpret_cast<int64_t*>(values);
    for (size_t i = 0; i < kept.size(); ++i) out[i] = next_ + kept[i];
    next_ += count;
    return 0;
  }

 private:
  int64_t next_;
};

class RangeColumns : public ScanColumns {
 public:
  RangeColumns(std::shared_ptr<arrow::Schema> schema, const ScanTask& task, arrow::MemoryPool* pool)
      : schema_(std::move(schema)), task_(task), pool_(pool) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  int64_t num_rows() const override { return task_.rows; }
  int FlatWidth(int) const override { return sizeof(int64_t); }
  int64_t DecodeBytes(int) const override { return 0; }
  std::optional<ValueRange> RangeOf(int) const override { return ValueRange{task_.first_row, task_.first_row + task_.rows - 1}; }
  Result<std::unique_ptr<FlatColumnReader>> ReadFlat(int) override { return std::make_unique<RangeReader>(task_.first_row); }
  Result<std::unique_ptr<KeptRowsReader>> ReadKept(int) override { return std::make_unique<KeptRangeReader>(task_.first_row); }
  Result<std::unique_ptr<arrow::RecordBatchReader>> ReadArrays(const std::vector<int>& fields, int64_t batch_rows) override;

 private:
  std::shared_ptr<arrow::Schema> schema_;
  ScanTask task_;
  arrow::MemoryPool* pool_;
};

/// Makes the numbers a batch at a time.
class RangeArrays : public arrow::RecordBatchReader {
 public:
  RangeArrays(std::shared_ptr<arrow::Schema> schema, const ScanTask& task, int64_t batch_rows, arrow::MemoryPool* pool)
      : schema_(std::move(schema)), next_(task.first_row), end_(task.first_row + task.rows), batch_rows_(batch_rows), pool_(pool) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    const int64_t rows = std::min(batch_rows_, end_ - next_);
    if (rows <= 0) return Status::OK();
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    if (schema_->num_fields() > 0) {
      ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values, arrow::AllocateBuffer(rows * 8, pool_));
      ARROW_RETURN_NOT_OK(RangeReader(next_).Read(rows, values->mutable_data(), nullptr));
      columns.push_back(arrow::ArrayData::Make(arrow::int64(), rows, {nullptr, values}, 0));
    }
    next_ += rows;
    *out = arrow::RecordBatch::Make(schema_, rows, std::move(columns));
    return Status::OK();
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  int64_t next_;
  int64_t end_;
  int64_t batch_rows_;
  arrow::MemoryPool* pool_;
};

Result<std::unique_ptr<arrow::RecordBatchReader>> RangeColumns::ReadArrays(const std::vector<int>& fields, int64_t batch_rows) {
  return std::make_unique<RangeArrays>(fields.empty() ? arrow::schema({}) : schema_, task_, batch_rows, pool_);
}

class RangeSource : public ScanSource {
 public:
  explicit RangeSource(int64_t rows) : schema_(arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/true)})) {
    const int64_t size = std::max(kRangeTaskRows, rows / kRangeTasksMax + 1);
    for (int64_t begin = 0; begin < rows; begin += std::min(size, rows - begin)) {
      tasks_.push_back({0, static_cast<int>(tasks_.size()), begin, std::min(size, rows - begin)});
    }
  }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  const std::vector<ScanTask>& tasks() const override { return tasks_; }
  Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const override {
    return std::make_unique<RangeColumns>(schema_, task, pool);
  }
  bool cuttable() const override { return true; }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<ScanTask> tasks_;
};

}  // namespace

Result<std::shared_ptr<const ScanSource>> MakeTableSource(std::shared_ptr<arrow::Schema> schema,
                                                          std::vector<std::shared_ptr<arrow::RecordBatch>> batches) {
  std::unordered_set<std::string> names;
  for (const auto& field : schema->fields()) {
    if (!names.insert(field->name()).second) return MakeError(ErrorKind::kInvalidArgument, "the table has two columns named '" + field->name() + "'; rename one");
  }
  return std::make_shared<TableSource>(std::move(schema), std::move(batches));
}

Result<std::shared_ptr<const ScanSource>> MakeRangeSource(int64_t rows) {
  if (rows < 0) return MakeError(ErrorKind::kInvalidArgument, "a range cannot have " + std::to_string(rows) + " rows");
  return std::make_shared<RangeSource>(rows);
}

}  // namespace millstream
