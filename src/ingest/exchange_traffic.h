#pragma once
/// Bytes that an exchange writes to disk and reads back, told before it runs.

#include <string>

#include "ingest/shuffle_plan.h"

namespace millstream {

struct DiskTraffic {
  int64_t written = 0;
  int64_t read = 0;

  DiskTraffic& operator+=(const DiskTraffic& other) {
    written += other.written;
    read += other.read;
    return *this;
  }
};

/// Rows that come into an exchange.
struct ExchangeRows {
  int64_t count = 0;
  int64_t bytes = 0;       // of their values, as they are stored
  int64_t columns = 1;
  int64_t batch_rows = 0;  // that come at a time, at most; 0: any number
};

/// As frames of entries, each of which has rows of one piece and one partition.
int64_t BytesOnDisk(const ExchangeRows& rows, int64_t piece_rows, int64_t partitions);

/// Of an exchange that has so much memory. `always_spill`: ShuffleSizes; `sorts`: each part of a second pass is sampled before it is read.
DiskTraffic TrafficOf(const ShufflePlan& plan, int64_t memory_bytes, const ExchangeRows& rows, const ShuffleSizes& sizes);

/// "about 1.2 GB (1200000000 bytes) to be written and read back".
std::string DescribeTraffic(const DiskTraffic& traffic);

}  // namespace millstream
