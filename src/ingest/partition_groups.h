#pragma once
/// Aggregates partitions of an exchange of groups, one after the other, on one lane.
///
/// A partition whose groups do not fit the lane's memory is parted again, by other bits of the keys' hash, into an exchange of its own, and its parts are aggregated
/// in turn, as deep as need be. So only a single group can be too large. Such a one is left for last: then a lane has the memory of all of them.
///
///   groups.Begin({store, partition, /*level=*/0});
///   while (!groups.at_end()) { ARROW_ASSIGN_OR_RAISE(const auto results, groups.Next()); … }
///
/// Not thread-safe; other lanes may aggregate other partitions of the store.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ingest/group_exchange.h"
#include "task/cancellation.h"

namespace millstream {

class PartitionGroups {
 public:
  /// Of a partition that is parted again.
  static constexpr uint32_t kParts = 16;

  struct Part {
    std::shared_ptr<ShuffleStore> store;
    uint32_t partition = 0;
    int level = 0;  // by which the store's partitions are told apart
  };
  struct Inputs {
    Engine* engine;
    const Cancellation* cancellation;
    std::function<Result<std::unique_ptr<GroupTable>>()> make_table;  // of pools.groups
    GroupWriter::Pools pools;
    uint32_t lane;
    int keys;
    // Bytes on disk, beside those of the stores that are begun with:
    std::atomic<int64_t>* written;
    std::atomic<int64_t>* read_back;
  };
  using Results = std::vector<std::shared_ptr<arrow::RecordBatch>>;

  explicit PartitionGroups(Inputs inputs) : inputs_(std::move(inputs)) {}

  /// At the end of the one before. `alone`: all memory that there is is the lane's, and a group that does not fit is an error.
  void Begin(Part part, bool alone = false);
  bool at_end() const { return parts_.empty(); }
  /// Aggregates the next part, or parts it: results in no order, of the user's memory; may be none.
  Result<Results> Next();
  /// Parts of one group each that were left, of what has been begun so far.
  std::vector<Part> TakeLarge() { return std::exchange(large_, {}); }

 private:
  /// A partition that is being parted.
  struct Parting {
    std::shared_ptr<ShuffleStore> store;
    std::unique_ptr<GroupWriter> writer;
    bool one_group = true;  // of all that has been moved there
    uint64_t hash = 0;      // of the first of it
  };
  struct Batch {
    std::shared_ptr<arrow::RecordBatch> rows;
    int64_t next = 0;
  };

  /// All rows of the part into the table, from which groups are moved on where there is no room.
  Status Take(const Part& part, GroupTable& table, Parting* parting);
  /// Consumes some rows.
  Status Step(PartitionReader& reader, Batch* batch, GroupTable& table, bool* ended);
  /// After a refusal, where there are no groups to move on: whether the step may go better now.
  Result<bool> GiveBack(const Batch& batch, Parting* parting);
  bool IsFull(const Part& part, const GroupTable& table) const;
  /// Moves the table's groups on.
  Status PartFurther(const Part& part, GroupTable& table, Parting* parting) const;
  Status EndParting(const Part& part, Parting parting);
  Result<Results> ResultsOf(GroupTable& table) const;

  const Inputs inputs_;
  std::vector<Part> parts_;  // that are left to do, the last first
  std::vector<Part> large_;
  bool alone_ = false;
  int64_t rows_at_once_ = kRowsAtOnceMax;
  std::string key_;  // of the part's first row, where it is alone

  static constexpr int64_t kRowsAtOnceMax = 64 << 10;
};

/// Of a group whose state holds `bytes` and was refused more; `key`: which one. kBudget.
Status OneGroupIsTooLarge(const std::string& key, int64_t bytes, const Engine& engine);

}  // namespace millstream
