#pragma once
/// Files of Arrow's own format, with a footer (.arrow, Feather) or as a stream (.arrows).
///
/// Columns come in the order of their first appearance in the files; one that a file lacks is null there. Record batches of a file with a footer are read by several
/// lanes; a stream by one. What a file claims is checked before anybody relies on it.

#include <memory>
#include <vector>

#include "format/file_format.h"
#include "millstream/read_limits.h"
#include "task/scheduler.h"

namespace millstream {

class IpcFormat : public FileFormat {
 public:
  /// Reads the schemas of all files, on the lanes of `scheduler` where there is one. kCorruptData for a file that is none; kType for files that have no common schema.
  static Result<std::shared_ptr<const IpcFormat>> Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits,
                                                       Scheduler* scheduler, BadFiles* bad = nullptr);
  /// What Write wrote; schemas are read again.
  static Result<std::shared_ptr<const IpcFormat>> Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in);

  static constexpr const char* kReader = "ReadIpc";
  const char* reader() const override { return kReader; }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  bool cuttable(uint32_t file) const override { return heads_[file].has_footer; }
  int64_t rows_guess() const override { return rows_guess_; }
  Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const override;
  Result<std::shared_ptr<const FileFormat>> Select(const std::vector<std::string>& names) const override;
  Status Write(ByteWriter* out) const override;

 private:
  struct Head {
    bool has_footer = false;
    std::shared_ptr<arrow::Schema> schema;
    int64_t batches = 0;
    int64_t rows = -1;  // unknown
  };

  IpcFormat(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, const ReadLimits& limits)
      : env_(std::move(env)), files_(std::move(files)), limits_(limits) {}
  Result<Head> ReadHead(uint32_t file) const;

  const std::shared_ptr<Env> env_;
  const std::shared_ptr<const std::vector<ListedFile>> files_;
  const ReadLimits limits_;
  std::vector<Head> heads_;  // one a file
  std::shared_ptr<arrow::Schema> schema_;
  int64_t rows_guess_ = 0;
};

}  // namespace millstream
