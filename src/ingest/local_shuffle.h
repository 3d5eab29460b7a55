#pragma once
/// Mixes the rows of a stream within a bounded buffer: cheaper than a global shuffle and much weaker, for rows can only move about as far as the
/// buffer is long.
///
/// A batch is drawn uniformly from the buffer's rows whenever it holds at least `buffer_rows` (and a batch), or the input has ended. Drawing costs the
/// same whatever the size of the buffer. What is drawn depends on the input's rows, how they are cut into batches, and the options: not on
/// threads or time. Rows are copied in and out, charged to a ledger of their own, "local shuffle"; at most twice the buffer's rows are held.
///
///   const auto open = [&](const ExecuteOptions& rest) { return Execute(engine, plan, rest); };
///   ARROW_ASSIGN_OR_RAISE(auto stream, OpenLocalShuffle(*engine, LocalShuffleInputOf(*plan, 1024), options, execute, open));
///
/// The batches carry no position: a buffer holds rows from all over, so a pass cannot be taken up again in its middle.

#include <functional>
#include <memory>

#include "exec/batch_stream.h"
#include "exec/engine.h"
#include "ingest/execute.h"

namespace millstream {

struct LocalShuffleOptions {
  int64_t buffer_rows = 1;  // at least so many before a batch is drawn
  int64_t batch_rows = 1024;
  bool drop_last = false;
  uint64_t seed = 0;
};

/// What is known of the rows that come.
struct LocalShuffleInput {
  int64_t rows = 0;        // at most
  int64_t row_bytes = 0;   // about
  int64_t batch_rows = 0;  // that they come in
};
LocalShuffleInput LocalShuffleInputOf(const PlanNode& plan, int64_t batch_rows);

/// Reserves memory for the buffer, then calls `open` for the input, which is to be planned for the rest of the memory: its options say how much is kept.
/// kInvalidArgument for sizes below one; kBudget, with the number that would do, when both do not fit. Next gives kBudget when rows are much larger than
/// `input` says and do not fit.
using OpenInput = std::function<Result<std::unique_ptr<BatchStream>>(const ExecuteOptions&)>;
Result<std::unique_ptr<BatchStream>> OpenLocalShuffle(const Engine& engine, const LocalShuffleInput& input, const LocalShuffleOptions& options,
                                                      ExecuteOptions execute, const OpenInput& open);

}  // namespace millstream
