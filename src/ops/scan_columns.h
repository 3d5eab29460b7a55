#pragma once
/// One scan task's rows, handed out a column at a time.
///
/// A scan task is a contiguous run of one source's rows (a row group of a file, a slice of a table). Formats implement this interface; the scan operator
/// and the exchange read through it. Only one column's decoder need be open at a time, which is what keeps a scan's memory small.
/// Errors name the source, the row group and the column. Not thread-safe; one object a task.

#include <arrow/compute/type_fwd.h>
#include <arrow/record_batch.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace millstream {

/// Decodes a flat column of 4- or 8-byte values into the caller's memory.
class FlatColumnReader {
 public:
  virtual ~FlatColumnReader() = default;
  /// Reads the next `count` rows into `values` (zero under nulls). Returns the number of nulls; where it is not
  /// zero `valid` holds one byte a row, 1 for a value, otherwise `valid` is untouched.
  virtual Result<int64_t> Read(int64_t count, uint8_t* values, uint8_t* valid) = 0;
  /// Leaves out the next `count` rows.
  virtual Status Skip(int64_t count) = 0;
};

/// Decodes of a flat column the rows that are wanted.
class KeptRowsReader {
 public:
  virtual ~KeptRowsReader() = default;
  /// Goes over the next `count` rows and gives, as FlatColumnReader does, those of the numbers `kept`, ascending and below `count`, one behind the other.
  virtual Result<int64_t> Read(int64_t count, std::span<const uint32_t> kept, uint8_t* values, uint8_t* valid) = 0;
  /// Held between two calls beside a page and a dictionary, at most.
  static constexpr int64_t kHeldBytes = 48 << 10;
};

/// What a format knows of a flat column's values before reading them.
struct ValueRange {
  int64_t min;
  int64_t max;
};

class ScanColumns {
 public:
  virtual ~ScanColumns() = default;

  /// The source's own schema.
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  virtual int64_t num_rows() const = 0;
  /// Bytes of a value if ReadFlat takes the field (4 or 8), else 0.
  virtual int FlatWidth(int field) const = 0;
  /// To be called before anything is read: several columns will be read side by side, so each should hold as little as it can.
  virtual Status ReadSideBySide() { return Status::OK(); }
  /// These fields will be read, in this order: where that takes long, fetching them may begin.
  virtual void WillRead(const std::vector<int>& fields) {}
  /// Bytes that reading the field holds at one time beside what it gives: the stored chunk or its window, a page, a dictionary. An estimate
  /// from the source's metadata, 0 where nothing is decoded.
  virtual int64_t DecodeBytes(int field) const = 0;
  /// Bytes of a row of the field once it is decoded, on average; an estimate from the source's metadata, 0 where it knows none.
  virtual int64_t RowBytes(int field) const { return 0; }
  /// Bytes of the field where it lies in the source; 0 where nothing is read.
  virtual int64_t SourceBytes(int field) const { return 0; }
  /// False where the source's statistics say that there are none.
  virtual bool MayHaveNulls(int field) const { return true; }
  /// The range of a flat integer field's values as the source's statistics claim it; they may be wrong.
  virtual std::optional<ValueRange> RangeOf(int field) const = 0;
  /// The source, for messages; empty where it has no name.
  virtual std::string SourceName() const { return ""; }
  /// Source, row group and column, for messages; empty where there is nothing to name.
  virtual std::string Where(int field) const { return ""; }
  virtual Result<std::unique_ptr<FlatColumnReader>> ReadFlat(int field) = 0;
  virtual Result<std::unique_ptr<KeptRowsReader>> ReadKept(int field) = 0;
  /// Batches of `batch_rows` rows (the last may be shorter) of the given fields, in the given order.
  virtual Result<std::unique_ptr<arrow::RecordBatchReader>> ReadArrays(const std::vector<int>& fields, int64_t batch_rows) = 0;
};

/// One unit of scanning: `rows` rows of source `source` from row `first_row` on (before any filter).
struct ScanTask {
  uint32_t source = 0;   // ordinal in the sorted listing
  int unit = 0;          // row group, or slice, within the source
  int64_t first_row = 0;
  int64_t rows = 0;
};

/// What sizes memory before anything is read; estimates from metadata, for the task where they are largest.
struct ColumnSizes {
  int64_t decode_bytes = 0;        // ScanColumns::DecodeBytes
  int64_t side_by_side_bytes = 0;  // held between two reads after ReadSideBySide
  int64_t page_bytes = 0;          // held beside that while a page is taken in
  int64_t row_bytes = 0;           // a row's share, decoded; 0 where that is not known
};
struct ScanSizes {
  int64_t decode_bytes_max = 0;      // of any column
  int64_t column_row_bytes_max = 0;
  std::vector<ColumnSizes> columns;  // of the source's schema; empty where nothing is decoded
};

/// All tasks of a data set, in the source's order. Immutable, shared by lanes.
class ScanSource {
 public:
  virtual ~ScanSource() = default;
  /// The unified schema: what a task's columns are brought to (missing ones are null, narrower ones cast).
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  virtual const std::vector<ScanTask>& tasks() const = 0;
  virtual Result<std::unique_ptr<ScanColumns>> Open(const ScanTask& task, arrow::MemoryPool* pool) const = 0;
  virtual ScanSizes sizes() const { return {}; }
  /// False where what is known of the task before it is read proves that the filter (not bound) holds for none of its rows.
  virtual bool MayPass(const ScanTask& task, const arrow::compute::Expression& filter) const { return true; }
  /// Whether Open takes any part of a task as well.
  virtual bool cuttable() const { return false; }
  /// The data itself where the source is a table in memory, else null.
  virtual const std::vector<std::shared_ptr<arrow::RecordBatch>>* batches() const { return nullptr; }
};

}  // namespace millstream
