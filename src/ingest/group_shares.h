#pragma once
/// How an aggregation divides its memory, in parts of what it may take; what is for lanes, among these.

#include <cstdint>

namespace millstream {

struct GroupShares {
  /// Of the exchange, by the hash of the key.
  static constexpr uint32_t kExchangePartitions = 256;
  // Of a lane's share: its table and, where that moves into the exchange, its partial states beside it; what reads; rows on their way into the exchange, more of them
  // once there are some.
  static constexpr int64_t kGroups = 2;
  static constexpr int64_t kScan = 8;
  static constexpr int64_t kExchange = 16;
  static constexpr int64_t kExchangeUsed = 8;
  // Once all groups are in the exchange: for their partitions, for what stays in the exchange; the rest is for bringing the results into order, but for a share that
  // lanes may take beyond what they are promised.
  static constexpr int64_t kPartitions = 3;
  static constexpr int64_t kResident = 8;
  static constexpr int64_t kSlack = 8;
  /// Groups of a table that fits the processor's cache: of those that are moved on because they do not reduce the rows.
  static constexpr int64_t kGroupsMovedOn = 32 << 10;
};

}  // namespace millstream
