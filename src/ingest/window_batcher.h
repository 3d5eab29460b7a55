#pragma once
/// Cuts a sequence of windows into batches of equal size: slices where a window has enough rows, joined copies where a batch spans windows.

#include <arrow/record_batch.h>

#include <deque>
#include <memory>

#include "exec/batch_stream.h"
#include "memory/hand_over_pool.h"

namespace millstream {

/// A window of rows of one source, in order.
struct ReadyWindow {
  std::shared_ptr<arrow::RecordBatch> batch;
  std::shared_ptr<HandOverPool> memory;     // of the batch; null when it is not the engine's
  uint32_t source = 0;
  int64_t first_row = 0;                    // of the window in its source
  std::shared_ptr<arrow::Buffer> selected;  // one byte an input row; null when all rows were kept
  size_t unit = 0;                          // that its rows belong to: no batch has rows of two
};

class WindowBatcher {
 public:
  explicit WindowBatcher(int64_t batch_rows) : batch_rows_(batch_rows) {}
  /// What is left is the user's, as far as slices of it are.
  ~WindowBatcher();

  void Add(ReadyWindow window);
  int64_t rows_waiting() const { return rows_waiting_; }
  /// Rows of the next batch; 0 while it may still grow, which it does not at the input's end.
  int64_t RowsReady(bool at_end) const;
  /// The next RowsReady(true) rows; at least one must wait. Joined rows come from `pool`, whose charge is ended. When it refuses them
  /// (kBudget), the call can be repeated with another.
  /// A window stays charged as long as the user may hold the last slice of it, which is until the next batch is there: a batch in the user's hands
  /// may keep a whole window from being freed.
  Result<StreamBatch> Take(const std::shared_ptr<HandOverPool>& pool);
  /// Lets go of the rows that wait. A window of which slices were taken is the user's from now on, as if it had been used up.
  void Clear();

 private:
  struct Waiting {
    ReadyWindow window;
    int64_t begin = 0;       // rows of the batch already taken
    int64_t input_row = 0;   // input rows up to the last one taken
  };
  std::shared_ptr<arrow::RecordBatch> TakeSlice(int64_t rows);
  void CountFront();
  static void EndCharges(std::vector<std::shared_ptr<HandOverPool>>* windows);

  int64_t batch_rows_;
  std::deque<Waiting> waiting_;
  int64_t rows_waiting_ = 0;
  int64_t front_rows_ = 0;  // that wait and are of the front window's unit
  // Of the batch to come:
  std::vector<std::shared_ptr<arrow::RecordBatch>> parts_;
  int64_t parts_rows_ = 0;
  StreamPosition position_;
  std::vector<std::shared_ptr<HandOverPool>> used_up_;   // windows that its parts end
  std::vector<std::shared_ptr<HandOverPool>> delivered_;  // windows that the batch before it ended
};

}  // namespace millstream
