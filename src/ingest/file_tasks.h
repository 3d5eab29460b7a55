#pragma once
/// The files of one job while they are being written: each is encoded by a task of its own, which lanes run; the calling thread cuts and feeds them.
///
/// At most `open_files_max` files are open and `queue_bytes_max` bytes (or one batch) wait, so memory is bounded; the caller waits for room. All methods are
/// the calling thread's, which must not be a lane.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "exec/stage_statistics.h"
#include "exec/stream_task.h"
#include "format/file_writer.h"

namespace millstream {

class FileTasks {
 public:
  struct Options {
    std::shared_ptr<const WriteFormat> format;
    std::shared_ptr<arrow::Schema> schema;
    int64_t file_rows = 0;  // at most
    std::shared_ptr<BudgetPool> pool;     // of the encoders
    std::shared_ptr<Ledger> queue_ledger;  // of batches that wait
    int open_files_max = 1;
    int64_t queue_bytes_max = 0;
    std::function<bool()> interrupted;    // looked at while waiting; may be empty
  };
  FileTasks(std::shared_ptr<Engine> engine, Options options);
  /// Stops the tasks; files that are not finished stay as they are.
  ~FileTasks();

  /// Begins the next file, at `path`, once there is room for it; kCancelled when interrupted, and the first error of any file.
  Status Begin(const std::string& path);
  /// Adds rows to the file begun last.
  Status Add(std::shared_ptr<arrow::RecordBatch> batch);
  /// The file begun last is complete.
  void End();
  /// Waits until all files are written; one entry a file, in the order of Begin.
  Result<std::vector<WrittenRows>> Finish();

  const StageStatistics& statistics() const;
  StageStatistics* mutable_statistics();

 private:
  struct State;
  struct File;
  class EncodeTask;
  Status WaitUntil(const std::function<bool()>& ready);

  std::shared_ptr<State> state_;
  std::shared_ptr<File> current_;
};

}  // namespace millstream
