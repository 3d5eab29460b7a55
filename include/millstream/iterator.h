#pragma once
/// Epoch after epoch of a data set's rows, in batches, resumable.
///
///   DataIterator iterator = shuffled.Iterator();
///   for (int epoch = 0; epoch < 3; ++epoch) {
///     ARROW_ASSIGN_OR_RAISE(auto batches, iterator.IterateBatches({.batch_size = 1024}));
///     for (;;) {
///       ARROW_ASSIGN_OR_RAISE(auto batch, batches->Next());
///       if (batch == nullptr) break;
///       Train(*batch);
///       SaveCheckpoint(model, *iterator.StateJson());   // a resume goes on with the batch after this one
///     }
///   }
///
/// Threads: one at a time for an iterator and its batches. Batches themselves are plain Arrow data, may go anywhere and outlive everything here.

#include <arrow/record_batch.h>
#include <arrow/result.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millstream/context.h"
#include "millstream/export.h"

namespace millstream {

struct PlanNode;
class BatchStream;
class Passes;
struct IteratorState;

struct IterationOptions {
  /// Rows of a batch, the last one of an epoch excepted.
  int64_t batch_size = 1024;
  /// Leaves out the last batch where it would be shorter.
  bool drop_last = false;
  /// Batches made ready ahead of the one in use. They do not count as delivered.
  int prefetch_batches = 1;
  /// False: without a shuffle, rows may come in the order in which they are ready. Such a pass cannot be resumed.
  bool preserve_order = true;
};

/// What one stage of a pass has done so far.
struct StageReport {
  std::string name;
  int64_t rows_expected;  // 0: not known
  int64_t rows;
  int64_t bytes;
  double cpu_seconds;
  double wait_in_seconds;   // for input
  double wait_out_seconds;  // for room downstream
  int64_t spilled_bytes;    // written to the spill directory
  int64_t read_back_bytes;
  int64_t peak_memory_bytes;
};

/// One pass. Lanes work ahead from the moment it is made; dropping it stops them and frees memory and files.
class MILLSTREAM_EXPORT BatchIterator {
 public:
  ~BatchIterator();
  BatchIterator(const BatchIterator&) = delete;
  BatchIterator& operator=(const BatchIterator&) = delete;

  /// Null where a function decides the columns, until the first batch.
  const std::shared_ptr<arrow::Schema>& schema() const;
  /// The next batch, null at the end and ever after; never empty. Blocks. `interrupted`, where given, is asked every 50 ms and ends the wait with kCancelled.
  /// After an error every further call gives an error or null; begin a new pass.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next(const std::function<bool()>& interrupted = nullptr);
  /// The stages in order of flow. Any thread, any time until Close.
  std::vector<StageReport> Statistics() const;
  /// Ends the pass where it stands. Idempotent.
  void Close();

 private:
  friend class DataIterator;
  BatchIterator(std::unique_ptr<BatchStream> stream, std::shared_ptr<IteratorState> state, uint64_t pass);
  std::unique_ptr<BatchStream> stream_;
  std::shared_ptr<IteratorState> state_;
  uint64_t pass_;
  bool closed_ = false;
};

/// Counts the epochs and knows where it stands. From one pass to the next it keeps rows decoded in the engine's memory where they fit, until another reader
/// needs that memory, and once a second pass has begun it prepares the next while one is consumed.
/// Moves; not to be copied, for two of them would be two positions.
class MILLSTREAM_EXPORT DataIterator {
 public:
  DataIterator(DataIterator&&) noexcept;
  DataIterator& operator=(DataIterator&&) noexcept;
  ~DataIterator();

  /// Begins the next pass: epoch 0 first, then 1, …, whether or not the pass before was used up (its batches no longer move this iterator's position).
  /// After LoadStateJson: the rest of the saved epoch, empty if its last batch was delivered but its end not seen. kBudget, at once and with the number that
  /// would do, if the memory limit is too small for the plan; kInvalidArgument for a batch_size below 1; kStale after a fork.
  arrow::Result<std::unique_ptr<BatchIterator>> IterateBatches(const IterationOptions& options = {});

  /// The epoch of the pass under way, or of the first one to come.
  uint64_t epoch() const;

  /// Where the iterator stands after the batch that Next gave last: JSON below 1 KB, in the form docs/order.md gives. After the last batch: the end of that
  /// epoch. After Next gave null: loaded, the next pass is the next epoch. kInvalidArgument for a pass that gave up order, until its end.
  arrow::Result<std::string> StateJson() const;
  /// Takes up a state saved here or by the Python package, in this process or another; threads, memory limit and batch size may differ. kInvalidArgument,
  /// naming the part with both values, when the plan or the data is not the one saved from (files, rows, schema, stages, seed, order version).
  arrow::Status LoadStateJson(std::string_view json);

 private:
  friend class Dataset;
  DataIterator(Context context, std::shared_ptr<const PlanNode> plan);
  Context context_;
  std::shared_ptr<const PlanNode> plan_;
  std::shared_ptr<IteratorState> state_;
  std::unique_ptr<Passes> passes_;  // made by the first pass
};

}  // namespace millstream
