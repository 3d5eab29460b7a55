#pragma once
/// Rows of the text of JSON objects whose columns are known, by simdjson.
///
/// The quick way: it gives rows, or nothing where it cannot tell, be it that a value does not fit or that a type is not one of those it makes. Then the library's reader
/// (json_reader.h) is asked, which also has the messages; what both give is the same.

#include <arrow/record_batch.h>

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millstream {

struct JsonColumns;

/// Parsers, and the memory they work in, to be used again. Any thread.
class JsonParsers {
 public:
  JsonParsers();
  ~JsonParsers();

  /// Null where it cannot tell. Statuses are those of the pool.
  Result<std::shared_ptr<arrow::RecordBatch>> Parse(std::string_view text, const JsonColumns& columns, arrow::MemoryPool* pool);

 private:
  struct Parser;
  std::unique_ptr<Parser> Take();
  void Give(std::unique_ptr<Parser> parser);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Parser>> parsers_;  // guarded by mutex_
};

}  // namespace millstream
