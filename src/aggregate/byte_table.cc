#include "aggregate/byte_table.h"

#include <array>

namespace millstream {
namespace {

const uint8_t* BytesOf(std::string_view key) { return reinterpret_cast<const uint8_t*>(key.data()); }

}  // namespace

Status ByteTable::Number(const uint8_t* keys, const int64_t* ends, int64_t count, uint32_t* numbers) {
  ARROW_RETURN_NOT_OK(ReserveFor(count, count == 0 ? 0 : ends[count - 1] - ends[-1]));
  const auto key_at = [&](int64_t i) { return std::string_view(reinterpret_cast<const char*>(keys) + ends[i - 1], static_cast<size_t>(ends[i] - ends[i - 1])); };
  if (repeats_ == KeyRepeats::kAreNumbered) {
    for (int64_t i = 0; i < count; ++i) {
      numbers[i] = static_cast<uint32_t>(size());
      Append(key_at(i));
    }
    return Status::OK();
  }
  std::array<uint64_t, kBlockRows> hashes;
  for (int64_t i = 0; i < count; ++i) {
    hashes[i] = HashBytes(keys + ends[i - 1], ends[i] - ends[i - 1]);
    slots_.Prefetch(hashes[i]);
  }
  for (int64_t i = 0; i < count; ++i) {
    slots_.PrefetchKeyOf(hashes[i], [&](uint32_t number) { __builtin_prefetch(&ends_[number]); });
  }
  for (int64_t i = 0; i < count; ++i) {
    slots_.PrefetchKeyOf(hashes[i], [&](uint32_t number) { __builtin_prefetch(KeyOf(number).data()); });
  }
  for (int64_t i = 0; i < count; ++i) numbers[i] = NumberOne(hashes[i], key_at(i));
  return Status::OK();
}

void ByteTable::Truncate(int64_t count) {
  for (int64_t number = size() - 1; number >= count && repeats_ == KeyRepeats::kAreOne; --number) slots_.RemoveLast(hashes_[number], static_cast<uint32_t>(number));
  hashes_.Truncate(count);
  ends_.Truncate(count);
  bytes_.Truncate(count == 0 ? 0 : ends_[count - 1]);
}

void ByteTable::Release() {
  slots_.Release();
  hashes_.Release();
  ends_.Release();
  bytes_.Release();
}

Status ByteTable::ReserveFor(int64_t keys, int64_t key_bytes) {
  ARROW_RETURN_NOT_OK(ends_.Reserve(size() + keys));
  ARROW_RETURN_NOT_OK(bytes_.Reserve(bytes_.size() + key_bytes));
  if (repeats_ == KeyRepeats::kAreNumbered) return SlotTable::CheckCount(size() + keys);
  ARROW_RETURN_NOT_OK(hashes_.Reserve(size() + keys));
  return slots_.Reserve(size() + keys, size(), [&](uint32_t number) { return hashes_[number]; });
}

uint32_t ByteTable::NumberOne(uint64_t hash, std::string_view key) {
  const auto next = static_cast<uint32_t>(size());
  const uint32_t number = slots_.FindOrAdd(hash, next, [&](uint32_t other) {
    const auto held = KeyOf(other);
    return held.size() == key.size() && EqualBytes(BytesOf(held), BytesOf(key), static_cast<int64_t>(key.size()));
  });
  if (number != next) return number;
  Append(key);
  hashes_.Append(hash);
  return number;
}

/// Within what was reserved.
void ByteTable::Append(std::string_view key) {
  const int64_t begin = bytes_.size();
  (void)bytes_.Resize(begin + static_cast<int64_t>(key.size()));
  if (!key.empty()) std::memcpy(bytes_.data() + begin, key.data(), key.size());
  ends_.Append(bytes_.size());
}

}  // namespace millstream
