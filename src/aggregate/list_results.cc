#include "aggregate/list_results.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "aggregate/list_column.h"
#include "aggregate/ordered_word.h"

namespace millstream {
namespace {

using ArrayResult = Result<ArrayDataPtr>;
using Entries = ValueCountsState::Entries;

/// The entries that are numbers: NaN and null come last.
Entries NumbersOf(const ValueCountsState& values, uint32_t group) {
  Entries entries = values.EntriesOf(group);
  while (entries.count > 0 && (values.IsNull(entries[entries.count - 1]) || values.IsNan(entries[entries.count - 1]))) --entries.count;
  return entries;
}

Entries EntriesOf(const ValueCountsState& values, uint32_t group, bool ignore_nulls) {
  Entries entries = values.EntriesOf(group);
  if (ignore_nulls && entries.count > 0 && values.IsNull(entries[entries.count - 1])) --entries.count;
  return entries;
}

int64_t TotalOf(const ValueCountsState& values, const Entries& entries) {
  int64_t total = 0;
  for (int64_t i = 0; i < entries.count; ++i) total += values.CountOf(entries[i]);
  return total;
}

/// The entry of the value that stands at `rank`, from 0, when each comes as often as it was counted.
uint32_t EntryAt(const ValueCountsState& values, const Entries& entries, int64_t rank) {
  int64_t i = 0;
  for (; rank >= values.CountOf(entries[i]); ++i) rank -= values.CountOf(entries[i]);
  return entries[i];
}

/// Adds a list of the entries for each group by add(group, lists).
template <typename Add>
Status AddLists(const uint32_t* groups, int64_t count, ListColumn* lists, Add add) {
  ARROW_RETURN_NOT_OK(lists->Reserve(count));
  for (int64_t i = 0; i < count; ++i) ARROW_RETURN_NOT_OK(add(groups[i], lists));
  return Status::OK();
}

ArrayResult CountsOf(const ValueCountsState& values, const ListColumn& lists) {
  return lists.MapItems([&](uint32_t entry) { return values.CountOf(entry); });
}

Status AddQuantiles(const ValueCountsState& values, const std::vector<double>& quantiles, uint32_t group, ListColumn* lists) {
  const Entries entries = NumbersOf(values, group);
  if (entries.count == 0) return lists->AddNull(), Status::OK();
  const int64_t total = TotalOf(values, entries);
  for (const double quantile : quantiles) {
    const auto rank = static_cast<int64_t>(std::ceil(quantile * static_cast<double>(total))) - 1;
    ARROW_RETURN_NOT_OK(lists->AddItem(EntryAt(values, entries, std::clamp<int64_t>(rank, 0, total - 1))));
  }
  lists->EndList();
  return Status::OK();
}

Status AddTop(const ValueCountsState& values, int64_t k, uint32_t group, ListColumn* lists) {
  const Entries entries = EntriesOf(values, group, true);
  std::vector<int64_t> order(static_cast<size_t>(entries.count));
  for (int64_t i = 0; i < entries.count; ++i) order[i] = i;
  const int64_t kept = std::min(k, entries.count);
  std::partial_sort(order.begin(), order.begin() + kept, order.end(), [&](int64_t left, int64_t right) {
    const int64_t left_count = values.CountOf(entries[left]), right_count = values.CountOf(entries[right]);
    return left_count != right_count ? left_count > right_count : left < right;
  });
  for (int64_t i = 0; i < kept; ++i) ARROW_RETURN_NOT_OK(lists->AddItem(entries[order[i]]));
  lists->EndList();
  return Status::OK();
}

/// Each value as often as it was counted.
Status AddAll(const ValueCountsState& values, bool ignore_nulls, uint32_t group, ListColumn* lists) {
  const Entries entries = values.EntriesOf(group);
  for (int64_t i = 0; i < entries.count; ++i) {
    if (ignore_nulls && values.IsNull(entries[i])) continue;
    for (int64_t times = values.CountOf(entries[i]); times > 0; --times) ARROW_RETURN_NOT_OK(lists->AddItem(entries[i]));
  }
  lists->EndList();
  return Status::OK();
}

}  // namespace

ResultMaker ApproximateQuantileResult(const ValueCountsState* values, std::vector<double> quantiles) {
  return [values, quantiles = std::move(quantiles)](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) -> ArrayResult {
    ListColumn lists(pool);
    ARROW_RETURN_NOT_OK(AddLists(groups, count, &lists, [&](uint32_t group, ListColumn* to) { return AddQuantiles(*values, quantiles, group, to); }));
    ARROW_ASSIGN_OR_RAISE(auto found, values->Values(lists.items(), lists.item_count(), pool));
    return lists.Finish(arrow::list(arrow::float64()), std::move(found));
  };
}

ResultMaker TopResult(const ValueCountsState* values, const std::shared_ptr<arrow::DataType>& type, int64_t k) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) -> ArrayResult {
    ListColumn lists(pool);
    ARROW_RETURN_NOT_OK(AddLists(groups, count, &lists, [&](uint32_t group, ListColumn* to) { return AddTop(*values, k, group, to); }));
    ARROW_ASSIGN_OR_RAISE(auto found, values->Values(lists.items(), lists.item_count(), pool));
    ARROW_ASSIGN_OR_RAISE(auto counts, CountsOf(*values, lists));
    const auto& item = type->field(0)->type();
    return lists.Finish(type, arrow::ArrayData::Make(item, lists.item_count(), {nullptr}, {std::move(found), std::move(counts)}, 0));
  };
}

ResultMaker UniqueResult(const ValueCountsState* values, const std::shared_ptr<arrow::DataType>& type, bool ignore_nulls) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) -> ArrayResult {
    ListColumn lists(pool);
    ARROW_RETURN_NOT_OK(AddLists(groups, count, &lists, [&](uint32_t group, ListColumn* to) {
      const Entries entries = EntriesOf(*values, group, ignore_nulls);
      return to->AddList(entries.begin, entries.count);
    }));
    ARROW_ASSIGN_OR_RAISE(auto found, values->Values(lists.items(), lists.item_count(), pool));
    return lists.Finish(type, std::move(found));
  };
}

ResultMaker CountDistinctResult(const ValueCountsState* values, bool ignore_nulls) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) -> ArrayResult {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(count * static_cast<int64_t>(sizeof(int64_t)), pool));
    for (int64_t i = 0; i < count; ++i) buffer->mutable_data_as<int64_t>()[i] = EntriesOf(*values, groups[i], ignore_nulls).count;
    return arrow::ArrayData::Make(arrow::int64(), count, {nullptr, std::move(buffer)}, 0);
  };
}

ResultMaker ValueCounterResult(const ValueCountsState* values, const std::shared_ptr<arrow::DataType>& type, bool ignore_nulls) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) -> ArrayResult {
    ListColumn lists(pool);
    ARROW_RETURN_NOT_OK(AddLists(groups, count, &lists, [&](uint32_t group, ListColumn* to) {
      const Entries entries = EntriesOf(*values, group, ignore_nulls);
      return to->AddList(entries.begin, entries.count);
    }));
    ARROW_ASSIGN_OR_RAISE(auto found, values->Values(lists.items(), lists.item_count(), pool));
    ARROW_ASSIGN_OR_RAISE(auto counts, CountsOf(*values, lists));
    ARROW_ASSIGN_OR_RAISE(auto value_lists, lists.Finish(type->field(0)->type(), std::move(found)));
    ARROW_ASSIGN_OR_RAISE(auto count_lists, lists.Finish(type->field(1)->type(), std::move(counts)));
    return arrow::ArrayData::Make(type, count, {nullptr}, {std::move(value_lists), std::move(count_lists)}, 0);
  };
}

ResultMaker AsListResult(const ValueCountsState* values, const std::shared_ptr<arrow::DataType>& type, bool ignore_nulls) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) -> ArrayResult {
    ListColumn lists(pool);
    ARROW_RETURN_NOT_OK(AddLists(groups, count, &lists, [&](uint32_t group, ListColumn* to) { return AddAll(*values, ignore_nulls, group, to); }));
    ARROW_ASSIGN_OR_RAISE(auto found, values->Values(lists.items(), lists.item_count(), pool));
    return lists.Finish(type, std::move(found));
  };
}

}  // namespace millstream
