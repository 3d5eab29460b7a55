#pragma once
/// How much a file may make its reader hold or do: ReadFilesOptions{.limits = {.line_bytes = 256 << 20}}.
///
/// What is beyond a limit is a bad row, or a bad file where rows cannot be told from one another: an error that names the file, the place and the limit, unless
/// on_bad_row or on_bad_file say otherwise. Nothing is held of it beyond that. Each is 1 at least; a limit that does not concern a reader is not looked at.

#include <cstdint>

namespace millstream {

struct ReadLimits {
  /// Of a line of CSV, JSON or text without its end, of the values of a CSV row that goes over several, and of an object of JSON. 2^30 at most.
  int64_t line_bytes = 64 << 20;
  /// Of a TFRecord, and of the texts and the values in lists of an ORC file's row. 2^30 at most.
  int64_t record_bytes = 64 << 20;
  /// Lists and structs within each other in a column: JSON, IPC, ORC, Parquet. 120 at most; rows with more than 62 cannot leave as Arrow data, but be written to files.
  int64_t nesting = 62;
  /// Those of a file, and of all files together, with the fields of structs: CSV, JSON, TFRecords, IPC, ORC, Parquet.
  int64_t columns = 100'000;
  /// Bytes that a file of CSV, JSON, text or TFRecords which is compressed as a whole gives for each of its own; of ORC, its footer, or a column's dictionary or
  /// lengths in a stripe. A mebibyte it always may.
  int64_t decompressed_ratio = 1000;
  /// Of a picture, before it is scaled.
  int64_t pixels = int64_t{1} << 28;
};

}  // namespace millstream
