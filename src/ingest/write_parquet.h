#pragma once
/// Runs a plan and writes its rows, in order, as Parquet files of a directory.
///
///   ARROW_ASSIGN_OR_RAISE(const auto files, WriteParquet(engine, plan, "/data/out", {.mode = SaveMode::kError}));
///
/// Which rows a file holds depends on the plan and the options alone, never on threads, budget or time: every file but the last has FileRows rows.
/// File names sort in the order of the rows, so that reading the directory gives them back in this order; what is appended later sorts behind (as far
/// as clocks agree). A result without rows is one file that holds the schema.
///
/// Files are encoded on the engine's lanes, several at once where the memory allows; nothing is visible before all are complete
/// (commit/output_commit.h). After an error or an interruption nothing is left behind.

#include <functional>
#include <string>
#include <vector>

#include "commit/output_commit.h"
#include "exec/engine.h"
#include "exec/stage_statistics.h"
#include "format/parquet/parquet_writer.h"
#include "plan/logical_plan.h"

namespace millstream {

struct WriteParquetOptions {
  uint64_t seed = 0;   // as ExecuteOptions has it
  uint64_t epoch = 0;
  ParquetWriterOptions parquet = {};
  int64_t file_rows_min = 0;  // at least so many rows a file, but for the last; 0: no bound
  int64_t file_rows_max = 0;  // at most so many; 0: no bound
  SaveMode mode = SaveMode::kAppend;
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

/// Rows a file: those of a block (a scan task of the plan's source) on average, brought within the bounds of the options.
Result<int64_t> FileRows(const PlanNode& plan, const WriteParquetOptions& options);

/// The files in the order of their rows; none where the mode is kIgnore and the directory is there. Blocks; not to be called on a lane.
Result<std::vector<WrittenFile>> WriteParquet(std::shared_ptr<Engine> engine, const PlanPtr& plan, const std::string& directory,
                                              const WriteParquetOptions& options = {});

}  // namespace millstream
