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
    Status status = stored_->ReadNext(out);
    if (status.ok() && *out != nullptr) status = (*out)->ValidateFull();
    if (!status.ok()) return DamagedFile(form_, listed_, status);
    if (*out == nullptr) return Status::OK();
    // A file without any of the columns that are wanted is read for its rows.
    std::vector<int> wanted;
    for (int column = 0; column < (*out)->num_columns(); ++column) {
      if (schema_->GetFieldIndex((*out)->schema()->field(column)->name()) >= 0) wanted.push_back(column);
    }
    ARROW_RETURN_NOT_OK((*out)->SelectColumns(wanted).Value(out));
    return ConformBatch("file " + listed_.path, *out, schema_, pool_).Value(out);
  }

 private:
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
