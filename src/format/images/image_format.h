#pragma once
/// Pictures: a row a file, its pixels as a tensor of uint8 in the column "image": (height, width) where it is gray, else (height, width, channels).
///
/// Where all have one shape, tensors have that; else each has its own.

#include <memory>
#include <vector>

#include "format/file_format.h"
#include "format/images/image_file.h"
#include "task/scheduler.h"

namespace millstream {

class ImageFormat : public FileFormat {
 public:
  /// Reads the beginnings of some files, and of all where these have one shape, on the lanes of `scheduler` where there is one. Errors of files that cannot be read are
  /// those of their rows; kInvalidArgument where some are gray and others in colour, and no mode is given.
  static Result<std::shared_ptr<const ImageFormat>> Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ImageOptions options, Scheduler* scheduler, BadFiles* bad = nullptr);
  static Result<std::shared_ptr<const ImageFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

  static constexpr const char* kReader = "ReadImages";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t) const override { return false; }
  bool reads_empty_files() const override { return true; }
  int64_t rows_guess() const override { return static_cast<int64_t>(files_->size()); }
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Status Write(ByteWriter* out) const override;

 private:
  ImageFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ImageOptions options)
      : env_(std::move(env)), files_(std::move(files)), options_(options) {}
  Status FindSchema(Scheduler* scheduler, BadFiles* bad);
  /// Of each of these files; no channels where it cannot be told.
  Result<std::vector<ImageShape>> ShapesOf(const std::vector<size_t>& files, Scheduler* scheduler) const;

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const ImageOptions options_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace millstream
