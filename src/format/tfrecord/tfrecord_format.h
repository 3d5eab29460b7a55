#pragma once
/// TFRecord files of tf.train.Example: a row a record, a column a feature, in the order of their names.
///
/// A feature whose records have one value each, or none, is a column of values, null for none; else a column of lists. What there is, is told from the first records of
/// files, or given. A file is read from its beginning: nothing tells where its records begin.

#include <memory>
#include <vector>

#include "format/file_format.h"
#include "format/tfrecord/example_columns.h"
#include "millstream/read_limits.h"
#include "task/scheduler.h"

namespace millstream {

class TfRecordFormat : public FileFormat {
 public:
  /// `given`: features whose kinds are known; others are told from the records. kCorruptData for what is no TFRecord file of examples; kType where a feature has
  /// values of two kinds.
  static Result<std::shared_ptr<const TfRecordFormat>> Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, FeatureShapes given, const ReadLimits& limits,
                                                            Scheduler* scheduler, BadFiles* bad = nullptr);
  static Result<std::shared_ptr<const TfRecordFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

  static constexpr const char* kReader = "ReadTFRecords";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t) const override { return false; }
  int64_t rows_guess() const override { return rows_guess_; }
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Result<std::shared_ptr<const FileFormat>> Select(const std::vector<std::string>& names) const override;
  Status Write(ByteWriter* out) const override;

 private:
  TfRecordFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits)
      : env_(std::move(env)), files_(std::move(files)), limits_(limits) {}
  Status FindFeatures(FeatureShapes features, Scheduler* scheduler, BadFiles* bad);

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const ReadLimits limits_;
  std::shared_ptr<arrow::Schema> schema_;
  bool has_all_columns_ = true;
  int64_t rows_guess_ = 0;
};

}  // namespace millstream
