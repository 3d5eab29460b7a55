#pragma once
/// What an ORC file tells of itself, checked before the library that reads the rest sees any of it: it takes much of that on trust.

#include <arrow/io/interfaces.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/list_files.h"
#include "format/orc/orc_blocks.h"
#include "millstream/read_limits.h"

namespace millstream {

enum class OrcKind : uint64_t {  // those that something depends on
  kString = 7,
  kBinary = 8,
  kList = 10,
  kMap = 11,
  kStruct = 12,
  kUnion = 13,
  kDecimal = 14,
  kVarchar = 16,
  kChar = 17,
  kEnd = 19,
};

class OrcTail {
 public:
  static constexpr uint64_t kDecimalDigitsMax = 38;
  struct Stripe {
    int64_t begin = 0, index_bytes = 0, data_bytes = 0, footer_bytes = 0;
    int64_t first_row = 0, rows = 0;
  };
  struct Column {
    OrcKind kind;
    std::vector<uint64_t> children;
  };

  /// From the last bytes of the file. A Status without a kind for what is no whole ORC file; kCorruptData for what is above a limit.
  static Result<OrcTail> Read(arrow::io::RandomAccessFile* file, const ListedFile& listed, const ReadLimits& limits);

  /// In the order of the file, none of which lies on another; their rows together stay below 2^48.
  const std::vector<Stripe>& stripes() const { return stripes_; }
  int64_t rows() const { return rows_; }
  /// The row, which is a struct, and what is in it; children have higher numbers, and one parent.
  const std::vector<Column>& columns() const { return columns_; }
  const OrcBlocks& blocks() const { return blocks_; }

  /// The file with a tail that says no more than what was checked, and nothing of the row index, which only a search for rows within stripes would need.
  std::shared_ptr<arrow::io::RandomAccessFile> FileWith(std::shared_ptr<arrow::io::RandomAccessFile> file) const;

 private:
  struct Postscript;
  struct Type;

  Status ParseFooter(std::string_view message, const Postscript& postscript, const ListedFile& listed, const ReadLimits& limits);
  Status AddStripe(std::string_view message);
  Status AddColumns(const std::vector<Type>& types, uint64_t number, int64_t level, const ListedFile& listed, const ReadLimits& limits);
  void WriteTail(const Postscript& postscript, const std::vector<Type>& types, uint64_t writer);

  OrcBlocks blocks_;
  int64_t content_bytes_ = 0;  // before what tells of them
  std::vector<Column> columns_;
  std::vector<Stripe> stripes_;
  int64_t rows_ = 0;
  std::string tail_;  // which comes behind the content, for the library
};

}  // namespace millstream
