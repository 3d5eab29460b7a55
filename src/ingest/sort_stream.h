#pragma once
/// All rows in the order of some of their columns: the exchange of the shuffle, with partitions that are ranges between sampled rows.

#include <functional>

#include "exchange/sort_order.h"
#include "exec/polled_stream.h"
#include "ingest/shuffle_stream.h"

namespace millstream {

struct SortStreamOptions {
  SortOrder::By by;  // columns of the program's output
  int64_t batch_rows = 1024;
  std::string source_name = "ReadParquet";
  std::string stage_name = "Sort";
  int64_t batch_bytes = 0;  // of a batch, about, where batch_rows is the most; 0: batches have as many rows as that. For the sort of a stream
  int64_t memory_kept_bytes = 0;
  int64_t first_pass_bytes = 0;  // ShuffleSizes
  std::vector<int64_t> row_bytes = {};  // of a stream's columns, about, where that is known
  /// Where the sort columns of a stream are numbers of rows: how many rows there are of each column. They tell more than the first rows, which may be neighbours.
  std::vector<int64_t> rows_numbered = {};
  // Of the sort of a stream: whether it is to begin with the rows that are there, for more come only then; called once it has reserved the memory that it needs.
  std::function<bool()> open_now = {};
  std::function<void()> when_open = {};
};

/// Samples the source's sort columns before it returns; the calling thread must not be a lane's.
Result<PolledStreamPtr> OpenSortStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source, std::shared_ptr<const RowProgram> program,
                                       const SortStreamOptions& options);

/// The same over a stream: its first batches are held to take the sample from. `rows_guess`: how many rows there may be.
Result<PolledStreamPtr> OpenSortStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::shared_ptr<const RowProgram> program, int64_t rows_guess,
                                       const SortStreamOptions& options);

}  // namespace millstream
