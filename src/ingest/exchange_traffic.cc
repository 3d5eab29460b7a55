#include "ingest/exchange_traffic.h"

#include <algorithm>

#include "base/bytes.h"
#include "ingest/least_that_fits.h"

namespace millstream {
namespace {

/// Which row each is: a number in memory; on disk the difference to the one before; 8 bytes once pieces of several sources were brought together.
constexpr int64_t kNumberBytes = 4;
constexpr int64_t kDifferenceBytes = 2;
constexpr int64_t kIdentityBytes = 8;
/// Of an entry, with what fills it up to 8 bytes on average.
constexpr int64_t kEntryBytes = 40 + 4;
/// Chunks of a part of the second pass that are looked at, at most (second_pass.cc).
constexpr int64_t kChunksSampled = 128;

/// What goes to disk of rows in so much memory. A lane evicts a quarter of its rows at least, and others' rows of these partitions follow: some of the memory is
/// empty.
int64_t Evicted(int64_t held_bytes, int64_t memory_bytes) { return held_bytes <= memory_bytes ? 0 : held_bytes - std::max<int64_t>(memory_bytes, 0) / 8 * 5; }

/// Of each part of the second pass some chunks are read beforehand: all, where it was written in few goes, as many as memory was used up.
int64_t SampledBytes(int64_t memory_bytes, int64_t written) {
  const int64_t chunks = DivideUp(written, std::max<int64_t>(memory_bytes, 1));
  return written / std::max<int64_t>(DivideUp(chunks, kChunksSampled), 1);
}

DiskTraffic InTwoPasses(const ShufflePlan& plan, int64_t memory_bytes, const ExchangeRows& rows, const ShuffleSizes& sizes) {
  const int64_t resident = plan.resident_bytes(memory_bytes);
  DiskTraffic traffic;
  traffic.written = BytesOnDisk(rows, plan.piece_rows, plan.coarse_partitions);
  traffic.read = traffic.written + (sizes.sorts ? SampledBytes(std::max(resident, sizes.first_pass_bytes), traffic.written) : 0);
  const int64_t part_bytes = (rows.bytes + kIdentityBytes * rows.count) / plan.coarse_partitions;
  // Beside the rows of a part each lane holds a step; one that sorts, columns twice.
  const int64_t left = sizes.sorts ? resident / 8 * 6 : resident / 8 * 7;
  const int64_t again = plan.coarse_partitions * (sizes.always_spill ? part_bytes : Evicted(part_bytes, left));
  traffic += {again, again};
  return traffic;
}

}  // namespace

int64_t BytesOnDisk(const ExchangeRows& rows, int64_t piece_rows, int64_t partitions) {
  if (rows.batch_rows > 0) piece_rows = std::min(piece_rows, rows.batch_rows);
  const int64_t entry_rows = std::max<int64_t>(piece_rows / partitions, 1);
  return rows.bytes + rows.count * kDifferenceBytes + rows.count * kEntryBytes * (rows.columns + 1) / entry_rows;
}

DiskTraffic TrafficOf(const ShufflePlan& plan, int64_t memory_bytes, const ExchangeRows& rows, const ShuffleSizes& sizes) {
  if (rows.count == 0) return {};
  if (plan.two_passes()) return InTwoPasses(plan, memory_bytes, rows, sizes);
  const int64_t held = rows.bytes + kNumberBytes * rows.count;
  const bool spills_all = sizes.always_spill || sizes.first_pass_bytes > 0;
  const int64_t spilled = spills_all ? held : Evicted(held, plan.resident_bytes(memory_bytes));
  const double share = static_cast<double>(spilled) / static_cast<double>(held);
  const auto bytes = static_cast<int64_t>(share * static_cast<double>(BytesOnDisk(rows, plan.piece_rows, plan.partitions)));
  return {bytes, bytes};
}

std::string DescribeTraffic(const DiskTraffic& traffic) {
  const auto bytes = [](int64_t count) { return "about " + FormatBytes(count) + " (" + std::to_string(count) + " bytes)"; };
  if (traffic.written == traffic.read) return bytes(traffic.written) + " to be written and read back";
  return bytes(traffic.written) + " to be written, " + bytes(traffic.read) + " to be read back";
}

}  // namespace millstream
