#pragma once
/// A join neither side of which needs to fit memory.
///
/// Rows of both sides are kept on disk in their order. Their keys are sorted by a hash in the exchange, and joined a range of hashes at a time: as many keys of the right
/// as there is room for make a table, which the left's of that range pass by. What comes of it are pairs of row numbers; sorted, they get the columns of the right, then
/// those of the left: the order is that of a join in memory. One key may have more rows of the right than fit a table; then the left's of that key are held, and pass by
/// one table after the other.

#include <functional>

#include "exec/polled_stream.h"
#include "ingest/spooled_rows.h"
#include "plan/join_type.h"

namespace millstream {

/// How a join divides its memory.
struct JoinParts {
  /// For the keys of both sides, the tables, the pairs that these find, and rows on their way to disk and back. When the keys and the tables have gone, the pairs with
  /// the rows of the right take the place of two.
  static constexpr int64_t kAll = 5;
  static constexpr int64_t kWithRight = 2;
  /// For the keys of the right until all have come.
  static constexpr int64_t kFirstPassOfRight = 2;
  /// Batches of a part, about, that a sort gives, and rows of one that it is given.
  static constexpr int64_t kSortedBatches = 32;
  /// That come of the tables: larger ones make larger pieces in the exchange.
  static constexpr int64_t kJoinedBatches = 6;
  /// Rows that are written to disk, or read back, at a time.
  static constexpr int64_t kFrames = 8;
  static constexpr int64_t kBatchRowsMin = 1024;
};

/// For the rows of one side of a join that has so much memory.
std::shared_ptr<SpooledRows> SpoolForJoin(std::shared_ptr<Engine> engine, std::shared_ptr<BudgetPool> pool, int64_t memory_bytes, std::string stage_name);

struct PartitionedJoinOptions {
  std::shared_ptr<BudgetPool> pool;  // its floor is memory_bytes, which the join gives to its parts
  int64_t memory_bytes = 0;
  std::shared_ptr<SpooledRows> right_rows;  // those of `right`, once these have come; null for a left semi or anti join
  int64_t left_rows_guess = 0;
  int64_t right_rows_guess = 0;
};

/// `right` has the columns of its keys, at least. `open_left` is called once, after the right has been read. Positions number the rows of the result.
Result<PolledStreamPtr> OpenPartitionedJoin(std::shared_ptr<Engine> engine, std::function<Result<PolledStreamPtr>()> open_left, PolledStreamPtr right, JoinSpec spec, PartitionedJoinOptions options);

}  // namespace millstream
