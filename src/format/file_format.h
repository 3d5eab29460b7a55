#pragma once
/// A format whose files are read a range of bytes at a time: who reads it needs no footer, and nobody knows how many rows there are before they are read.
///
/// The rows of a range are those whose first byte is in it, so that the ranges that make up a file give each of its rows once, in order. Formats are immutable,
/// and read by several lanes at a time. Errors name the file, and where in it.

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_codec.h"
#include "env/env.h"
#include "format/bad_data.h"
#include "format/list_files.h"

namespace millstream {

/// Of rows that files claim.
constexpr int64_t kRowsGuessMax = int64_t{1} << 40;

struct FileRange {
  uint32_t file = 0;  // in the listing
  int64_t begin = 0;  // in bytes
  int64_t end = 0;
};

struct BadData {
  BadDataOptions options;
  std::vector<BadPart> left_out;  // files, when the data set was made
};

class FileFormat {
 public:
  virtual ~FileFormat() = default;
  /// As its reader is called in Python.
  virtual const char* reader() const = 0;
  /// Of the rows of all files.
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// Whether the file may be read in ranges; else one is all of it.
  virtual bool cuttable(uint32_t file) const = 0;
  /// Whether an empty file has rows.
  virtual bool reads_empty_files() const { return false; }
  /// Rows of all files, about.
  virtual int64_t rows_guess() const = 0;
  /// `pool` is for the rows and what reading them needs. Rows that cannot be read are noted in `bad`, where it is there and the format knows where the next one
  /// begins; else they are an error. It outlives the reader.
  virtual Result<std::shared_ptr<arrow::RecordBatchReader>> Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const = 0;
  /// The same with these columns alone, in the order of the schema; null where that reads no less.
  virtual Result<std::shared_ptr<const FileFormat>> Select(const std::vector<std::string>& names) const { return nullptr; }
  /// What is done about files and rows that cannot be read; null: they are an error.
  virtual const BadData* bad_data() const { return nullptr; }
  /// What it is made of again with the listing, for plans that travel.
  virtual Status Write(ByteWriter* out) const = 0;
};

/// Those of these names, in the order of the schema.
inline std::shared_ptr<arrow::Schema> FieldsOf(const arrow::Schema& schema, const std::vector<std::string>& names) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    if (std::find(names.begin(), names.end(), field->name()) != names.end()) fields.push_back(field);
  }
  return arrow::schema(std::move(fields));
}

}  // namespace millstream
