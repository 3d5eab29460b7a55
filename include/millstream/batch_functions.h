#pragma once
/// C++ functions on record batches: what Dataset::MapBatches, FlatMapBatches and GroupedData::MapGroups take.
///
///   // One more column, the mean of a row's list of numbers.
///   arrow::Result<std::shared_ptr<arrow::RecordBatch>> AddMean(const std::shared_ptr<arrow::RecordBatch>& batch, const CallContext&);
///
///   ARROW_ASSIGN_OR_RAISE(auto means, samples.MapBatches(AddMean, {.concurrency = 2, .name = "AddMean"}));
///
/// Batches are shared: what a function is given must not be changed, and what it gives must not be changed afterwards. Columns of all its results must fit one
/// schema, that of the first ones (the iteration ends with kType where they do not); nulls take any type, narrow numbers the wider.
///
/// Results come in the order of the batches they were made of, whatever the concurrency. A Status other than OK, and an exception, ends the iteration where its
/// rows would have come, as an error of the same kind that names the stage and the rows: "MapBatches(AddMean): the function failed, on rows 0 to 1023 of
/// samples/a.parquet: …".
///
/// A function runs on the engine's threads, of which there is one a processor, so one that sleeps or waits for a network keeps a processor from its work. It must
/// not iterate a data set of the same Context, which may wait for the very thread it holds. It is called while a pass runs, and has returned before
/// BatchIterator::Close or its destructor does.

#include <arrow/record_batch.h>
#include <arrow/result.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millstream {

/// What a function is told about its call.
struct CallContext {
  /// Of the call, from 0 on in each pass.
  int64_t number = 0;
  /// For random numbers: a function of the shuffle's seed, the epoch and the batch's place, so that a resumed or repeated pass draws the same.
  uint64_t random_seed = 0;
  /// Which rows, for messages: "rows 0 to 1023 of flights/a.parquet".
  std::string rows = {};
  /// True once nobody waits for the result any more: a function that takes long looks at it and returns, whatever it likes. Not to be kept beyond the call.
  std::function<bool()> cancelled = {};
};

using RecordBatches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

/// Gives one batch, of any number of rows.
using MapFunction = std::function<arrow::Result<std::shared_ptr<arrow::RecordBatch>>(const std::shared_ptr<arrow::RecordBatch>& batch, const CallContext& call)>;
/// Gives any number of batches.
using FlatMapFunction = std::function<arrow::Result<RecordBatches>(const std::shared_ptr<arrow::RecordBatch>& batch, const CallContext& call)>;

struct MapOptions {
  /// Rows of a batch, the last one of a source excepted. 0: whole blocks (row groups, batches of a table, what Repartition made), in parts of about 4 MiB.
  int64_t batch_size = 0;
  /// Calls under way at once, at most the processors there are; 0: all of them. With more than one the function must bear to be called from several threads.
  int concurrency = 1;
  /// What the function is called in plans, statistics and errors.
  std::string name = {};
};

}  // namespace millstream
