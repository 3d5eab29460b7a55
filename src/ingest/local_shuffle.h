#pragma once
/// Mixes the rows of a stream within a bounded buffer: cheaper than a global shuffle and much weaker, for rows can only move about as far as the
/// buffer is long.
///
/// A batch is drawn uniformly from the buffer's rows whenever it holds at least `buffer_rows` (and a batch), or the input has ended. Drawing costs the
/// same whatever the size of the buffer. What is drawn depends on the input's rows, how they are cut into batches, and the options: not on
/// threads or time. Rows are copied in and out, charged to a ledger of their own, "local shuffle"; at most twice the buffer's rows are held.
///
/// The batches carry no position: a buffer holds rows from all over, so a pass cannot be taken up again in its middle.

#include <memory>

#include "exec/batch_stream.h"
#include "exec/engine.h"

namespace millstream {

struct LocalShuffleOptions {
  int64_t buffer_rows = 1;  // at least so many before a batch is drawn
  int64_t batch_rows = 1024;
  bool drop_last = false;
  uint64_t seed = 0;
};

/// kInvalidArgument for sizes below one. Next gives kBudget when the buffer does not fit the engine's memory.
Result<std::unique_ptr<BatchStream>> OpenLocalShuffle(const Engine& engine, std::unique_ptr<BatchStream> input, const LocalShuffleOptions& options);

}  // namespace millstream
