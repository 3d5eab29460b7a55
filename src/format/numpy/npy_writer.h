#pragma once
/// Writes files of one numpy array each (.npy) from one column of numbers, or of lists or tensors that all have one shape: the first axis is the rows'.

#include <string>

#include "format/file_writer.h"
#include "format/tensor_rows.h"

namespace millstream {

/// The bytes of a .npy file of one row's values. kInvalidArgument for a null among them.
Status AppendNpy(const TensorRows& rows, int64_t row, std::string* out);

class NumpyWriteFormat final : public WriteFormat {
 public:
  /// The column that is written.
  explicit NumpyWriteFormat(std::string column) : column_(std::move(column)) {}
  const char* writer() const override { return "WriteNumpy"; }
  std::string suffix() const override { return ".npy"; }
  Status Check(const arrow::Schema& schema) const override;
  int64_t EncodeBytes(const arrow::Schema& schema, int64_t file_rows, int64_t batch_rows) const override;
  /// kInvalidArgument for a null, but for those of floating-point numbers, which are NaN, and for a row of another shape.
  Result<std::unique_ptr<FileWriter>> Open(Env& env, const FileToWrite& file) const override;

 private:
  const std::string column_;
};

}  // namespace millstream
