#pragma once
/// JSON files: an object a line, an array of objects, or objects one behind the other, as each file's beginning tells.
///
/// Types are told from parts of the rows, spread over all files, unless they are given. Files of lines are cut at line ends, unless they are compressed.

#include <memory>
#include <vector>

#include "format/file_format.h"
#include "format/file_text.h"
#include "format/json/json_rows.h"
#include "format/json/json_values.h"
#include "millstream/read_limits.h"
#include "task/scheduler.h"

namespace millstream {

class JsonFormat : public FileFormat {
 public:
  /// `given`: types of some columns; may be null. kType where a column has no type that all values are of; kCorruptData for more or deeper columns than there may be.
  static Result<std::shared_ptr<const JsonFormat>> Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files,
                                                        std::shared_ptr<arrow::Schema> given, const ReadLimits& limits, Scheduler* scheduler, BadFiles* bad = nullptr);
  /// What Write wrote.
  static Result<std::shared_ptr<const JsonFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

  static constexpr const char* kReader = "ReadJSON";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t file) const override { return layouts_[file] == JsonLayout::kLines && !IsCompressed((*files_)[file].path); }
  int64_t rows_guess() const override { return rows_guess_; }
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  /// Fields that are not selected may be anything.
  Result<std::shared_ptr<const FileFormat>> Select(const std::vector<std::string>& names) const override;
  Status Write(ByteWriter* out) const override;

 private:
  JsonFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits)
      : env_(std::move(env)), files_(std::move(files)), limits_(limits) {}
  Status FindLayouts(Scheduler* scheduler, BadFiles* bad);
  Status FindTypes(const std::shared_ptr<arrow::Schema>& given, Scheduler* scheduler, bool forgives);

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const ReadLimits limits_;
  std::vector<JsonLayout> layouts_;  // one a file
  std::vector<int64_t> marks_;       // bytes of each file before its text: a mark that it is UTF-8
  std::shared_ptr<arrow::Schema> schema_;
  int64_t rows_guess_ = 0;
  bool selects_ = false;  // so that there are fields which the schema does not have
  std::shared_ptr<JsonParsers> parsers_ = std::make_shared<JsonParsers>();
};

}  // namespace millstream
