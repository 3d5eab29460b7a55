#include "spill/spill_area.h"

#include "spill/block_codec.h"
#include "spill/frame_checksum.h"
#include "spill/frame_header.h"
#include "spill/run_writer.h"
#include "spill/spill_disk.h"

namespace millstream {
namespace {

constexpr int64_t kHoleBytesMin = 64 << 10;

class ScopedArea : public SpillArea {
 public:
  explicit ScopedArea(std::shared_ptr<SpillDisk> disk) : disk_(std::move(disk)) {}

  Result<std::shared_ptr<SpillArea>> NewScope() override { return std::make_shared<ScopedArea>(disk_); }
  Result<std::unique_ptr<RunWriter>> NewWriter(std::shared_ptr<BudgetPool> pool, int64_t staging_bytes) override;
  int64_t WriterBytes(int64_t staging_bytes) const override;
  Result<std::shared_ptr<arrow::Buffer>> ReadFrame(const FrameLocation& frame, BudgetPool* pool) override;
  void Discard(const FrameLocation& frame) override;
  int64_t bytes_written() const override { return disk_->written; }
  int64_t bytes_read() const override { return disk_->read; }
  int64_t bytes_on_disk() const override { return disk_->on_disk(); }
  int64_t bytes_left() const override { return disk_->options().quota_bytes - disk_->on_disk(); }
  double nanoseconds_per_byte() const override {
    const int64_t bytes = disk_->written + disk_->read;
    return bytes == 0 ? 0 : static_cast<double>(disk_->transfer_nanoseconds) / static_cast<double>(bytes);
  }
  const std::string& directory() const override { return disk_->options().directory; }

 private:
  Result<std::shared_ptr<SpillFile>> FileOf(const FrameLocation& frame);
  Status Check(const FrameHeader& header, const FrameLocation& frame, const uint8_t* stored) const;
  Result<std::shared_ptr<arrow::Buffer>> Unpack(const FrameHeader& header, const FrameLocation& frame, const uint8_t* stored,
                                                BudgetPool* pool) const;

  const std::shared_ptr<SpillDisk> disk_;
  const std::shared_ptr<SpillFiles> files_ = std::make_shared<SpillFiles>();
};

Status Inherited() { return MakeError(ErrorKind::kStale, "This spill area belongs to the parent process"); }

Result<std::unique_ptr<RunWriter>> ScopedArea::NewWriter(std::shared_ptr<BudgetPool> pool, int64_t staging_bytes) {
  if (files_->inherited()) return Inherited();
  return FrameWriter::Make(files_, disk_, *pool, staging_bytes);
}

int64_t ScopedArea::WriterBytes(int64_t staging_bytes) const {
  const auto codec = BlockCodec::Make(disk_->options().codec);
  return BudgetPool::ChargedBytes(FrameWriter::MemoryBytes(codec.ok() ? codec->get() : nullptr, staging_bytes));
}

Result<std::shared_ptr<SpillFile>> ScopedArea::FileOf(const FrameLocation& frame) {
  if (files_->inherited()) return Inherited();
  auto file = files_->Find(frame.file);
  if (file == nullptr) return MakeError(ErrorKind::kInvalidArgument, "A spill frame was read after it was discarded, or from another area");
  if (frame.offset + frame.stored_bytes > file->flushed_bytes) {
    return MakeError(ErrorKind::kInvalidArgument, "A spill frame was read before its writer was flushed");
  }
  return file;
}

Status ScopedArea::Check(const FrameHeader& header, const FrameLocation& frame, const uint8_t* stored) const {
  if (header.address != frame.address || header.offset != frame.offset) return disk_->Damaged("another frame is at its place", frame);
  if (header.payload_bytes != frame.payload_bytes || FrameBytesOnDisk(header.stored_bytes) != frame.stored_bytes) {
    return disk_->Damaged("its length differs", frame);
  }
  if (header.codec == SpillCodec::kNone && header.stored_bytes != header.payload_bytes) return disk_->Damaged("its lengths disagree", frame);
  if (FrameChecksum::Of(stored, header.stored_bytes) != header.checksum) return disk_->Damaged("its checksum differs", frame);
  return Status::OK();
}

Result<std::shared_ptr<arrow::Buffer>> ScopedArea::Unpack(const FrameHeader& header, const FrameLocation& frame, const uint8_t* stored,
                                                          BudgetPool* pool) const {
  ARROW_ASSIGN_OR_RAISE(auto codec, BlockCodec::Make(header.codec));
  ARROW_ASSIGN_OR_RAISE(auto payload, pool->AllocateOwned(header.payload_bytes));
  const Status decoded = codec->Decompress(stored, header.stored_bytes, payload->mutable_data(), header.payload_bytes);
  if (!decoded.ok()) return disk_->Damaged(decoded.message(), frame);
  return payload;
}

Result<std::shared_ptr<arrow::Buffer>> ScopedArea::ReadFrame(const FrameLocation& frame, BudgetPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const auto file, FileOf(frame));
  ARROW_ASSIGN_OR_RAISE(auto buffer, pool->AllocateOwned(frame.stored_bytes, ScratchFile::kAlignmentBytes));
  const Status read = disk_->Timed([&] { return file->file().ReadAt(frame.offset, buffer->mutable_data(), frame.stored_bytes); });
  if (!read.ok()) return disk_->Explain(read, frame.stored_bytes);
  disk_->read += frame.stored_bytes;
  const auto header = DecodeFrameHeader(buffer->data());
  if (!header.ok()) return disk_->Damaged(header.status().message(), frame);
  const uint8_t* const stored = buffer->data() + FrameHeader::kBytes;
  ARROW_RETURN_NOT_OK(Check(*header, frame, stored));
  if (header->codec != SpillCodec::kNone) return Unpack(*header, frame, stored, pool);
  return arrow::SliceBuffer(std::move(buffer), FrameHeader::kBytes, frame.payload_bytes);
}

void ScopedArea::Discard(const FrameLocation& frame) {
  const auto file = files_->inherited() ? nullptr : files_->Find(frame.file);
  if (file == nullptr) return;
  // A small hole costs more time than its blocks are worth before the file goes.
  if (frame.stored_bytes >= kHoleBytesMin) file->file().Discard(frame.offset, frame.stored_bytes);
  file->Shrink(frame.stored_bytes);
  files_->CloseIfEmpty(frame.file);
}

}  // namespace

Result<std::shared_ptr<SpillArea>> SpillArea::Open(SpillOptions options, std::shared_ptr<Env> env) {
  ARROW_ASSIGN_OR_RAISE(auto disk, SpillDisk::Open(std::move(options), std::move(env)));
  return std::make_shared<ScopedArea>(std::move(disk));
}

}  // namespace millstream
