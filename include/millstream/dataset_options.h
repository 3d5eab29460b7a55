#pragma once
/// What the methods of Dataset take, by name: dataset.Join(other, {.type = JoinType::kLeftOuter, .on = {"carrier"}}).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millstream/expressions.h"
#include "millstream/join_type.h"
#include "millstream/save_mode.h"

namespace millstream {

/// How a shuffle's order follows from its seed. docs/order.md defines the order; it depends on nothing but seed, epoch and the rows' places in their source.
struct RandomSeedConfig {
  /// Unset: one is drawn when the data set is made, kept in the state of its iterators, and gives every epoch an order of its own.
  std::optional<uint64_t> seed = {};
  /// False: every epoch has the order of epoch 0. True: each epoch has its own, a function of (seed, epoch).
  bool reseed_after_execution = false;
};

/// What rows are sorted by: {Column("carrier")}, {.key = Column("arr_delay") - Column("dep_delay"), .descending = true}.
struct SortBy {
  Expr key;
  bool descending = false;
  /// Where nulls go, in either direction. NaN is greater than all other numbers.
  bool nulls_first = false;
};

struct JoinOptions {
  JoinType type = JoinType::kInner;
  /// The keys' columns, on the left and, where `right_on` is empty, on the right too.
  std::vector<std::string> on = {};
  /// The keys' columns on the right, as many and of the same types.
  std::vector<std::string> right_on = {};
  /// Put behind the names of columns, keys apart, that both sides have.
  std::string left_suffix = {};
  std::string right_suffix = {};
};

struct MixOptions {
  /// How the numbers of rows taken stay to one another, this data set's first; each above 0. Empty: equal.
  std::vector<double> weights = {};
  /// True: ends when one data set has no more rows. False: when none has; those that end earlier drop out.
  bool stop_on_shortest = false;
};

/// One of num_blocks and target_num_rows_per_block.
struct RepartitionOptions {
  /// So many, whose sizes differ by at most one row; with `keys` rows of equal keys are in one block.
  int64_t num_blocks = 0;
  /// Blocks of so many rows; the last has what is left.
  int64_t target_num_rows_per_block = 0;
  /// Shuffles the rows first, in the order of `seed`, or of one that is drawn now.
  bool shuffle = false;
  std::optional<uint64_t> seed = {};
  /// Columns by whose values rows are put together, and whether blocks are sorted by them. Need num_blocks.
  std::vector<std::string> keys = {};
  bool sort = false;
};

struct DrawOptions {
  /// Unset: one is drawn now.
  std::optional<uint64_t> seed = {};
};

/// One of test_size and test_rows.
struct TrainTestSplitOptions {
  /// Share of all rows, above 0 and below 1.
  double test_size = 0;
  /// Number of rows, above 0 and below all.
  int64_t test_rows = 0;
  /// Shuffles the rows first, in the order of `seed`, or of one that is drawn now. Not with `stratify`.
  bool shuffle = false;
  std::optional<uint64_t> seed = {};
  /// A column: each of its values has that share in the second part, in the order of the values. Needs test_size.
  std::string stratify = {};
};

struct StreamingTrainTestSplitOptions {
  /// About this share of the rows is in the second part; above 0 and below 1.
  double test_size = 0;
  /// By the hash of this column, so that equal values are in one part. Empty: by each row's place and the seed.
  std::string hash_column = {};
  /// Unset: one is drawn now. Not with `hash_column`.
  std::optional<uint64_t> seed = {};
};

struct WriteOptions {
  /// "snappy", "zstd", "gzip", "lz4", "brotli" or "none".
  std::string compression = "snappy";
  /// Rows of a row group, at most. 0: about 32 MiB of them.
  int64_t row_group_size = 0;
  /// Rows of a file, at least (where there are as many) and at most. 0: no bound; then a file has a block of the source.
  int64_t min_rows_per_file = 0;
  int64_t max_rows_per_file = 0;
  SaveMode mode = SaveMode::kAppend;
};

struct ExplainOptions {
  /// Of the iteration that is explained.
  int64_t batch_size = 1024;
  /// Runs the plan, blocking, and tells what each stage did.
  bool analyze = false;
};

}  // namespace millstream
