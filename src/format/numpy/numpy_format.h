#pragma once
/// Files of one numpy array each (.npy): a row of the column "data" for each place on the array's first axis.
///
/// Arrays with one axis are numbers, with more tensors; where the shapes of rows differ between files, tensors of several shapes. Files are cut at rows, unless they
/// are in Fortran order.

#include <memory>
#include <vector>

#include "format/file_format.h"
#include "format/numpy/npy_header.h"
#include "task/scheduler.h"

namespace millstream {

class NumpyFormat : public FileFormat {
 public:
  /// Reads all headers, on the lanes of `scheduler` where there is one. Errors as ReadNpyHeader; kType for files without a common type.
  static Result<std::shared_ptr<const NumpyFormat>> Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, Scheduler* scheduler, BadFiles* bad = nullptr);
  /// What Write wrote; headers are read again.
  static Result<std::shared_ptr<const NumpyFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader*) {
    return Make(std::move(env), std::move(files), nullptr, nullptr);
  }

  static constexpr const char* kReader = "ReadNumpy";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t file) const override { return !headers_[file].fortran_order && headers_[file].row_bytes() > 0; }
  int64_t rows_guess() const override;
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Status Write(ByteWriter*) const override { return Status::OK(); }

 private:
  NumpyFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files) : env_(std::move(env)), files_(std::move(files)) {}
  Status FindSchema(BadFiles* bad);

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  std::vector<NpyHeader> headers_;  // one a file
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace millstream
