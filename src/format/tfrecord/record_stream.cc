#include "format/tfrecord/record_stream.h"

#include <cstring>

#include "format/tfrecord/crc32c.h"

namespace millstream {
namespace {

uint32_t Number32(std::string_view bytes) {
  uint32_t value;
  std::memcpy(&value, bytes.data(), 4);
  return value;
}

}  // namespace

Result<RecordStream> RecordStream::Open(Env& env, const ListedFile& listed, const std::string& reader, arrow::MemoryPool* pool, int64_t first_bytes) {
  ARROW_ASSIGN_OR_RAISE(auto pieces, TextPieces::Open(env, listed, reader, pool, first_bytes));
  return RecordStream(listed, std::move(pieces));
}

Status RecordStream::Error(const std::string& what) const {
  return MakeError(ErrorKind::kCorruptData, "file " + listed_->path + ", record " + std::to_string(number_) + ", at byte " + std::to_string(pieces_.begin()) + ": " + what +
                                                "; write the file again, or leave it out");
}

Status RecordStream::Fill(size_t bytes) {
  while (pieces_.text().size() < bytes && !pieces_.at_end()) ARROW_RETURN_NOT_OK(pieces_.Grow());
  return Status::OK();
}

Result<bool> RecordStream::Next(std::string_view* record) {
  pieces_.Take(taken_);
  taken_ = 0;
  ARROW_RETURN_NOT_OK(Fill(kHeadBytes));
  if (pieces_.text().empty()) return false;
  ++number_;
  const std::string_view head = pieces_.text().substr(0, kHeadBytes);
  if (head.size() < kHeadBytes) return Error("the file ends within it");
  uint64_t length;
  std::memcpy(&length, head.data(), 8);
  if (MaskedCrc32c(head.substr(0, 8)) != Number32(head.substr(8))) return Error("its length does not have its checksum, so that the file is damaged or is no TFRecord file");
  if (length > static_cast<uint64_t>(kLineBytesMax)) return Error("it has " + std::to_string(length) + " bytes, more than the " + std::to_string(kLineBytesMax) + " that are read");
  const size_t all = kHeadBytes + static_cast<size_t>(length) + kTailBytes;
  ARROW_RETURN_NOT_OK(Fill(all));
  if (pieces_.text().size() < all) return Error("the file ends within it");
  *record = pieces_.text().substr(kHeadBytes, static_cast<size_t>(length));
  taken_ = all;
  if (MaskedCrc32c(*record) != Number32(pieces_.text().substr(all - kTailBytes))) return Error("it does not have its checksum");
  return true;
}

}  // namespace millstream
