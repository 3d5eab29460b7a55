/// The methods of Dataset that make one data set of one or several.

#include "api/batch_functions.h"
#include "api/plan_runs.h"
#include "api/trees.h"
#include "millstream/dataset.h"

namespace millstream {
namespace {

/// A name for a key's column that the plan has not: the key's text, for messages show it.
std::string NameOfKey(const PlanNode& plan, const Expression& key) {
  std::string name = key.ToString();
  while (plan.schema != nullptr && plan.schema->GetFieldIndex(name) >= 0) name += "'";
  return name;
}

/// The keys by name, and in `computed` the columns of those that are no column yet.
Result<std::vector<SortKey>> NamedKeys(const PlanNode& plan, const std::vector<SortBy>& keys, NamedExpressions* computed) {
  std::vector<SortKey> named;
  for (const SortBy& by : keys) {
    ARROW_RETURN_NOT_OK(WithContext(by.key.status(), "sort"));
    const ExpressionPtr& tree = by.key.tree();
    const std::string column = tree->bare_column();
    SortKey key = {column.empty() ? NameOfKey(plan, *tree) : column, by.descending, by.nulls_first};
    for (const SortKey& other : named) {
      if (other.column == key.column) return MakeError(ErrorKind::kInvalidArgument, "sort got '" + key.column + "' twice");
    }
    if (column.empty()) computed->emplace_back(key.column, tree);
    named.push_back(std::move(key));
  }
  return named;
}

PlanPtr ShuffledBy(const PlanPtr& plan, const RandomSeedConfig& seed) {
  if (!seed.seed.has_value()) return ShufflePlanNode(plan, SeedKind::kUnset, SeedOrDrawn({}));
  return ShufflePlanNode(plan, seed.reseed_after_execution ? SeedKind::kPerExecution : SeedKind::kFixed, *seed.seed);
}

}  // namespace

Result<std::vector<Dataset::Plan>> Dataset::PlansWith(const std::vector<Dataset>& others) const {
  std::vector<Plan> plans = {plan_};
  for (const Dataset& other : others) {
    if (other.context_.engine_ != context_.engine_) {
      return MakeError(ErrorKind::kInvalidArgument, "the data sets are of two Contexts; read both with the same one");
    }
    plans.push_back(other.plan_);
  }
  return plans;
}

// ---- functions ----
Result<Dataset> Dataset::MapBatches(MapFunction function, const MapOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(auto made, FunctionOf("MapBatches", std::move(function), options));
  return With(MapPlan(plan_, std::move(made), options.batch_size));
}

Result<Dataset> Dataset::FlatMapBatches(FlatMapFunction function, const MapOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(auto made, FunctionOf("FlatMapBatches", std::move(function), options));
  return With(MapPlan(plan_, std::move(made), options.batch_size));
}

// ---- order ----
Result<Dataset> Dataset::Sort(const std::vector<SortBy>& keys) const {
  ColumnChange add, drop;
  add.kind = ColumnChange::Kind::kSet;
  drop.kind = ColumnChange::Kind::kDrop;
  ARROW_ASSIGN_OR_RAISE(auto named, NamedKeys(*plan_, keys, &add.columns));
  if (add.columns.empty()) return With(SortPlan(plan_, std::move(named)));
  for (const auto& [name, key] : add.columns) drop.names.push_back(name);
  ARROW_ASSIGN_OR_RAISE(auto plan, ChangeColumnsPlan(plan_, std::move(add)));
  ARROW_ASSIGN_OR_RAISE(plan, SortPlan(std::move(plan), std::move(named)));
  return With(ChangeColumnsPlan(std::move(plan), std::move(drop)));
}

Dataset Dataset::RandomShuffle(const RandomSeedConfig& seed) const { return Dataset(context_, ShuffledBy(plan_, seed)); }

Result<Dataset> Dataset::RandomizeBlockOrder(const DrawOptions& options) const { return With(BlockOrderPlan(plan_, SeedOrDrawn(options.seed))); }

Result<Dataset> Dataset::Repartition(const RepartitionOptions& options) const {
  if (options.sort && options.keys.empty()) return MakeError(ErrorKind::kInvalidArgument, "repartition sorts by its keys; name them, or use Sort");
  if (options.seed.has_value() && !options.shuffle) return MakeError(ErrorKind::kInvalidArgument, "repartition takes a seed with shuffle = true only");
  const PlanPtr rows = options.shuffle ? ShufflePlanNode(plan_, SeedKind::kFixed, SeedOrDrawn(options.seed)) : plan_;
  return With(RepartitionPlan(rows, {options.num_blocks, options.target_num_rows_per_block, options.keys, options.sort}));
}

// ---- several data sets ----
Result<Dataset> Dataset::Join(const Dataset& right, const JoinOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto plans, PlansWith({right}));
  JoinSpec spec;
  spec.type = options.type;
  spec.left_keys = options.on;
  spec.right_keys = options.right_on.empty() ? options.on : options.right_on;
  spec.left_suffix = options.left_suffix;
  spec.right_suffix = options.right_suffix;
  return With(JoinPlan(plans[0], plans[1], std::move(spec)));
}

Result<Dataset> Dataset::Union(const std::vector<Dataset>& others) const {
  if (others.empty()) return *this;
  ARROW_ASSIGN_OR_RAISE(auto plans, PlansWith(others));
  return With(UnionPlan(std::move(plans)));
}

Result<Dataset> Dataset::Zip(const std::vector<Dataset>& others) const {
  if (others.empty()) return *this;
  ARROW_ASSIGN_OR_RAISE(auto plans, PlansWith(others));
  return With(ZipPlan(std::move(plans)));
}

Result<Dataset> Dataset::Mix(const std::vector<Dataset>& others, const MixOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(auto plans, PlansWith(others));
  auto weights = options.weights.empty() ? std::vector<double>(plans.size(), 1.0) : options.weights;
  return With(MixPlan(std::move(plans), std::move(weights), options.stop_on_shortest));
}

}  // namespace millstream
