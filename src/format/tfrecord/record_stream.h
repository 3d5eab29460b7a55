#pragma once
/// The records of a TFRecord file, one after the other, with their checksums.

#include <memory>
#include <string_view>

#include "format/file_text.h"

namespace millstream {

class RecordStream {
 public:
  static Result<RecordStream> Open(Env& env, const ListedFile& listed, const std::string& reader, arrow::MemoryPool* pool, int64_t first_bytes);

  /// The next record, which stays until the next call; false at the end. kCorruptData, with the record's number and byte, for one that is cut short, too long or does
  /// not have its checksum.
  Result<bool> Next(std::string_view* record);
  /// Whether, after an error of Next, it is known where the next record begins.
  bool can_go_on() const { return taken_ > 0; }
  /// Of the records given, with what surrounds them, in the decompressed file.
  int64_t bytes() const { return pieces_.begin() + static_cast<int64_t>(taken_); }
  /// Where the record given last begins, or the one that could not be given.
  int64_t record_begin() const { return pieces_.begin(); }
  Status Error(const std::string& what) const;

 private:
  static constexpr size_t kHeadBytes = 12;  // length and its checksum
  static constexpr size_t kTailBytes = 4;   // the record's checksum
  RecordStream(const ListedFile& listed, TextPieces pieces) : listed_(&listed), pieces_(std::move(pieces)) {}
  /// Reads on until so many bytes are there, or the file ends.
  Status Fill(size_t bytes);

  const ListedFile* listed_;
  TextPieces pieces_;
  size_t taken_ = 0;  // of the pieces' text: the record given last
  int64_t number_ = -1;  // of that record
};

}  // namespace millstream
