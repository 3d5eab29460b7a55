#include "format/orc/orc_numbers.h"

#include <algorithm>

namespace millstream {
namespace {

constexpr size_t kRunOfFirstMin = 3;
constexpr size_t kShortRunMin = 3;
/// For the first 24 codes the bits are one more than the code.
constexpr int kWideBits[] = {26, 28, 30, 32, 40, 48, 56, 64};

int BitsOf(int code) { return code < 24 ? code + 1 : kWideBits[code - 24]; }

int BitsAsStored(int bits) {
  if (bits <= 24) return std::max(bits, 1);
  return *std::find_if(std::begin(kWideBits), std::end(kWideBits) - 1, [&](int wide) { return wide >= bits; });
}

uint64_t Unzigzag(uint64_t value) { return (value >> 1) ^ (~(value & 1) + 1); }

}  // namespace

Status OrcNumbers::Next(std::vector<uint64_t>* values) {
  values->clear();
  uint8_t head = 0;
  if (!stream_->Next(&head)) return stream_->status();
  const bool whole = form_ == Form::kSecond ? NextOfSecond(head, values) : NextOfFirst(head, values);
  ARROW_RETURN_NOT_OK(stream_->status());
  return whole ? Status::OK() : Status::Invalid("a run of numbers is cut short, or none");
}

bool OrcNumbers::NextOfFirst(uint8_t head, std::vector<uint64_t>* values) {
  if (head >= 0x80) {
    values->resize(size_t{256} - head);
    for (uint64_t& value : *values) {
      if (!Varint(&value)) return false;
      value = Decoded(value);
    }
    return true;
  }
  uint8_t delta = 0;
  uint64_t value = 0;
  if (!stream_->Next(&delta) || !Varint(&value)) return false;
  value = Decoded(value);
  values->resize(head + kRunOfFirstMin);
  for (uint64_t& each : *values) {
    each = value;
    value += static_cast<uint64_t>(static_cast<int8_t>(delta));
  }
  return true;
}

bool OrcNumbers::NextOfSecond(uint8_t head, std::vector<uint64_t>* values) {
  switch (head >> 6) {
    case 0: {
      uint64_t value = 0;
      if (!Whole(static_cast<size_t>(head >> 3 & 7) + 1, &value)) return false;
      values->assign((head & 7) + kShortRunMin, Decoded(value));
      return true;
    }
    case 1: {
      uint8_t low = 0;
      if (!stream_->Next(&low) || !Packed((static_cast<size_t>(head & 1) << 8 | low) + 1, BitsOf(head >> 1 & 0x1f), values)) return false;
      for (uint64_t& value : *values) value = Decoded(value);
      return true;
    }
    case 2: return Patched(head, values);
    default: return Delta(head, values);
  }
}

bool OrcNumbers::Patched(uint8_t head, std::vector<uint64_t>* values) {
  uint8_t low = 0, widths = 0, gaps = 0;
  if (!stream_->Next(&low) || !stream_->Next(&widths) || !stream_->Next(&gaps)) return false;
  const size_t count = (static_cast<size_t>(head & 1) << 8 | low) + 1, base_bytes = static_cast<size_t>(widths >> 5) + 1;
  const int bits = BitsOf(head >> 1 & 0x1f), patch_bits = BitsOf(widths & 0x1f), gap_bits = (gaps >> 5) + 1;
  uint64_t base = 0;
  std::vector<uint64_t> patches;
  if (!Whole(base_bytes, &base) || !Packed(count, bits, values)) return false;
  if (patch_bits + gap_bits > 64 || bits >= 64 || !Packed(gaps & 0x1f, BitsAsStored(patch_bits + gap_bits), &patches)) return false;
  size_t at = 0;
  for (const uint64_t patch : patches) {
    at += static_cast<size_t>(patch >> patch_bits);
    if (at >= count) return false;
    (*values)[at] |= (patch & ((uint64_t{1} << patch_bits) - 1)) << bits;
  }
  // The highest bit is the base's sign.
  const uint64_t sign = uint64_t{1} << (8 * base_bytes - 1);
  if ((base & sign) != 0) base = ~(base & ~sign) + 1;
  for (uint64_t& value : *values) value += base;
  return true;
}

bool OrcNumbers::Delta(uint8_t head, std::vector<uint64_t>* values) {
  uint8_t low = 0;
  uint64_t value = 0, coded = 0;
  if (!stream_->Next(&low) || !Varint(&value) || !Varint(&coded)) return false;
  const size_t count = (static_cast<size_t>(head & 1) << 8 | low) + 1;
  const int code = head >> 1 & 0x1f;
  const uint64_t step = Unzigzag(coded);
  value = Decoded(value);
  std::vector<uint64_t> deltas;
  if (code != 0 && count > 2 && !Packed(count - 2, BitsOf(code), &deltas)) return false;
  values->resize(count);
  for (size_t i = 0; i < count; ++i) {
    (*values)[i] = value;
    if (i == 0 || code == 0) value += step;
    else if (i <= deltas.size()) value += static_cast<int64_t>(step) < 0 ? ~deltas[i - 1] + 1 : deltas[i - 1];
  }
  return true;
}

uint64_t OrcNumbers::Decoded(uint64_t value) const { return is_signed_ ? Unzigzag(value) : value; }

bool OrcNumbers::Varint(uint64_t* value) {
  *value = 0;
  uint8_t byte = 0x80;
  for (int shift = 0; byte >= 0x80; shift += 7) {
    if (shift > 63 || !stream_->Next(&byte)) return false;
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
  }
  return true;
}

bool OrcNumbers::Whole(size_t bytes, uint64_t* value) {
  *value = 0;
  for (uint8_t byte = 0; bytes > 0; --bytes) {
    if (!stream_->Next(&byte)) return false;
    *value = *value << 8 | byte;
  }
  return true;
}

bool OrcNumbers::Packed(size_t count, int bits, std::vector<uint64_t>* values) {
  values->assign(count, 0);
  uint8_t byte = 0;
  int left = 0;  // bits of `byte`
  for (uint64_t& value : *values) {
    for (int needed = bits; needed > 0;) {
      if (left == 0) {
        if (!stream_->Next(&byte)) return false;
        left = 8;
      }
      const int taken = std::min(needed, left);
      left -= taken;
      needed -= taken;
      value = value << taken | (static_cast<uint64_t>(byte) >> left & ((uint64_t{1} << taken) - 1));
    }
  }
  return true;
}

}  // namespace millstream
