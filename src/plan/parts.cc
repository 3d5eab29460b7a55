#include "plan/parts.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>

namespace millstream {
namespace {

constexpr int64_t kAllRows = std::numeric_limits<int64_t>::max();

Status Refused(std::string message) { return MakeError(ErrorKind::kInvalidArgument, std::move(message)); }

/// The shortest text that reads back as the number, with a point: 0.5, 1.0.
std::string TextOf(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  std::string shortest(text, end);
  return shortest.find_first_not_of("-0123456789") == std::string::npos ? shortest + ".0" : shortest;
}

std::string TextOf(int64_t value) { return std::to_string(value); }

template <typename Value>
std::string ListOf(const std::vector<Value>& values) {
  std::string text = "[";
  for (const Value& value : values) text += (text.size() > 1 ? ", " : "") + TextOf(value);
  return text + "]";
}

Status CheckProportions(const std::vector<double>& proportions) {
  if (proportions.empty()) return Refused("split_proportionately takes a list of at least one proportion");
  const bool positive = std::all_of(proportions.begin(), proportions.end(), [](double proportion) { return proportion > 0 && proportion < 1; });
  if (positive && std::accumulate(proportions.begin(), proportions.end(), 0.0) < 1) return Status::OK();
  return Refused("proportions must each be above 0, and less than 1 together, got " + ListOf(proportions));
}

/// Part i from begins[i] to the next begin, the last one to `end`.
Result<std::vector<PlanPtr>> PartsOf(const PlanPtr& plan, std::vector<int64_t> begins, int64_t end) {
  const PlanPtr frozen = FreezeShuffles(plan);
  begins.push_back(end);
  std::vector<PlanPtr> parts;
  for (size_t part = 0; part + 1 < begins.size(); ++part) {
    ARROW_ASSIGN_OR_RAISE(auto limited, LimitPlan(frozen, std::max<int64_t>(begins[part + 1] - begins[part], 0), begins[part]));
    parts.push_back(std::move(limited));
  }
  return parts;
}

}  // namespace

Result<std::vector<PlanPtr>> SplitAtIndices(const PlanPtr& plan, const std::vector<int64_t>& indices) {
  if (indices.empty()) return Refused("split_at_indices takes a list of at least one row number");
  if (*std::min_element(indices.begin(), indices.end()) < 0) return Refused("split_at_indices takes row numbers of at least 0, got " + ListOf(indices));
  if (!std::is_sorted(indices.begin(), indices.end())) return Refused("split_at_indices takes numbers in ascending order, got " + ListOf(indices));
  std::vector<int64_t> begins = {0};
  begins.insert(begins.end(), indices.begin(), indices.end());
  return PartsOf(plan, std::move(begins), kAllRows);
}

Result<std::vector<PlanPtr>> SplitProportionately(const PlanPtr& plan, const std::vector<double>& proportions, int64_t rows) {
  ARROW_RETURN_NOT_OK(CheckProportions(proportions));
  std::vector<int64_t> begins = {0};
  double whole = 0;
  for (const double proportion : proportions) {
    whole += proportion;
    begins.push_back(static_cast<int64_t>(static_cast<double>(rows) * whole));
  }
  // As in ray.data no part is empty: bounds that fall together move apart, downwards, and those before them as far.
  int64_t moved = 0;
  for (size_t part = begins.size() - 2; part > 0; --part) {
    begins[part] -= moved;
    if (begins[part] != begins[part + 1]) continue;
    ++moved;
    --begins[part];
  }
  if (*std::min_element(begins.begin() + 1, begins.end()) <= 0) {
    return Refused("split_proportionately would leave a part of " + std::to_string(rows) + " rows by " + ListOf(proportions) +
                   " empty; use more rows, larger proportions, or split_at_indices()");
  }
  return PartsOf(plan, std::move(begins), rows);
}

Result<std::vector<PlanPtr>> SplitEvenly(const PlanPtr& plan, int64_t count, bool equal, int64_t rows) {
  if (count < 1) return Refused("n must be at least 1, got " + std::to_string(count));
  const int64_t size = rows / count, left = equal ? 0 : rows % count;
  std::vector<int64_t> begins;
  for (int64_t part = 0; part < count; ++part) begins.push_back(size * part + left * part / count);
  return PartsOf(plan, std::move(begins), size * count + left);
}

Result<std::vector<PlanPtr>> SplitSampled(const PlanPtr& plan, double share, uint64_t seed, const std::string& column) {
  const PlanPtr rows = column.empty() ? FreezeShuffles(plan) : plan;
  ARROW_ASSIGN_OR_RAISE(auto first, SamplePlan(rows, share, seed, column, /*rest=*/true));
  ARROW_ASSIGN_OR_RAISE(auto second, SamplePlan(rows, share, seed, column));
  return std::vector<PlanPtr>{std::move(first), std::move(second)};
}

Result<std::vector<PlanPtr>> SplitLastShare(const PlanPtr& plan, double share, int64_t rows) {
  if (!(share > 0 && share < 1)) return Refused("a test_size that is a share must be above 0 and below 1, got " + TextOf(share));
  return PartsOf(plan, {0, static_cast<int64_t>(static_cast<double>(rows) * (1 - share))}, rows);
}

Result<std::vector<PlanPtr>> SplitLastRows(const PlanPtr& plan, int64_t last, int64_t rows) {
  if (last > 0 && last < rows) return PartsOf(plan, {0, rows - last}, rows);
  return Refused("a test_size of " + std::to_string(last) + " rows must be above 0 and below the " + std::to_string(rows) + " rows there are");
}

}  // namespace millstream
