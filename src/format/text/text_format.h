#pragma once
/// Text files: a row a line, without its end.

#include <memory>
#include <vector>

#include "format/file_format.h"
#include "format/file_text.h"
#include "task/scheduler.h"

namespace millstream {

struct TextOptions {
  bool drop_empty_lines = true;  // those of white space alone
  ReadLimits limits = {};
};

class TextFormat : public FileFormat {
 public:
  static Result<std::shared_ptr<const TextFormat>> Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, TextOptions options, Scheduler* scheduler, BadFiles* bad = nullptr);
  static Result<std::shared_ptr<const TextFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

  static constexpr const char* kReader = "ReadText";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t file) const override { return !IsCompressed((*files_)[file].path); }
  int64_t rows_guess() const override { return rows_guess_; }
  /// kCorruptData for lines that are not UTF-8, or too long.
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Status Write(ByteWriter* out) const override;

 private:
  TextFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, TextOptions options)
      : env_(std::move(env)), files_(std::move(files)), options_(options) {}

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const TextOptions options_;
  const std::shared_ptr<arrow::Schema> schema_ = arrow::schema({arrow::field("text", arrow::utf8())});
  int64_t rows_guess_ = 0;
};

}  // namespace millstream
