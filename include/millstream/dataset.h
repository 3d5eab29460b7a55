#pragma once
/// A data set: where rows come from and what is done to them, not the rows themselves.
///
/// Each call returns a new Dataset and reads nothing but file footers; names and types are checked at once. Rows flow when it is iterated.
///
///   ARROW_ASSIGN_OR_RAISE(auto flights, Dataset::ReadParquet(context, {"flights"}, {.columns = {"distance", "arr_delay"}}));
///   ARROW_ASSIGN_OR_RAISE(auto known, flights.Filter(Column("arr_delay").IsNotNull()));
///   ARROW_ASSIGN_OR_RAISE(auto shuffled, known.RandomShuffle({.seed = 7, .reseed_after_execution = true}));
///   auto iterator = shuffled.Iterator();                                                     // millstream/iterator.h
///
/// A Dataset is an immutable value, cheap to copy; any thread may use it. It keeps its Context's engine alive. Row order is the source's (files sorted within
/// each path given, rows as they lie in them) until RandomShuffle.

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millstream/context.h"
#include "millstream/expressions.h"
#include "millstream/iterator.h"

namespace millstream {

struct ReadParquetOptions {
  /// Only these, in this order. Empty: all.
  std::vector<std::string> columns = {};
};

/// How a shuffle's order follows from its seed. docs/order.md defines the order; it depends on nothing but seed, epoch and the rows' places in their source.
struct RandomSeedConfig {
  /// Unset: an iterator draws one, keeps it in its state, and gives every epoch an order of its own.
  std::optional<uint64_t> seed = {};
  /// False: every epoch has the order of epoch 0. True: each epoch has its own, a function of (seed, epoch).
  bool reseed_after_execution = false;
};

class MILLSTREAM_EXPORT Dataset {
 public:
  /// Files, directories (recursively; names that start with '.' or '_' are skipped) and globs. Reads the footers, blocking. Files whose schemas differ are
  /// brought together where only columns are missing or number widths differ. kFileNotFound, kInvalidArgument (empty directory, schemas that do not go
  /// together, naming file and column), kCorruptData (not Parquet, truncated), kUnknownColumn.
  static arrow::Result<Dataset> ReadParquet(const Context& context, const std::vector<std::string>& paths, const ReadParquetOptions& options = {});
  /// Rows in memory, shared, not copied, not counted in the memory limit. A batch is a block. kInvalidArgument for arrays that are not valid Arrow data or do
  /// not have the schema.
  static arrow::Result<Dataset> FromTable(const Context& context, const arrow::Table& table);
  static arrow::Result<Dataset> FromBatches(const Context& context, std::shared_ptr<arrow::Schema> schema,
                                            std::vector<std::shared_ptr<arrow::RecordBatch>> batches);
  /// One column, "id", int64: 0 .. rows - 1 in `blocks` blocks of nearly equal size.
  static arrow::Result<Dataset> Range(const Context& context, int64_t rows, int64_t blocks = 1);

  /// Keeps the rows for which `condition` is true. kType if it is not a truth value.
  arrow::Result<Dataset> Filter(const Expr& condition) const;
  /// Exactly these columns. kInvalidArgument for a name given twice.
  arrow::Result<Dataset> Project(const std::vector<std::pair<std::string, Expr>>& columns) const;
  arrow::Result<Dataset> SelectColumns(const std::vector<std::string>& names) const;
  arrow::Result<Dataset> DropColumns(const std::vector<std::string>& names) const;
  /// Pairs of old and new name; the other columns stay.
  arrow::Result<Dataset> RenameColumns(const std::vector<std::pair<std::string, std::string>>& names) const;
  /// Adds a column at the end, or replaces the one of that name where it stands.
  arrow::Result<Dataset> WithColumn(const std::string& name, const Expr& value) const;
  /// The first `rows` rows. kInvalidArgument for a negative number.
  arrow::Result<Dataset> Limit(int64_t rows) const;
  /// All rows in an order drawn from all n! by the seed. The first batch of the first epoch waits until every row has been read once.
  Dataset RandomShuffle(const RandomSeedConfig& seed = {}) const;

  const std::shared_ptr<arrow::Schema>& schema() const;
  /// Rows. From the footers where no filter is in the way, else by reading what the filters need; blocks meanwhile.
  arrow::Result<int64_t> Count() const;
  /// Contiguous ranges of the source that are read as a unit: row groups, batches.
  int64_t NumBlocks() const;
  /// Paths of the files, in the source's order; empty for a source in memory.
  std::vector<std::string> InputFiles() const;
  /// The stages, the source last, for people.
  arrow::Result<std::string> Explain() const;

  /// An iterator that stands before its first epoch. Reads nothing.
  DataIterator Iterator() const;
  /// All rows of epoch 0 in memory, beside the limit. Blocks.
  arrow::Result<std::shared_ptr<arrow::Table>> ToTable() const;

 private:
  friend class DataIterator;
  Dataset(Context context, std::shared_ptr<const PlanNode> plan);
  Context context_;
  std::shared_ptr<const PlanNode> plan_;
};

}  // namespace millstream
