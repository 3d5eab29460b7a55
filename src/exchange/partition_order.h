#pragma once
/// The total order of one partition's rows: by (key, source, row). Depends on nothing else.

#include <cstdint>
#include <vector>

#include "exchange/shuffle_store.h"

namespace millstream {

class PartitionOrder {
 public:
  /// Recomputes the keys from the rows' identities and sorts. Holds 12 bytes a row.
  static Result<PartitionOrder> Make(const ShuffleKeys& keys, const PartitionRows& rows, const std::shared_ptr<BudgetPool>& pool);

  /// Without keys, and with positions to be filled in.
  static Result<PartitionOrder> Unkeyed(int64_t count, const std::shared_ptr<BudgetPool>& pool);

  int64_t count() const { return count_; }
  /// Position, in the concatenation of the pieces, of the row that comes i-th.
  const uint32_t* positions() const { return reinterpret_cast<const uint32_t*>(positions_->data()); }
  uint32_t* mutable_positions() { return reinterpret_cast<uint32_t*>(positions_->mutable_data()); }
  bool has_keys() const { return keys_ != nullptr; }
  /// Key of the row that comes i-th.
  uint64_t KeyOf(int64_t i) const { return reinterpret_cast<const uint64_t*>(keys_->data())[positions()[i]]; }

 private:
  void SortEqualWords(const PartitionRows& rows, int64_t row);

  int64_t count_ = 0;
  std::shared_ptr<OwnedBuffer> positions_;
  std::shared_ptr<OwnedBuffer> keys_;  // by position
};

}  // namespace millstream
