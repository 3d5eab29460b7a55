#pragma once
/// Frames on their way to a file, through a staging buffer.

#include <memory>
#include <vector>

#include "spill/block_codec.h"
#include "spill/frame_checksum.h"
#include "spill/frame_header.h"
#include "spill/spill_disk.h"

namespace millstream {

class FrameWriter : public RunWriter {
 public:
  static Result<std::unique_ptr<RunWriter>> Make(std::shared_ptr<SpillFiles> files, const std::shared_ptr<SpillDisk>& disk, BudgetPool& pool,
                                                 int64_t staging_bytes);
  static int64_t MemoryBytes(const BlockCodec* codec, int64_t staging_bytes);
  ~FrameWriter() override {
    if (files_ != nullptr) files_->EndWriting(number_);  // null where Make failed
  }

  Result<FrameLocation> Append(const RunAddress& address, const std::vector<Piece>& pieces) override;
  Status Flush() override { return file_->disk().Explain(WriteStaged(), fill_); }

 private:
  FrameWriter() = default;
  Status WriteFrame(FrameHeader* header, const std::vector<Piece>& pieces);
  Status PutStored(const uint8_t* data, int64_t bytes);
  Status PutPadding();
  Status PutHeader(const FrameHeader& header);
  Status WriteStaged();
  void TakeBack(int64_t frame_start);

  std::shared_ptr<SpillFiles> files_;
  uint32_t number_ = 0;
  std::shared_ptr<SpillFile> file_;
  std::unique_ptr<BlockCodec> codec_;
  FrameChecksum checksum_;

  std::shared_ptr<arrow::Buffer> memory_;
  uint8_t* staging_ = nullptr;
  uint8_t* first_page_ = nullptr;  // of the frame being written, once it has left the staging buffer
  uint8_t* scratch_ = nullptr;     // the codec's
  int64_t staging_bytes_ = 0;

  int64_t staged_at_ = 0;    // where in the file the staging buffer begins
  int64_t fill_ = 0;         // staged bytes
  int64_t frame_start_ = 0;  // of the frame being written, else of the next one
};

}  // namespace millstream
