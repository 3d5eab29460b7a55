#include "base/bytes.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace millstream {
namespace {

constexpr std::string_view kLetters = "KMGT";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

/// The factor of a unit in lower case, 0 if it is none.
double FactorOf(std::string_view unit) {
  if (unit.empty() || unit == "b") return 1;
  double decimal = 1, binary = 1;
  for (const char letter : kLetters) {
    decimal *= 1000;
    binary *= 1024;
    const char lower = static_cast<char>(std::tolower(letter));
    if (unit[0] != lower) continue;
    const std::string_view rest = unit.substr(1);
    if (rest.empty() || rest == "b") return decimal;
    if (rest == "ib") return binary;
  }
  return 0;
}

Status NotASize(std::string_view text) {
  return MakeError(ErrorKind::kInvalidArgument, "Not a size in bytes (write for instance 512MB or 2GiB): '" + std::string(text) + "'");
}

}  // namespace

Result<int64_t> ParseBytes(std::string_view text) {
  const std::string lower = Lower(Trimmed(text));
  if (lower.empty() || !std::isdigit(static_cast<unsigned char>(lower[0]))) return NotASize(text);
  const size_t digits = std::min(lower.find_first_not_of("0123456789."), lower.size());
  const std::string unit(Trimmed(std::string_view(lower).substr(digits)));
  const double factor = FactorOf(unit);
  if (factor == 0) return NotASize(text);
  if (factor == 1) {
    int64_t whole = 0;
    const auto [end, error] = std::from_chars(lower.data(), lower.data() + digits, whole);
    if (error != std::errc() || end != lower.data() + digits) return NotASize(text);
    return whole;
  }
  double number = 0;
  const auto [end, error] = std::from_chars(lower.data(), lower.data() + digits, number);
  if (error != std::errc() || end != lower.data() + digits || number * factor >= 9.2e18) return NotASize(text);
  return static_cast<int64_t>(number * factor);
}

std::string FormatBytes(int64_t bytes) {
  const char* sign = bytes < 0 ? "-" : "";
  double value = std::abs(static_cast<double>(bytes));
  size_t unit = 0;
  while (value >= 999.995 && unit < kLetters.size()) {
    value /= 1000;
    ++unit;
  }
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.2f", value);
  std::string number = digits;
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  return sign + number + (unit == 0 ? " B" : std::string(" ") + kLetters[unit - 1] + "B");
}

}  // namespace millstream
