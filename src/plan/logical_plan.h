#pragma once
/// What the user asked for: an immutable tree of nodes, cheap to copy and to share.

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/aggregate_spec.h"
#include "format/file_format.h"
#include "format/parquet/parquet_dataset.h"
#include "ops/scan_columns.h"
#include "plan/batch_function.h"
#include "plan/column_change.h"
#include "plan/expression.h"
#include "plan/join_type.h"
#include "plan/row_value.h"

namespace millstream {

enum class SeedKind : uint8_t {
  kFixed,         // the same order at every execution
  kPerExecution,  // a function of (seed, epoch)
  kUnset,         // drawn once, then as kPerExecution
};

/// A column to sort by.
struct SortKey {
  std::string column;
  bool descending = false;
  bool nulls_first = false;
};

/// What is computed of a column of each group.
struct ColumnAggregate {
  AggregateSpec spec;  // its column number is not used
  std::string column;  // empty: of the rows themselves
};

/// Blocks that rows are cut into: so many, or of so many rows.
struct RepartitionSpec {
  int64_t blocks = 0;      // of equal size; with keys, of rows whose keys are equal or have hashes that go together
  int64_t block_rows = 0;  // where `blocks` is 0
  std::vector<std::string> keys;
  bool sort = false;       // by the keys, within a block
};

struct PlanNode {
  static constexpr int64_t kWholeGroups = -1;

  enum class Kind : uint8_t { kSource = 0, kFilter = 1, kProject = 2, kLimit = 3, kShuffle = 4, kMap = 5, kColumns = 6, kUnion = 7, kZip = 8, kSample = 9, kBlockOrder = 10, kSort = 11, kAggregate = 12, kJoin = 13, kMix = 14, kRepartition = 15, kRowValues = 16, kReadFiles = 17 };

  Kind kind = Kind::kSource;
  std::shared_ptr<const PlanNode> input;
  std::vector<std::shared_ptr<const PlanNode>> others;     // inputs after the first: kUnion, kZip, kJoin, kMix
  std::shared_ptr<arrow::Schema> schema;                   // null above a function, whose results tell it
  std::shared_ptr<const ScanSource> source;                // kSource
  std::string source_name;                                 // kSource: "ReadParquet", "FromArrow", "Range"
  std::shared_ptr<const std::vector<ListedFile>> files;    // kSource from files
  std::shared_ptr<const ParquetDataset> parquet;           // kSource from Parquet files
  int64_t blocks = 0;                                      // kSource: as asked for, see plan/blocks.h; 0: as the source falls
  ExpressionPtr filter;                                    // kFilter
  NamedExpressions columns;                                // kProject
  int64_t limit = 0;                                       // kLimit
  int64_t offset = 0;                                      // kLimit: rows left out before
  SeedKind seed_kind = SeedKind::kUnset;                   // kShuffle
  uint64_t seed = 0;                                       // kShuffle, kSample, kBlockOrder
  double fraction = 1;                                     // kSample
  std::string sample_column;                               // kSample: by its hash, not by the row's place; empty: none
  bool sample_rest = false;                                // kSample: the other rows instead
  std::shared_ptr<const FileFormat> format;                // kReadFiles: of the ranges that the source below gives
  std::shared_ptr<const BatchFunction> function;           // kMap
  int64_t batch_rows = 0;                                  // kMap: rows a call; 0: whole blocks; kWholeGroups
  std::shared_ptr<const ColumnChange> change;              // kColumns
  std::vector<SortKey> sort_keys;                          // kSort
  std::vector<std::string> group_keys;                     // kAggregate: none: all rows are one group; kMap: a call gets whole groups of these
  std::vector<ColumnAggregate> aggregates;                 // kAggregate
  std::shared_ptr<const JoinSpec> join;                    // kJoin
  std::vector<double> weights;                             // kMix, one an input
  bool stop_on_shortest = false;                           // kMix
  std::shared_ptr<const RepartitionSpec> repartition;      // kRepartition
  RowValues row_values;                                    // kRowValues: behind the other columns

  /// One line with the node's arguments.
  std::string Describe() const;
};

using PlanPtr = std::shared_ptr<const PlanNode>;

PlanPtr SourcePlan(std::string name, std::shared_ptr<const ScanSource> source, int64_t blocks = 0);
/// `values`: what the paths tell, a row a file; may be null. kInvalidArgument for a column that is in the files too.
Result<PlanPtr> ParquetPlan(std::shared_ptr<const ParquetDataset> parquet, std::shared_ptr<arrow::RecordBatch> values = nullptr, int64_t blocks = 0);
/// The rows of files that are read in ranges of bytes: a source of ranges, and what reads them.
Result<PlanPtr> ReadFilesPlan(std::shared_ptr<const FileFormat> format, std::shared_ptr<const std::vector<ListedFile>> files, int64_t blocks = 0);
/// The same over a source that is there.
PlanPtr ReadRangesPlan(PlanPtr ranges, std::shared_ptr<const FileFormat> format);
/// Types and names are checked here, so that a wrong column is reported where it is written.
Result<PlanPtr> FilterPlan(PlanPtr input, ExpressionPtr filter);
Result<PlanPtr> ProjectPlan(PlanPtr input, NamedExpressions columns);
Result<PlanPtr> LimitPlan(PlanPtr input, int64_t limit, int64_t offset = 0);
PlanPtr ShufflePlanNode(PlanPtr input, SeedKind kind, uint64_t seed);
/// kInvalidArgument for a negative `batch_rows`.
Result<PlanPtr> MapPlan(PlanPtr input, std::shared_ptr<const BatchFunction> function, int64_t batch_rows);
/// The function on groups of equal keys, in the order of the keys, each whole: sorts by them first. A call gets several groups; without keys all rows are one.
Result<PlanPtr> MapGroupsPlan(PlanPtr input, std::vector<std::string> keys, std::shared_ptr<const BatchFunction> function);
/// A projection where the columns are known.
Result<PlanPtr> ChangeColumnsPlan(PlanPtr input, ColumnChange change);
/// The rows of one input after the other. Where columns are known their types are brought together; kType where that cannot be.
Result<PlanPtr> UnionPlan(std::vector<PlanPtr> inputs);
/// Rows of the inputs in turns, as their weights say. kInvalidArgument for weights that are not above 0, one an input; types as UnionPlan.
Result<PlanPtr> MixPlan(std::vector<PlanPtr> inputs, std::vector<double> weights, bool stop_on_shortest);
/// The same rows in other blocks. kUnknownColumn, kType for keys; kInvalidArgument for sizes.
Result<PlanPtr> RepartitionPlan(PlanPtr input, RepartitionSpec spec);
/// Row i of each side by side. A name that comes again gets _1, _2 and so on behind it.
Result<PlanPtr> ZipPlan(std::vector<PlanPtr> inputs);
/// Each row with the probability `fraction`, decided by the seed and the row's place in its source, or by the hash of a column; or with `rest` the other rows.
/// kUnknownColumn, kInvalidArgument.
Result<PlanPtr> SamplePlan(PlanPtr input, double fraction, uint64_t seed, std::string column = "", bool rest = false);
/// The rows with columns made of their places. kInvalidArgument for a name that another column has.
Result<PlanPtr> RowValuesPlan(PlanPtr input, RowValues values);
/// The blocks of the source in a random order. kInvalidArgument where the rows come from several sources or out of a shuffle.
Result<PlanPtr> BlockOrderPlan(const PlanPtr& input, uint64_t seed);
/// The same plan with each shuffle in the order of its first epoch, always.
PlanPtr FreezeShuffles(const PlanPtr& plan);
/// Rows in the order of the keys, the first one first; equal ones stay in their order. kUnknownColumn, kType for a column whose values have no order.
Result<PlanPtr> SortPlan(PlanPtr input, std::vector<SortKey> keys);
/// The numbers of the keys' columns; errors as SortPlan.
Result<std::vector<int>> SortColumnsOf(const std::vector<SortKey>& keys, const arrow::Schema& schema);
/// One row a group of equal keys, in their order, nulls last: the keys, and a column an aggregate. kUnknownColumn, kType for a column that cannot be a key or be
/// aggregated so, kInvalidArgument for two columns of one name.
Result<PlanPtr> AggregatePlan(PlanPtr input, std::vector<std::string> keys, std::vector<ColumnAggregate> aggregates);
/// Errors as JoinColumnsOf, and kInvalidArgument for keys that are not as many on both sides.
Result<PlanPtr> JoinPlan(PlanPtr left, PlanPtr right, JoinSpec spec);
/// What GroupTable needs, over the columns that it reads: those to select, and keys and specs by their numbers among them.
struct GroupColumns {
  std::vector<int> selected;  // of the schema
  std::vector<int> keys;
  std::vector<AggregateSpec> specs;
};
Result<GroupColumns> GroupColumnsOf(const PlanNode& aggregate, const arrow::Schema& schema);
/// The names that columns have after a zip.
std::vector<std::string> ZippedNames(const std::vector<std::vector<std::string>>& names);

/// All inputs, in order.
std::vector<PlanPtr> InputsOf(const PlanNode& node);
/// The node at the bottom, of the first inputs where there are several.
const PlanNode& SourceOf(const PlanNode& plan);
/// All sources, in order.
std::vector<const PlanNode*> SourcesOf(const PlanNode& plan);
/// Whether some source passes over files or rows that cannot be read.
bool ForgivesBadData(const PlanNode& plan);
/// Files that were passed over when the sources were made, each with the name of its reader.
std::vector<std::pair<std::string, BadPart>> LeftOutFiles(const PlanNode& plan);
/// The functions of the plan, in the order in which its bytes name them.
std::vector<std::shared_ptr<const BatchFunction>> FunctionsOf(const PlanNode& plan);
/// The uppermost shuffle that orders the plan's rows, null if there is none.
const PlanNode* ShuffleOf(const PlanNode& plan);
/// Rows, where footers tell: no filter in the way.
std::optional<int64_t> KnownRowCount(const PlanNode& plan);
/// All nodes, one a line, the source last.
std::string DescribePlan(const PlanNode& plan);

}  // namespace millstream
