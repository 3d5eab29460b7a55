#pragma once
/// Whole numbers as ORC files hold them: in runs, of the first or the second form.

#include <cstdint>
#include <vector>

#include "format/orc/orc_blocks.h"

namespace millstream {

/// The sum, or the most there is.
inline uint64_t CappedSum(uint64_t a, uint64_t b) { return a > ~uint64_t{0} - b ? ~uint64_t{0} : a + b; }

class OrcNumbers {
 public:
  enum class Form { kFirst, kSecond };
  /// Numbers that are `is_signed` come as their two's complement. `stream` outlives it.
  OrcNumbers(OrcStream* stream, Form form, bool is_signed) : stream_(stream), form_(form), is_signed_(is_signed) {}

  /// The numbers of the next run, 512 at most; none at the end. A Status without a kind where a run is cut short.
  Status Next(std::vector<uint64_t>* values);

 private:
  bool NextOfFirst(uint8_t head, std::vector<uint64_t>* values);
  bool NextOfSecond(uint8_t head, std::vector<uint64_t>* values);
  bool Patched(uint8_t head, std::vector<uint64_t>* values);
  bool Delta(uint8_t head, std::vector<uint64_t>* values);
  bool Varint(uint64_t* value);
  uint64_t Decoded(uint64_t value) const;
  /// A number of whole bytes, the first of which counts most.
  bool Whole(size_t bytes, uint64_t* value);
  /// Numbers of so many bits each; the last byte's other bits are passed over.
  bool Packed(size_t count, int bits, std::vector<uint64_t>* values);

  OrcStream* const stream_;
  const Form form_;
  const bool is_signed_;
};

}  // namespace millstream
