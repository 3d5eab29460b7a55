#include "exchange/sort_order.h"

#include <algorithm>
#include <numeric>

#include "column/gather.h"
#include "exchange/partition_columns.h"

namespace millstream {
namespace {

/// Numbers 0 .. count - 1 in the order of the sample's rows.
std::vector<uint32_t> OrderOf(const SortKeyRows& rows, const std::vector<uint64_t>& identities) {
  std::vector<uint32_t> order(identities.size());  // rows.count() is 0 without columns
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const int compared = rows.Compare(a, rows, b);
    return compared != 0 ? compared < 0 : identities[a] < identities[b];
  });
  return order;
}

struct PrefixedRow {
  uint64_t prefix;
  uint32_t position;
};

std::vector<uint64_t> PackedIdentities(const PartitionRows& rows) {
  std::vector<uint64_t> packed;
  packed.reserve(static_cast<size_t>(rows.count));
  for (const PartitionPiece& piece : rows.pieces) {
    for (int64_t row = 0; row < piece.count; ++row) packed.push_back(piece.identities.Packed(row));
  }
  return packed;
}

}  // namespace

SortOrder::SortOrder(By by, std::shared_ptr<BudgetPool> pool) : by_(std::move(by)), pool_(std::move(pool)), splitters_(by_.directions, pool_->for_libraries()) {}

Result<std::shared_ptr<const SortOrder>> SortOrder::Make(By by, const ArrayDatas& sample, const std::vector<uint64_t>& identities, uint32_t partitions,
                                                         const std::shared_ptr<BudgetPool>& pool) {
  std::shared_ptr<SortOrder> order(new SortOrder(std::move(by), pool));
  order->partitions_ = partitions;
  SortKeyRows rows(order->by_.directions, pool->for_libraries());
  ARROW_RETURN_NOT_OK(rows.Fill(sample));
  const std::vector<uint32_t> sorted = OrderOf(rows, identities);
  std::vector<uint32_t> chosen;
  for (uint32_t splitter = 1; splitter < partitions && !sorted.empty(); ++splitter) {
    chosen.push_back(sorted[static_cast<size_t>(uint64_t{sorted.size()} * splitter / partitions)]);
    order->identities_.push_back(identities[chosen.back()]);
  }
  ArrayDatas columns;
  for (const auto& column : sample) {
    ARROW_ASSIGN_OR_RAISE(auto gathered, Gather(*column, chosen.data(), static_cast<int64_t>(chosen.size()), pool.get()));
    columns.push_back(std::move(gathered));
  }
  ARROW_RETURN_NOT_OK(order->splitters_.Fill(columns));
  for (size_t splitter = 0; splitter < order->identities_.size(); ++splitter) order->prefixes_.push_back(order->splitters_.Prefix(splitter));
  return order;
}

template <typename IdentityOf>
Status SortOrder::AssignRows(const ShuffleKeys& keys, const ArrayDatas& columns, int64_t count, const std::shared_ptr<BudgetPool>& pool,
                             IdentityOf&& identity, uint32_t* partition_of_row) const {
  SortKeyRows rows(by_.directions, pool->for_libraries());
  ARROW_RETURN_NOT_OK(rows.Fill(columns));
  const bool prefixes_tell = rows.prefixes_tell();
  for (int64_t row = 0; row < count; ++row) {
    const uint64_t prefix = rows.Prefix(row);
    auto [low, high] = std::equal_range(prefixes_.begin(), prefixes_.end(), prefix);
    // Of the splitters with the same prefix, those that the row does not come before.
    while (low < high) {
      const auto middle = low + (high - low) / 2;
      const int64_t splitter = middle - prefixes_.begin();
      const int compared = prefixes_tell ? 0 : rows.Compare(row, splitters_, splitter);
      const bool before = compared != 0 ? compared < 0 : identity(row) < identities_[splitter];
      if (before) high = middle;
      else low = middle + 1;
    }
    const auto global = static_cast<uint64_t>(low - prefixes_.begin());
    partition_of_row[row] = static_cast<uint32_t>(global * keys.partitions / partitions_) - keys.first;
  }
  return Status::OK();
}

Status SortOrder::Assign(const ShuffleKeys& keys, const PieceRows& rows, const ArrayDatas& columns, const std::shared_ptr<BudgetPool>& pool,
                         uint32_t* partition_of_row) const {
  const auto identity = [&](int64_t row) { return PackIdentity(rows.source, rows.first_row + row); };
  ARROW_RETURN_NOT_OK(AssignRows(keys, columns, rows.count, pool, identity, partition_of_row));
  if (rows.selected == nullptr) return Status::OK();
  const uint8_t* selected = rows.selected->data();
  for (int64_t row = 0; row < rows.count; ++row) partition_of_row[row] = selected[row] ? partition_of_row[row] : keys.count;
  return Status::OK();
}

Status SortOrder::Assign(const ShuffleKeys& keys, const PartitionRows& rows, const ArrayDatas& columns, const std::shared_ptr<BudgetPool>& pool,
                         uint32_t* partition_of_row) const {
  const std::vector<uint64_t> identities = PackedIdentities(rows);
  return AssignRows(keys, columns, rows.count, pool, [&](int64_t row) { return identities[static_cast<size_t>(row)]; }, partition_of_row);
}

Result<ArrayDatas> SortOrder::ColumnsOf(const PartitionRows& rows, const std::vector<int>& flat_widths,
                                        const std::vector<std::shared_ptr<arrow::DataType>>& storage_types, const std::shared_ptr<BudgetPool>& pool) const {
  ArrayDatas columns;
  for (const int column : by_.columns) {
    ARROW_ASSIGN_OR_RAISE(auto values, WholeColumn(rows, column, flat_widths[column], storage_types[column], pool));
    columns.push_back(std::move(values));
  }
  return columns;
}

Result<PartitionOrder> SortOrder::Order(const PartitionRows& rows, const ArrayDatas& columns, const std::shared_ptr<BudgetPool>& pool) const {
  SortKeyRows keys(by_.directions, pool->for_libraries());
  ARROW_RETURN_NOT_OK(keys.Fill(columns));
  ARROW_ASSIGN_OR_RAISE(auto buffer, pool->AllocateOwned(std::max<int64_t>(rows.count, 1) * static_cast<int64_t>(sizeof(PrefixedRow))));
  auto* prefixed = reinterpret_cast<PrefixedRow*>(buffer->mutable_data());
  for (int64_t row = 0; row < rows.count; ++row) prefixed[row] = {keys.Prefix(row), static_cast<uint32_t>(row)};
  std::sort(prefixed, prefixed + rows.count, [](const PrefixedRow& a, const PrefixedRow& b) { return a.prefix < b.prefix; });
  std::vector<uint64_t> identities;
  const auto before = [&](const PrefixedRow& a, const PrefixedRow& b) {
    const int compared = keys.prefixes_tell() ? 0 : keys.Compare(a.position, keys, b.position);
    return compared != 0 ? compared < 0 : identities[a.position] < identities[b.position];
  };
  ARROW_ASSIGN_OR_RAISE(auto order, PartitionOrder::Unkeyed(rows.count, pool));
  for (int64_t begin = 0; begin < rows.count;) {
    int64_t end = begin + 1;
    while (end < rows.count && prefixed[end].prefix == prefixed[begin].prefix) ++end;
    if (end - begin > 1) {
      if (identities.empty()) identities = PackedIdentities(rows);
      std::sort(prefixed + begin, prefixed + end, before);
    }
    for (int64_t row = begin; row < end; ++row) order.mutable_positions()[row] = prefixed[row].position;
    begin = end;
  }
  return order;
}

}  // namespace millstream
