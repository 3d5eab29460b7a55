#pragma once
/// Bytes that the stages of a plan write to disk and read back, told before it runs, from how many rows there may be and how wide they are.

#include "aggregate/group_table.h"
#include "exec/engine.h"
#include "ingest/exchange_traffic.h"
#include "plan/join_type.h"

namespace millstream {

/// Rows of a stream.
struct StreamRows {
  std::shared_ptr<arrow::Schema> schema;
  int64_t count = 0;
  int64_t batch_rows = 0;  // that come at a time, at most
};

/// How a stream is sorted: ShuffleSizes.
struct StreamSort {
  std::vector<int> columns;
  int64_t memory_bytes = 0;
  int64_t batch_rows = 1024;  // of what it gives
  int64_t first_pass_bytes = 0;
  bool splitters_guessed = true;
};

/// Of a stream that goes through the exchange. kBudget where the memory is too small for that.
Result<DiskTraffic> SortTraffic(const Engine& engine, const StreamRows& rows, const StreamSort& sort);

/// A join whose right does not fit, where each row of the smaller side matches one of the larger, and the other way round.
struct JoinTraffic {
  DiskTraffic rows;    // of both sides, kept in their order
  DiskTraffic keys;    // of both, sorted
  DiskTraffic pairs;   // of the numbers of rows, sorted
  DiskTraffic result;  // pairs with the columns of the right, sorted
  DiskTraffic all() const;
};
Result<JoinTraffic> TrafficOfJoin(const Engine& engine, const StreamRows& left, const StreamRows& right, const JoinSpec& spec, int64_t memory_bytes);

/// Groups as many as there are rows: no others are more.
struct GroupTraffic {
  DiskTraffic most;
  int64_t table_bytes = 0;  // of a lane: groups that fit it are not written
};
Result<GroupTraffic> TrafficOfGroups(const Engine& engine, const GroupTable& table, int64_t keys, int64_t rows, int64_t memory_bytes);

}  // namespace millstream
