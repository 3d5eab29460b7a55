/// The methods of Dataset that take a part of its rows, or cut it into parts.

#include "plan/parts.h"

#include <cmath>

#include "api/plan_runs.h"
#include "millstream/dataset.h"

namespace millstream {
namespace {

std::pair<Dataset, Dataset> PairOf(std::vector<Dataset> parts) { return {std::move(parts[0]), std::move(parts[1])}; }

Status CheckSplit(const TrainTestSplitOptions& options) {
  if ((options.test_size != 0) == (options.test_rows != 0)) return MakeError(ErrorKind::kInvalidArgument, "TrainTestSplit takes test_size or test_rows, one of them");
  if (options.seed.has_value() && !options.shuffle) return MakeError(ErrorKind::kInvalidArgument, "TrainTestSplit takes a seed with shuffle = true only");
  if (options.stratify.empty()) return Status::OK();
  if (options.shuffle) return MakeError(ErrorKind::kInvalidArgument, "TrainTestSplit takes shuffle or stratify, not both; shuffle the rows before");
  if (options.test_rows != 0) return MakeError(ErrorKind::kInvalidArgument, "TrainTestSplit takes stratify with test_size, a share, only");
  return Status::OK();
}

/// The first rows of each group, or its last.
MapFunction PartOfGroup(double share, bool last) {
  return [share, last](const std::shared_ptr<arrow::RecordBatch>& group, const CallContext&) -> Result<std::shared_ptr<arrow::RecordBatch>> {
    const int64_t first = group->num_rows() - static_cast<int64_t>(std::nearbyint(static_cast<double>(group->num_rows()) * share));
    return last ? group->Slice(first) : group->Slice(0, first);
  };
}

}  // namespace

Result<std::vector<Dataset>> Dataset::WithEach(Result<std::vector<Plan>> plans) const {
  ARROW_RETURN_NOT_OK(plans.status());
  std::vector<Dataset> parts;
  for (Plan& plan : *plans) parts.push_back(Dataset(context_, std::move(plan)));
  return parts;
}

Result<Dataset> Dataset::RandomSample(double fraction, const DrawOptions& options) const {
  return With(SamplePlan(plan_, fraction, SeedOrDrawn(options.seed)));
}

Result<std::vector<Dataset>> Dataset::SplitAtIndices(const std::vector<int64_t>& indices) const { return WithEach(millstream::SplitAtIndices(plan_, indices)); }

Result<std::vector<Dataset>> Dataset::SplitProportionately(const std::vector<double>& proportions) const {
  ARROW_ASSIGN_OR_RAISE(const int64_t rows, Count());
  return WithEach(millstream::SplitProportionately(plan_, proportions, rows));
}

Result<std::vector<Dataset>> Dataset::Split(int64_t count, bool equal) const {
  ARROW_ASSIGN_OR_RAISE(const int64_t rows, Count());
  return WithEach(SplitEvenly(plan_, count, equal, rows));
}

Result<std::pair<Dataset, Dataset>> Dataset::TrainTestSplit(const TrainTestSplitOptions& options) const {
  ARROW_RETURN_NOT_OK(CheckSplit(options));
  if (!options.stratify.empty()) return StratifiedSplit(options.test_size, options.stratify);
  const Dataset whole = options.shuffle ? RandomShuffle({.seed = SeedOrDrawn(options.seed)}) : *this;
  ARROW_ASSIGN_OR_RAISE(const int64_t rows, Count());
  const bool by_share = options.test_size != 0;
  auto plans = by_share ? SplitLastShare(whole.plan_, options.test_size, rows) : SplitLastRows(whole.plan_, options.test_rows, rows);
  ARROW_ASSIGN_OR_RAISE(auto parts, WithEach(std::move(plans)));
  return PairOf(std::move(parts));
}

Result<std::pair<Dataset, Dataset>> Dataset::StratifiedSplit(double test_size, const std::string& column) const {
  if (!(test_size > 0 && test_size < 1)) {
    return MakeError(ErrorKind::kInvalidArgument, "test_size must be above 0 and below 1, got " + std::to_string(test_size));
  }
  const GroupedData groups = GroupBy({column});
  const MapOptions options = {.concurrency = 0, .name = "train_test_split"};
  ARROW_ASSIGN_OR_RAISE(auto train, groups.MapGroups(PartOfGroup(test_size, false), options));
  ARROW_ASSIGN_OR_RAISE(auto test, groups.MapGroups(PartOfGroup(test_size, true), options));
  return std::pair(std::move(train), std::move(test));
}

Result<std::pair<Dataset, Dataset>> Dataset::StreamingTrainTestSplit(const StreamingTrainTestSplitOptions& options) const {
  if (!(options.test_size > 0 && options.test_size < 1)) {
    return MakeError(ErrorKind::kInvalidArgument, "test_size must be above 0 and below 1, got " + std::to_string(options.test_size));
  }
  const bool by_hash = !options.hash_column.empty();
  if (by_hash && options.seed.has_value()) return MakeError(ErrorKind::kInvalidArgument, "a split by hash_column goes by the values alone; leave the seed out");
  const uint64_t seed = by_hash ? 0 : SeedOrDrawn(options.seed);
  ARROW_ASSIGN_OR_RAISE(auto parts, SplitSampled(plan_, options.test_size, seed, options.hash_column));
  return std::pair(Dataset(context_, std::move(parts[0])), Dataset(context_, std::move(parts[1])));
}

}  // namespace millstream
