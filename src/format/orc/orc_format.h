#pragma once
/// ORC files. Columns come in the order of their first appearance in the files; one that a file lacks is null there. Stripes of a file are read by several lanes.

#include <memory>
#include <vector>

#include "format/file_format.h"
#include "millstream/read_limits.h"
#include "task/scheduler.h"

namespace millstream {

class OrcFormat : public FileFormat {
 public:
  /// Reads all footers, on the lanes of `scheduler` where there is one. kCorruptData for a file that is none; kType for files that have no common schema.
  static Result<std::shared_ptr<const OrcFormat>> Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits,
                                                       Scheduler* scheduler, BadFiles* bad = nullptr);
  /// What Write wrote; footers are read again.
  static Result<std::shared_ptr<const OrcFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

  static constexpr const char* kReader = "ReadORC";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t) const override { return true; }
  int64_t rows_guess() const override;
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Result<std::shared_ptr<const FileFormat>> Select(const std::vector<std::string>& names) const override;
  Status Write(ByteWriter* out) const override;

 private:
  struct Head {
    std::shared_ptr<arrow::Schema> schema;
    std::vector<int64_t> stripe_begins;
    int64_t rows = 0;
  };

  OrcFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits)
      : env_(std::move(env)), files_(std::move(files)), limits_(limits) {}
  Result<Head> ReadHead(uint32_t file) const;

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const ReadLimits limits_;
  std::vector<Head> heads_;  // one a file
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace millstream
