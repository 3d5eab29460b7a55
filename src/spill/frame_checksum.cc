#include "spill/frame_checksum.h"

#define XXH_INLINE_ALL
#include <arrow/vendored/xxhash.h>

namespace millstream {

struct FrameChecksum::State {
  XXH3_state_t xxh;
};

FrameChecksum::FrameChecksum() : state_(std::make_unique<State>()) { Reset(); }
FrameChecksum::~FrameChecksum() = default;

void FrameChecksum::Reset() { XXH3_64bits_reset(&state_->xxh); }
void FrameChecksum::Update(const uint8_t* data, int64_t bytes) { XXH3_64bits_update(&state_->xxh, data, static_cast<size_t>(bytes)); }
uint64_t FrameChecksum::Digest() const { return XXH3_64bits_digest(&state_->xxh); }
uint64_t FrameChecksum::Of(const uint8_t* data, int64_t bytes) { return XXH3_64bits(data, static_cast<size_t>(bytes)); }

}  // namespace millstream
