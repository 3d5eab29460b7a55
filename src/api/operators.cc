/// The methods of Dataset that make one data set of one or several.

#include <algorithm>

#include "api/batch_functions.h"
#include "api/plan_runs.h"
#include "api/trees.h"
#include "millstream/dataset.h"

namespace millstream {
namespace {

constexpr char kSortStage[] = "sort";

/// The plan with a column for each key that is none yet, and the keys by name; `added` gets the names of those columns, which messages show: they are the keys' text.
Result<PlanPtr> WithKeyColumns(PlanPtr plan, const std::vector<SortBy>& keys, std::vector<SortKey>* sort_keys, std::vector<std::string>* added) {
  ColumnChange change;
  change.kind = ColumnChange::Kind::kSet;
  for (const SortBy& by : keys) {
    ARROW_RETURN_NOT_OK(WithContext(by.key.status(), kSortStage));
    std::string name = by.key.tree()->bare_column();
    if (name.empty()) {
      name = by.key.tree()->ToString();
      while (plan->schema != nullptr && plan->schema->GetFieldIndex(name) >= 0) name += "'";
      if (std::find(added->begin(), added->end(), name) == added->end()) {
        change.columns.emplace_back(name, by.key.tree());
        added->push_back(name);
      }
    }
    const bool twice = std::any_of(sort_keys->begin(), sort_keys->end(), [&](const SortKey& key) { return key.column == name; });
    if (twice) return MakeError(ErrorKind::kInvalidArgument, "sort got '" + name + "' twice");
    sort_keys->push_back({std::move(name), by.descending, by.nulls_first});
  }
  if (added->empty()) return plan;
  return ChangeColumnsPlan(std::move(plan), std::move(change));
}

PlanPtr ShuffledBy(const PlanPtr& plan, const RandomSeedConfig& seed) {
  if (!seed.seed.has_value()) return ShufflePlanNode(plan, SeedKind::kUnset, DrawSeed());
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
  std::vector<SortKey> sort_keys;
  std::vector<std::string> added;
  ARROW_ASSIGN_OR_RAISE(auto plan, WithKeyColumns(plan_, keys, &sort_keys, &added));
  ARROW_ASSIGN_OR_RAISE(plan, SortPlan(std::move(plan), std::move(sort_keys)));
  if (added.empty()) return Dataset(context_, std::move(plan));
  ColumnChange change;
  change.kind = ColumnChange::Kind::kDrop;
  change.names = std::move(added);
  return With(ChangeColumnsPlan(std::move(plan), std::move(change)));
}

Dataset Dataset::RandomShuffle(const RandomSeedConfig& seed) const { return Dataset(context_, ShuffledBy(plan_, seed)); }

Result<Dataset> Dataset::RandomizeBlockOrder(const DrawOptions& options) const { return With(BlockOrderPlan(plan_, options.seed ? *options.seed : DrawSeed())); }

Result<Dataset> Dataset::Repartition(const RepartitionOptions& options) const {
  if (options.sort && options.keys.empty()) return MakeError(ErrorKind::kInvalidArgument, "repartition sorts by its keys; name them, or use Sort");
  if (options.seed.has_value() && !options.shuffle) return MakeError(ErrorKind::kInvalidArgument, "repartition takes a seed with shuffle = true only");
  const PlanPtr rows = options.shuffle ? ShufflePlanNode(plan_, SeedKind::kFixed, options.seed ? *options.seed : DrawSeed()) : plan_;
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
