#pragma once
/// Runs a plan and writes its rows, in order, as files of a directory.
///
///   WriteFilesOptions options{.format = std::make_shared<ParquetWriteFormat>(), .mode = SaveMode::kError};
///   ARROW_ASSIGN_OR_RAISE(const auto files, WriteFiles(engine, plan, "/data/out", options));
///
/// Which rows a file holds depends on the plan and the options alone, never on threads, budget or time: every file but the last has FileRows rows. With partition
/// columns the rows are sorted by them first, so that one folder after the other is written; the last file of each folder may be smaller.
/// File names sort in the order of the rows, so that reading the directory gives them back in this order; what is appended later sorts behind (as far
/// as clocks agree). A result without rows is one file that holds the schema, or none with partition columns.
///
/// Files are encoded on the engine's lanes, several at once where the memory allows; nothing is visible before all are complete
/// (commit/output_commit.h). After an error or an interruption nothing is left behind.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "commit/output_commit.h"
#include "exec/engine.h"
#include "exec/stage_statistics.h"
#include "format/file_writer.h"
#include "plan/logical_plan.h"

namespace millstream {

struct WriteFilesOptions {
  std::shared_ptr<const WriteFormat> format = nullptr;
  uint64_t seed = 0;   // as ExecuteOptions has it
  uint64_t epoch = 0;
  int64_t file_rows_min = 0;   // at least so many rows a file, but for the last; 0: no bound
  int64_t file_rows_max = 0;   // at most so many; 0: no bound
  int64_t file_bytes_min = 0;  // at least so many bytes of rows in memory, but for the last, within the other bounds; 0: no bound
  /// Their values become folders, "name=value", and are not in the files.
  std::vector<std::string> partition_columns = {};
  SaveMode mode = SaveMode::kAppend;
  /// The name of a file of this job and number, on the calling thread; by default the two and the suffix of the format.
  std::function<Result<std::string>(const std::string& job, int64_t number)> file_name = {};
  /// Looked at every 50 ms, and after each call of `progress`, on the calling thread; true ends the job with kCancelled.
  std::function<bool()> interrupted = {};
  /// Called on the calling thread, at most four times a second, with the stages of the stream and of the writing; no lock is held.
  std::function<void(const std::vector<const StageStatistics*>&)> progress = {};
  /// Called once with the stages of the stream, when the job has ended or failed, if it came to a stream.
  std::function<void(const std::vector<const StageStatistics*>&)> ended = {};
};

struct WrittenFile {
  std::string path;
  int64_t rows = 0;
  int64_t bytes = 0;
};

/// Rows a file: those of a block (a scan task of the plan's source) on average, brought within the bounds of the options and the format.
Result<int64_t> FileRows(const PlanNode& plan, const WriteFilesOptions& options);

/// The files in the order of their rows; none where the mode is kIgnore and the directory is there. Blocks; not to be called on a lane.
Result<std::vector<WrittenFile>> WriteFiles(std::shared_ptr<Engine> engine, const PlanPtr& plan, const std::string& directory, const WriteFilesOptions& options);

}  // namespace millstream
