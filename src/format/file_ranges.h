#pragma once
/// Files cut into ranges of bytes, as a scan source: one row a range, with its beginning and end. A file is a source of rows; an empty one has a range only where
/// its format makes rows of such.

#include <memory>
#include <vector>

#include "format/file_format.h"
#include "ops/scan_columns.h"

namespace millstream {

/// Of a file that may be cut.
constexpr int64_t kRangeBytes = 1 << 20;

Result<std::shared_ptr<const ScanSource>> MakeFileRanges(const std::vector<ListedFile>& files, const FileFormat& format);

bool IsFileRanges(const ScanSource& source);

/// Task `task` of such a source as the batch that reading it gives, without reading.
std::shared_ptr<arrow::RecordBatch> RangeOfTask(const ScanSource& ranges, size_t task);

/// The range that is row `row` of a batch of the source `file`.
FileRange RangeOfRow(const arrow::RecordBatch& batch, int64_t row, uint32_t file);

}  // namespace millstream
