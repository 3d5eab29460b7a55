#pragma once
/// A data set: where rows come from and what is done to them, not the rows themselves.
///
/// Each call returns a new Dataset and reads nothing but file footers; names and types are checked at once. Rows flow when it is iterated.
///
///   ARROW_ASSIGN_OR_RAISE(auto flights, Dataset::ReadParquet(context, {"flights"}, {.columns = {"carrier", "arr_delay"}}));
///   ARROW_ASSIGN_OR_RAISE(auto known, flights.Filter(Column("arr_delay").IsNotNull()));
///   ARROW_ASSIGN_OR_RAISE(auto means, known.GroupBy({"carrier"}).Mean({"arr_delay"}));       // millstream/grouped_data.h
///   ARROW_ASSIGN_OR_RAISE(auto joined, known.Join(means, {.on = {"carrier"}}));
///   ARROW_ASSIGN_OR_RAISE(auto scaled, joined.MapBatches(Scale, {.name = "Scale"}));         // millstream/batch_functions.h
///   auto iterator = scaled.RandomShuffle({.seed = 7, .reseed_after_execution = true}).Iterator();  // millstream/iterator.h
///
/// A Dataset is an immutable value, cheap to copy; any thread may use it. It keeps its Context's engine alive. Row order is the source's (files sorted within
/// each path given, rows as they lie in them); what each operator does to it is said there, and does not depend on processors or memory (docs/order.md).
///
/// The columns above a C++ function (MapBatches and its kin) are known once it has run. Until then schema() is null, and what would be refused at once is an error
/// of the iteration.
///
/// Errors: kUnknownColumn for a name that is not there, with the near ones; kType for values that an operator cannot take; kInvalidArgument for options that mean
/// nothing, and for data sets of different Contexts; kStale after a fork. Those of an expression (millstream/expressions.h) come from the call that takes it. What
/// runs a plan has those of BatchIterator::Next too.

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millstream/aggregate.h"
#include "millstream/batch_functions.h"
#include "millstream/context.h"
#include "millstream/dataset_options.h"
#include "millstream/read_options.h"
#include "millstream/expressions.h"
#include "millstream/grouped_data.h"
#include "millstream/iterator.h"

namespace millstream {

/// A file that WriteParquet made.
struct FileReport {
  std::string path;
  int64_t rows;
  int64_t bytes;
};

class MILLSTREAM_EXPORT Dataset {
 public:
  // ---- sources ----
  /// Files, directories (recursively; names that start with '.' or '_' are skipped) and globs. Reads the footers, blocking. Files whose schemas differ are
  /// brought together where only columns are missing or number widths differ. kFileNotFound, kInvalidArgument (empty directory, schemas that do not go
  /// together, naming file and column), kCorruptData (not Parquet, truncated), kUnknownColumn.
  static arrow::Result<Dataset> ReadParquet(const Context& context, const std::vector<std::string>& paths, const ReadParquetOptions& options = {});
  /// Files of other formats, in the order of the paths. Reads their beginnings, or samples of their rows where types are to be told, blocking; columns are those of all
  /// files, null where one lacks them. Errors as ReadParquet; rows that do not fit are told, with file and place, when they are read.
  static arrow::Result<Dataset> ReadCsv(const Context& context, const std::vector<std::string>& paths, const ReadCsvOptions& options = {});
  /// An object a line, or an array of objects.
  static arrow::Result<Dataset> ReadJson(const Context& context, const std::vector<std::string>& paths, const ReadJsonOptions& options = {});
  /// The column "text": lines, without their ends.
  static arrow::Result<Dataset> ReadText(const Context& context, const std::vector<std::string>& paths, const ReadTextOptions& options = {});
  /// The column "bytes": a row a file.
  static arrow::Result<Dataset> ReadBinaryFiles(const Context& context, const std::vector<std::string>& paths, const ReadFilesOptions& options = {});
  /// Arrow's own format, with a footer (Feather) or as a stream.
  static arrow::Result<Dataset> ReadIpc(const Context& context, const std::vector<std::string>& paths, const ReadFilesOptions& options = {});
  static arrow::Result<Dataset> ReadOrc(const Context& context, const std::vector<std::string>& paths, const ReadFilesOptions& options = {});
  /// .npy files: the column "data", a row for each place on an array's first axis.
  static arrow::Result<Dataset> ReadNumpy(const Context& context, const std::vector<std::string>& paths, const ReadFilesOptions& options = {});
  /// Rows in memory, shared, not copied, not counted in the memory limit. A batch is a block. kInvalidArgument for arrays that are not valid Arrow data or do
  /// not have the schema.
  static arrow::Result<Dataset> FromTable(const Context& context, const arrow::Table& table);
  static arrow::Result<Dataset> FromBatches(const Context& context, std::shared_ptr<arrow::Schema> schema,
                                            std::vector<std::shared_ptr<arrow::RecordBatch>> batches);
  /// One column, "id", int64: 0 .. rows - 1 in `blocks` blocks of nearly equal size.
  static arrow::Result<Dataset> Range(const Context& context, int64_t rows, int64_t blocks = 1);

  // ---- rows and columns, one by one; order stays ----
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
  /// Several at once; all see the columns as they were before.
  arrow::Result<Dataset> WithColumns(const std::vector<std::pair<std::string, Expr>>& columns) const;
  /// The first `rows` rows. kInvalidArgument for a negative number.
  arrow::Result<Dataset> Limit(int64_t rows) const;

  // ---- C++ functions: millstream/batch_functions.h ----
  /// What the function gives for each batch, in the order of the batches. They are cut by source file and `batch_size`; above a shuffle, sort, group or join all
  /// rows are one source.
  arrow::Result<Dataset> MapBatches(MapFunction function, const MapOptions& options = {}) const;
  /// The same, of a function that gives any number of batches for one.
  arrow::Result<Dataset> FlatMapBatches(FlatMapFunction function, const MapOptions& options = {}) const;

  // ---- order ----
  /// All rows in the order of the keys, the first one first; equal rows stay in their order. kType for values that have no order. Beyond the memory limit it spills.
  arrow::Result<Dataset> Sort(const std::vector<SortBy>& keys) const;
  /// All rows in an order drawn from all n! by the seed. The first batch of the first epoch waits until every row has been read once.
  Dataset RandomShuffle(const RandomSeedConfig& seed = {}) const;
  /// The blocks of the source in a random order, the same each time: much weaker than a shuffle, and free. kInvalidArgument where a shuffle, sort or several
  /// sources are below.
  arrow::Result<Dataset> RandomizeBlockOrder(const DrawOptions& options = {}) const;
  /// The same rows in other blocks: what MapBatches is given without a batch_size, and WriteParquet cuts files by. Rows keep their order but with `shuffle` or
  /// `keys`.
  arrow::Result<Dataset> Repartition(const RepartitionOptions& options) const;

  // ---- groups ----
  /// No key: all rows are one group.
  GroupedData GroupBy(std::vector<std::string> keys) const;
  /// The aggregations of all rows: a batch of one row. Blocks.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Aggregate(const std::vector<AggregateFn>& aggregates) const;
  /// One aggregation of all rows, as the AggregateFn of that name. Block.
  arrow::Result<std::shared_ptr<arrow::Scalar>> Sum(const std::string& column) const;
  arrow::Result<std::shared_ptr<arrow::Scalar>> Min(const std::string& column) const;
  arrow::Result<std::shared_ptr<arrow::Scalar>> Max(const std::string& column) const;
  arrow::Result<std::shared_ptr<arrow::Scalar>> Mean(const std::string& column) const;
  arrow::Result<std::shared_ptr<arrow::Scalar>> Std(const std::string& column, int ddof = 1) const;
  /// The distinct values in their order, null last unless ignored. Blocks.
  arrow::Result<std::shared_ptr<arrow::Array>> Unique(const std::string& column, bool ignore_nulls = false) const;

  // ---- several data sets ----
  /// Rows of this one beside those of `right` whose keys are equal; null keys match nothing. In the order of this one's rows, those of one row in that of the
  /// right's; rows of the right that an outer join keeps come at the end. The columns are this one's, then the right's but its keys. Give the smaller one on
  /// the right: where it does not fit in memory both sides are spilled by their keys. kBudget where one key alone has more rows on both sides than fit, kType for
  /// keys of different types, kInvalidArgument for columns of one name.
  arrow::Result<Dataset> Join(const Dataset& right, const JoinOptions& options) const;
  /// The rows of this one, then those of each other. kType for columns whose types do not go together; one that a data set lacks is null there.
  arrow::Result<Dataset> Union(const std::vector<Dataset>& others) const;
  /// Row i of each side by side; a name that comes again gets _1, _2 and so on behind it. The iteration ends with kInvalidArgument where lengths differ.
  arrow::Result<Dataset> Zip(const std::vector<Dataset>& others) const;
  /// Rows of this one and the others in turns, in runs of 32, so that their numbers stay as the weights to one another. Columns as Union.
  arrow::Result<Dataset> Mix(const std::vector<Dataset>& others, const MixOptions& options = {}) const;

  // ---- parts ----
  // Plans that each run what they were cut from, and leave the other rows out; Materialize first where that is dear. Rows that are shuffled below keep to the order
  // of the first epoch, so that no row ever changes its part. All but SplitAtIndices count the rows, blocking where only a run tells.
  /// Each row with the probability `fraction`, by the seed and the row's place: the same rows each time. kInvalidArgument for less than 0 or more than 1.
  arrow::Result<Dataset> RandomSample(double fraction, const DrawOptions& options = {}) const;
  /// The rows before the first index, from each to the next, and from the last on.
  arrow::Result<std::vector<Dataset>> SplitAtIndices(const std::vector<int64_t>& indices) const;
  /// One part a proportion, and one of the rows that are left.
  arrow::Result<std::vector<Dataset>> SplitProportionately(const std::vector<double>& proportions) const;
  /// `count` parts of consecutive rows whose sizes differ by at most one; `equal` leaves out what does not divide.
  arrow::Result<std::vector<Dataset>> Split(int64_t count, bool equal = false) const;
  /// The first rows, and the last.
  arrow::Result<std::pair<Dataset, Dataset>> TrainTestSplit(const TrainTestSplitOptions& options) const;
  /// Each row to one of two parts by chance, or by the hash of a column; counts nothing.
  arrow::Result<std::pair<Dataset, Dataset>> StreamingTrainTestSplit(const StreamingTrainTestSplitOptions& options) const;

  // ---- looking at it ----
  /// Names and types of the columns; null where a function decides them.
  const std::shared_ptr<arrow::Schema>& schema() const;
  /// The same; where it is null, that of the plan's first batch, which is run for. Blocks then.
  arrow::Result<std::shared_ptr<arrow::Schema>> FetchSchema() const;
  /// Rows. From the footers where no filter is in the way, else by reading what the filters need; blocks meanwhile.
  arrow::Result<int64_t> Count() const;
  /// Contiguous ranges of rows that are read as a unit: row groups and batches of all sources, or what Repartition made.
  int64_t NumBlocks() const;
  /// Paths of the files, in the order of their rows; none for sources in memory.
  std::vector<std::string> InputFiles() const;
  /// The stages, the source last, and how they will run: what is read, held and spilled, with estimates where only a run tells. For people.
  arrow::Result<std::string> Explain(const ExplainOptions& options = {}) const;

  // ---- its rows ----
  /// An iterator that stands before its first epoch. Reads nothing.
  DataIterator Iterator() const;
  /// All rows of epoch 0 in memory, beside the limit. Blocks.
  arrow::Result<std::shared_ptr<arrow::Table>> ToTable() const;
  /// A data set of these rows, which it holds. Blocks.
  arrow::Result<Dataset> Materialize() const;
  /// Writes the rows of epoch 0, in order, as Parquet files of a directory, which is made where it is missing, and names the files in that order; none with
  /// SaveMode::kIgnore where something is there. They are published all at once at the end: an error leaves nothing behind. Blocks. kType for a type that Parquet
  /// has no form for; kDiskFull, kPermission, kIo.
  arrow::Result<std::vector<FileReport>> WriteParquet(const std::string& directory, const WriteOptions& options = {}) const;

 private:
  friend class DataIterator;
  friend class GroupedData;
  using Plan = std::shared_ptr<const PlanNode>;
  Dataset(Context context, Plan plan);
  arrow::Result<Dataset> With(arrow::Result<Plan> plan) const;
  arrow::Result<std::vector<Dataset>> WithEach(arrow::Result<std::vector<Plan>> plans) const;
  arrow::Result<std::vector<Plan>> PlansWith(const std::vector<Dataset>& others) const;
  arrow::Result<std::pair<Dataset, Dataset>> StratifiedSplit(double test_size, const std::string& column) const;
  arrow::Result<std::shared_ptr<arrow::Scalar>> Single(const AggregateFn& aggregate) const;

  Context context_;
  Plan plan_;
};

}  // namespace millstream
