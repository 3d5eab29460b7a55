#pragma once
/// CSV files.
///
/// Names come from each file's first row, or are given; columns of all files come in order of first appearance, and one that a file lacks is null there. A type
/// that is not given is told from parts of the rows, spread over all files. Files are cut at ends of rows, unless they are compressed, or values may have line ends in them.

#include <memory>
#include <vector>

#include "format/csv/csv_head.h"
#include "format/csv/csv_options.h"
#include "format/csv/csv_rows.h"
#include "format/file_format.h"
#include "format/file_text.h"
#include "task/scheduler.h"

namespace millstream {

class CsvFormat : public FileFormat {
 public:
  /// Reads the first row of each file, and some rows, on the lanes of `scheduler` where there is one. kCorruptData, kInvalidArgument as ReadCsvHead;
  /// kUnknownColumn for one that is to be read and that no file has.
  static Result<std::shared_ptr<const CsvFormat>> Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, CsvOptions options, Scheduler* scheduler, BadFiles* bad = nullptr);
  /// What Write wrote; first rows are read again.
  static Result<std::shared_ptr<const CsvFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

  static constexpr const char* kReader = "ReadCSV";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t file) const override { return !options_.parse.newlines_in_values && !IsCompressed((*files_)[file].path); }
  int64_t rows_guess() const override { return rows_guess_; }
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Result<std::shared_ptr<const FileFormat>> Select(const std::vector<std::string>& names) const override;
  Status Write(ByteWriter* out) const override;

 private:
  CsvFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, CsvOptions options)
      : env_(std::move(env)), files_(std::move(files)), options_(std::move(options)) {}
  Status ReadHeads(Scheduler* scheduler, BadFiles* bad);
  /// The names of all files, or those that are wanted.
  Result<std::vector<std::string>> Names() const;
  void SetSchema(std::shared_ptr<arrow::Schema> schema) {
    converters_ = std::make_shared<CsvConverters>(schema, options_);
    schema_ = std::move(schema);
  }
  Status FindTypes(const std::vector<std::string>& names, Scheduler* scheduler, bool forgives);

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const CsvOptions options_;
  std::vector<CsvHead> heads_;  // one a file
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<CsvConverters> converters_;  // of the schema
  int64_t rows_guess_ = 0;
};

}  // namespace millstream
