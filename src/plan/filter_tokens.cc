#include "plan/filter_tokens.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace millstream {
namespace {

constexpr size_t kTextShownMax = 60;  // characters of the text on either side of the caret
constexpr std::array<const char*, 7> kWideSymbols = {"**", "//", "==", "!=", "<=", ">=", "<>"};
constexpr std::string_view kNarrowSymbols = "+-*/%<>()[],.&|~^=@{}:;!";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80; }
bool IsNameRest(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

void AppendUtf8(uint32_t point, std::string* out) {
  auto tail = [&](int shift) { out->push_back(static_cast<char>(0x80 | ((point >> shift) & 0x3F))); };
  if (point < 0x80) {
    out->push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (point >> 6)));
    tail(0);
  } else if (point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (point >> 12)));
    tail(6);
    tail(0);
  } else {
    out->push_back(static_cast<char>(0xF0 | (point >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

class Cutter {
 public:
  explicit Cutter(std::string_view text) : text_(text) {}

  Result<std::vector<FilterToken>> Run() {
    std::vector<FilterToken> tokens;
    for (;;) {
      while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
      FilterToken token;
      token.begin = at_;
      if (at_ == text_.size()) {
        tokens.push_back(std::move(token));
        return tokens;
      }
      ARROW_RETURN_NOT_OK(Cut(&token));
      tokens.push_back(std::move(token));
    }
  }

 private:
  char Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  Status Error(size_t at, const std::string& message) const { return FilterError(text_, at, message); }

  Status Cut(FilterToken* token) {
    const char c = Peek();
    if (c == '\'' || c == '"') return CutString(token, "");
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return CutNumber(token);
    if (IsNameStart(c)) return CutName(token);
    token->kind = FilterToken::Kind::kSymbol;
    for (const char* wide : kWideSymbols) {
      if (text_.substr(at_, 2) == wide) {
        token->text = wide;
        at_ += 2;
        return Status::OK();
      }
    }
    if (kNarrowSymbols.find(c) == std::string_view::npos) return Error(at_, "this character has no meaning here");
    token->text = std::string(1, c);
    ++at_;
    return Status::OK();
  }

  Status CutName(FilterToken* token) {
    size_t end = at_;
    while (end < text_.size() && IsNameRest(text_[end])) ++end;
    token->text = std::string(text_.substr(at_, end - at_));
    if (end < text_.size() && (text_[end] == '\'' || text_[end] == '"')) {
      at_ = end;
      return CutString(token, std::exchange(token->text, ""));
    }
    token->kind = FilterToken::Kind::kName;
    at_ = end;
    return Status::OK();
  }

  Status CutNumber(FilterToken* token) {
    const size_t begin = at_;
    const char marker = Peek() == '0' ? static_cast<char>(Peek(1) | 0x20) : '\0';
    const int base = marker == 'x' ? 16 : marker == 'o' ? 8 : marker == 'b' ? 2 : 10;
    if (base != 10) at_ += 2;
    bool is_float = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '_') continue;
      const bool exponent = base == 10 && (c | 0x20) == 'e' && (IsDigit(Peek(1)) || ((Peek(1) == '+' || Peek(1) == '-') && IsDigit(Peek(2))));
      if (exponent) {
        token->text += c;
        if (!IsDigit(Peek(1))) token->text += text_[++at_];
      } else if (IsNameRest(c) || (base == 10 && c == '.')) {
        token->text += c;
      } else {
        break;
      }
      is_float |= exponent || c == '.';
    }
    return Convert(begin, base, is_float, token);
  }

  Status Convert(size_t begin, int base, bool is_float, FilterToken* token) const {
    const char* first = token->text.data();
    const char* last = first + token->text.size();
    token->kind = is_float ? FilterToken::Kind::kFloat : FilterToken::Kind::kInteger;
    const auto read = is_float ? std::from_chars(first, last, token->number) : std::from_chars(first, last, token->integer, base);
    if (read.ec == std::errc::result_out_of_range && !is_float) return Error(begin, "this number does not fit 64 bits; write it as a float");
    if (read.ec == std::errc::result_out_of_range) return Error(begin, "this number does not fit a float");
    if (read.ec != std::errc() || read.ptr != last) return Error(begin, "this is not a number");
    return Status::OK();
  }

  Status CutString(FilterToken* token, std::string prefix) {
    for (char& c : prefix) c = static_cast<char>(c | 0x20);
    const bool raw = prefix.find('r') != std::string::npos;
    token->kind = prefix.find('b') != std::string::npos ? FilterToken::Kind::kBytes : FilterToken::Kind::kString;
    if (!(prefix.empty() || prefix == "r" || prefix == "b" || prefix == "u" || prefix == "rb" || prefix == "br")) {
      return Error(token->begin, "strings of the kind " + prefix + "'' cannot be used here; write a plain one");
    }
    const char quote = text_[at_++];
    if (Peek() == quote && Peek(1) == quote) return Error(token->begin, "strings in three quotes cannot be used here; write one quote");
    for (;;) {
      if (at_ == text_.size()) return Error(token->begin, "this string has no end; close it with " + std::string(1, quote));
      const char c = text_[at_++];
      if (c == quote) return Status::OK();
      if (c != '\\') {
        token->text.push_back(c);
      } else if (raw) {
        token->text.push_back(c);
        if (at_ < text_.size()) token->text.push_back(text_[at_++]);
      } else {
        ARROW_RETURN_NOT_OK(CutEscape(token));
      }
    }
  }

  Status CutEscape(FilterToken* token) {
    const size_t begin = at_ - 1;
    if (at_ == text_.size()) return Error(begin, "this escape has no end");
    const char c = text_[at_++];
    static constexpr std::string_view kLetters = "nrtabfv0\\'\"";
    static constexpr std::string_view kMeanings("\n\r\t\a\b\f\v\0\\'\"", 11);
    const auto letter = kLetters.find(c);
    if (letter != std::string_view::npos) {
      token->text.push_back(kMeanings[letter]);
      return Status::OK();
    }
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t point = 0;
    const std::string_view hex = text_.substr(at_, digits);
    const auto read = std::from_chars(hex.data(), hex.data() + hex.size(), point, 16);
    if (digits == 0 || hex.size() != digits || read.ptr != hex.data() + digits || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
      return Error(begin, "this escape has no meaning; write \\\\ for a backslash");
    }
    at_ += digits;
    if (token->kind == FilterToken::Kind::kBytes) {
      token->text.push_back(static_cast<char>(point));
    } else {
      AppendUtf8(point, &token->text);
    }
    return Status::OK();
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Status FilterError(std::string_view text, size_t at, const std::string& message) {
  at = std::min(at, text.size());
  size_t begin = at > kTextShownMax ? at - kTextShownMax : 0;
  size_t end = std::min(text.size(), at + kTextShownMax);
  while (begin > 0 && IsContinuation(text[begin])) --begin;
  while (end < text.size() && IsContinuation(text[end])) ++end;
  std::string shown(text.substr(begin, end - begin));
  std::replace_if(shown.begin(), shown.end(), [](char c) { return IsSpace(c); }, ' ');
  const auto before = text.substr(0, at);
  const auto position = before.size() - std::count_if(before.begin(), before.end(), IsContinuation);
  const auto shown_before = text.substr(begin, at - begin);
  const auto indent = shown_before.size() - std::count_if(shown_before.begin(), shown_before.end(), IsContinuation);
  return MakeError(ErrorKind::kInvalidArgument,
                   "filter expression, character " + std::to_string(position + 1) + ": " + message + "\n  " + shown + "\n  " + std::string(indent, ' ') + "^");
}

Result<std::vector<FilterToken>> CutFilter(std::string_view text) { return Cutter(text).Run(); }

}  // namespace millstream
