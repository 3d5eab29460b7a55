#include "format/checked_batches.h"

#include <vector>

#include "ops/conform_batch.h"

namespace millstream {
namespace {

class Checked : public arrow::RecordBatchReader {
 public:
  Checked(std::string form, const ListedFile& listed, std::shared_ptr<arrow::RecordBatchReader> stored, std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : form_(std::move(form)), listed_(listed), stored_(std::move(stored)), schema_(std::move(schema)), pool_(pool) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    out->reset();
    while (rest_ == nullptr || rest_->num_rows() == 0) {
      Status status = stored_->ReadNext(&rest_);
      if (status.ok() && rest_ == nullptr) return Status::OK();
      if (status.ok()) status = Check(*rest_);
      if (!status.ok()) return DamagedFile(form_, listed_, status);
    }
    *out = rest_->Slice(0, kBatchRows);
    rest_ = rest_->num_rows() > kBatchRows ? rest_->Slice(kBatchRows) : nullptr;
    // A file without any of the columns that are wanted is read for its rows.
    std::vector<int> wanted;
    for (int column = 0; column < (*out)->num_columns(); ++column) {
      if (schema_->GetFieldIndex((*out)->schema()->field(column)->name()) >= 0) wanted.push_back(column);
    }
    ARROW_RETURN_NOT_OK((*out)->SelectColumns(wanted).Value(out));
    return ConformBatch("file " + listed_.path, *out, schema_, pool_).Value(out);
  }

 private:
  static constexpr int64_t kBatchRows = 1 << 16;
  /// Columns without bytes may claim any number of rows.
  static constexpr int64_t kStoredRowsMax = int64_t{1} << 31;

  static Status Check(const arrow::RecordBatch& batch) {
    if (batch.num_rows() >= kStoredRowsMax) return Status::Invalid("a record batch has ", batch.num_rows(), " rows");
    return batch.ValidateFull();
  }

  std::shared_ptr<arrow::RecordBatch> rest_;  // of the batch read last
  const std::string form_;
  const ListedFile& listed_;
  const std::shared_ptr<arrow::RecordBatchReader> stored_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

Status DamagedFile(const std::string& form, const ListedFile& listed, const Status& status) {
  if (status.detail() != nullptr || status.IsOutOfMemory()) return status;
  return MakeError(ErrorKind::kCorruptData, "file " + listed.path + " is no whole " + form + " file: " + status.message() + "; write it again, or leave it out");
}

std::shared_ptr<arrow::RecordBatchReader> CheckedBatches(const std::string& form, const ListedFile& listed, std::shared_ptr<arrow::RecordBatchReader> stored,
                                                         std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool) {
  return std::make_shared<Checked>(form, listed, std::move(stored), std::move(schema), pool);
}

}  // namespace millstream
