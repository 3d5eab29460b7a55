#include "format/orc/orc_stripe.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "format/limits.h"
#include "format/message_fields.h"

namespace millstream {
namespace {

using Field = MessageReader::Field;

/// What the library holds for a value, whatever it is, and Arrow of it.
constexpr uint64_t kBytesOfValue = 32;

/// Direct, dictionary, and both with numbers in runs of the second form.
constexpr uint64_t kEncodingMax = 3;

constexpr size_t kStreamsOfColumn = 16;

bool IsText(OrcKind kind) { return kind == OrcKind::kString || kind == OrcKind::kBinary || kind == OrcKind::kVarchar || kind == OrcKind::kChar; }

/// Of a value, as it comes out.
uint64_t WidthOf(OrcKind kind) {
  switch (static_cast<uint64_t>(kind)) {
    case 0:
    case 1:
    case 12:
    case 13: return 1;  // truths, bytes, structs, unions
    case 2: return 2;
    case 4:
    case 6:
    case 9:
    case 18: return 8;  // long, double, times
    case 14: return 16;
    default: return 4;
  }
}

uint64_t CappedProduct(uint64_t a, uint64_t b) { return b != 0 && a > ~uint64_t{0} / b ? ~uint64_t{0} : a * b; }

/// The sum of the last `window` numbers of a sequence; of very many at once it may be as much again.
class WindowSum {
 public:
  explicit WindowSum(uint64_t window) : window_(std::max<uint64_t>(window, 1)), last_(window_ <= kExactMax ? static_cast<size_t>(window_) : 0) {}

  uint64_t Add(uint64_t number) {
    if (!last_.empty()) {
      uint64_t& oldest = last_[count_++ % last_.size()];
      // What a capped sum has lost does not come back; it is refused anyway.
      if (sum_ != ~uint64_t{0}) sum_ -= oldest;
      oldest = number;
    } else if (count_++ == window_) {
      // A window lies in two neighbouring stretches as long as it is.
      before_ = std::exchange(sum_, 0);
      count_ = 1;
    }
    sum_ = CappedSum(sum_, number);
    return CappedSum(before_, sum_);
  }

 private:
  static constexpr uint64_t kExactMax = 1 << 17;
  const uint64_t window_;
  std::vector<uint64_t> last_;  // empty where there would be too many
  uint64_t count_ = 0, sum_ = 0, before_ = 0;
};

}  // namespace

Result<OrcStripe> OrcStripe::Read(const OrcTail& tail, arrow::io::RandomAccessFile* file, const ListedFile& listed, const ReadLimits& limits, const OrcTail::Stripe& stripe) {
  OrcStripe read(tail, file, listed, limits, stripe);
  ARROW_ASSIGN_OR_RAISE(const auto stored, ReadExactly(file, stripe.begin + stripe.index_bytes + stripe.data_bytes, stripe.footer_bytes));
  ARROW_ASSIGN_OR_RAISE(const std::string footer, tail.blocks().Decompressed(static_cast<std::string_view>(*stored), listed, limits));
  ARROW_RETURN_NOT_OK(read.ParseFooter(footer));
  return read;
}

Status OrcStripe::ParseFooter(std::string_view message) {
  std::string_view timezone;
  Status status;
  int64_t end = stripe_.begin;
  const bool parsed = ForEachField(message, [&](const Field& field) {
    std::string_view bytes;
    switch (field.number) {
      case 1: return IsBytes(field, &bytes) && (status = AddStream(bytes, &end)).ok();
      case 2: {
        if (encodings_.size() > tail_.columns().size()) return false;
        Encoding& encoding = encodings_.emplace_back();
        return IsBytes(field, &bytes) && ForEachField(bytes, [&](const Field& inner) {
                 return inner.number == 1   ? IsNumber(inner, &encoding.kind)
                        : inner.number == 2 ? IsNumber(inner, &encoding.dictionary_size)
                                            : true;
               });
      }
      case 3: return IsBytes(field, &timezone);
      default: return true;
    }
  });
  ARROW_RETURN_NOT_OK(status);
  const std::string where = "the footer of its stripe at byte " + std::to_string(stripe_.begin);
  if (!parsed) return Status::Invalid(where, " cannot be read");
  if (encodings_.size() != tail_.columns().size()) {
    return Status::Invalid(where, " tells of ", encodings_.size(), " columns, that of the file of ", tail_.columns().size());
  }
  if (std::any_of(encodings_.begin(), encodings_.end(), [](const Encoding& encoding) { return encoding.kind > kEncodingMax; })) {
    return Status::Invalid(where, " tells of an encoding that is not known");
  }
  // The library reads the file of that name among those of time zones.
  if (timezone.starts_with('/') || timezone.find("..") != timezone.npos || timezone.find('\0') != timezone.npos) {
    return Status::Invalid(where, " names a time zone that is none");
  }
  return Status::OK();
}

Status OrcStripe::AddStream(std::string_view message, int64_t* end) {
  Stream stream;
  uint64_t bytes = 0;
  const bool parsed = ForEachField(message, [&](const Field& field) {
    switch (field.number) {
      case 1: return IsNumber(field, &stream.kind);
      case 2: return IsNumber(field, &stream.column);
      case 3: return IsNumber(field, &bytes);
      default: return true;
    }
  });
  const int64_t stripe_end = stripe_.begin + stripe_.index_bytes + stripe_.data_bytes;
  if (stream.kind > UINT32_MAX || stream.column >= tail_.columns().size() || streams_.size() / kStreamsOfColumn > tail_.columns().size()) {
    return Status::Invalid("its stripe at byte ", stripe_.begin, " has a stream that is of no column");
  }
  if (!parsed || bytes > static_cast<uint64_t>(stripe_end - *end)) return Status::Invalid("a stream of its stripe at byte ", stripe_.begin, " is not in it");
  stream.begin = *end;
  stream.bytes = static_cast<int64_t>(bytes);
  *end += stream.bytes;
  streams_.push_back(stream);
  return Status::OK();
}

const OrcStripe::Stream* OrcStripe::StreamOf(uint64_t column, Kind kind) const {
  const auto found = std::find_if(streams_.begin(), streams_.end(), [&](const Stream& stream) { return stream.kind == static_cast<uint64_t>(kind) && stream.column == column; });
  return found == streams_.end() ? nullptr : &*found;
}

/// What so many rows in a row take at most.
class OrcStripe::Sizes {
 public:
  explicit Sizes(const OrcStripe& stripe) : stripe_(stripe) {}

  /// What the library takes for them.
  uint64_t bytes() const { return bytes_; }
  /// Texts, and the values in lists.
  uint64_t bytes_of_lengths() const { return of_lengths_; }

  /// With `values` of the column at once, and `all` in the stripe, at most.
  Status Add(uint64_t number, uint64_t values, uint64_t all, bool in_list) {
    const OrcTail::Column& column = stripe_.tail_.columns()[number];
    bytes_ = CappedSum(bytes_, CappedProduct(values, kBytesOfValue));
    if (in_list) of_lengths_ = CappedSum(of_lengths_, CappedProduct(values, WidthOf(column.kind)));
    const bool is_list = column.kind == OrcKind::kList || column.kind == OrcKind::kMap;
    if (is_list || IsText(column.kind)) ARROW_RETURN_NOT_OK(AddLengths(number, !is_list, &values, &all));
    if (column.kind == OrcKind::kDecimal) ARROW_RETURN_NOT_OK(CheckScales(number, all));
    for (const uint64_t child : column.children) ARROW_RETURN_NOT_OK(Add(child, values, all, in_list || is_list));
    return Status::OK();
  }

 private:
  /// `values` and `all` become those of the lists' children.
  Status AddLengths(uint64_t number, bool is_text, uint64_t* values, uint64_t* all) {
    const Encoding& encoding = stripe_.encodings_[number];
    const bool is_dictionary = is_text && (encoding.kind & 1) != 0;
    // A dictionary is held as a whole, however few rows are asked for.
    const uint64_t wanted = is_dictionary ? encoding.dictionary_size : *all;
    uint64_t count = 0, most = 0, sum = 0;
    ARROW_RETURN_NOT_OK(SumLengths(number, wanted, *values, &count, &most, &sum));
    if (is_dictionary && count < wanted) {
      return Status::Invalid("a dictionary of ", wanted, " texts in its stripe at byte ", stripe_.stripe_.begin, " has lengths for ", count);
    }
    if (is_text) {
      ARROW_RETURN_NOT_OK(CheckTexts(number, is_dictionary ? Kind::kDictionaryData : Kind::kData, sum));
      if (!is_dictionary) {
        bytes_ = CappedSum(bytes_, most);
        of_lengths_ = CappedSum(of_lengths_, most);
      }
    }
    *values = most;
    *all = sum;
    return Status::OK();
  }

  /// Of the first `wanted` lengths the count, the most that `window` of them in a row can come to, and the sum.
  Status SumLengths(uint64_t number, uint64_t wanted, uint64_t window, uint64_t* count, uint64_t* most, uint64_t* sum) const {
    if (wanted == 0) return Status::OK();
    WindowSum sum_of_window(window);
    ARROW_RETURN_NOT_OK(ForEachRun(number, Kind::kLength, false, [&](const std::vector<uint64_t>& run) {
      for (size_t i = 0; i < run.size() && *count < wanted; ++i, ++*count) {
        *sum = CappedSum(*sum, run[i]);
        *most = std::max(*most, sum_of_window.Add(run[i]));
      }
      return *count < wanted;
    }));
    *most = std::min(*most, *sum);
    return Status::OK();
  }

  Status CheckScales(uint64_t number, uint64_t wanted) const {
    uint64_t count = 0, largest = 0;
    ARROW_RETURN_NOT_OK(ForEachRun(number, Kind::kSecondary, true, [&](const std::vector<uint64_t>& run) {
      for (size_t i = 0; i < run.size() && count < wanted; ++i, ++count) largest = std::max(largest, run[i]);
      return count < wanted;
    }));
    if (largest <= OrcTail::kDecimalDigitsMax) return Status::OK();
    return Status::Invalid("a decimal of column ", number, " of its stripe at byte ", stripe_.stripe_.begin, " has ", static_cast<int64_t>(largest), " digits behind the point");
  }

  /// Calls `take` with the runs of a stream of numbers, while it is true; not where there is none.
  template <typename Take>
  Status ForEachRun(uint64_t number, Kind kind, bool is_signed, Take take) const {
    const uint64_t encoding = stripe_.encodings_[number].kind;
    const Stream* stream = stripe_.StreamOf(number, kind);
    if (stream == nullptr) return Status::OK();
    OrcStream bytes(stripe_.file_, stripe_.listed_, stripe_.tail_.blocks(), stripe_.limits_, stream->begin, stream->bytes);
    OrcNumbers numbers(&bytes, encoding >= 2 ? OrcNumbers::Form::kSecond : OrcNumbers::Form::kFirst, is_signed);
    std::vector<uint64_t> run;
    do {
      ARROW_RETURN_NOT_OK(numbers.Next(&run));
    } while (!run.empty() && take(run));
    return Status::OK();
  }

  /// The texts of a stripe are there as told.
  Status CheckTexts(uint64_t number, Kind kind, uint64_t sum) const {
    const Stream* stream = stripe_.StreamOf(number, kind);
    const int64_t stored = stream == nullptr ? 0 : stream->bytes;
    if (!stripe_.tail_.blocks().is_compressed() && sum > static_cast<uint64_t>(stored)) {
      return Status::Invalid("column ", number, " of its stripe at byte ", stripe_.stripe_.begin, " tells of ", sum, " bytes of texts and has ", stored);
    }
    // Of a dictionary all is held at once.
    if (kind != Kind::kDictionaryData) return Status::OK();
    constexpr uint64_t kMost = ~uint64_t{0} >> 1;
    return CheckDecompressed(stripe_.listed_.path, stripe_.listed_.size_bytes, static_cast<int64_t>(std::min(sum, kMost)), stripe_.limits_);
  }

  const OrcStripe& stripe_;
  uint64_t bytes_ = 0, of_lengths_ = 0;
};

Result<int64_t> OrcStripe::RowsAtOnce(const std::vector<int>& columns) const {
  const auto& in_row = tail_.columns()[0].children;
  const auto allowed = static_cast<uint64_t>(limits_.record_bytes);
  for (int64_t rows = std::min(stripe_.rows, kRowsMax);; rows = std::max<int64_t>(1, rows / 8)) {
    Sizes sizes(*this);
    for (const int column : columns) {
      if (static_cast<size_t>(column) >= in_row.size()) return Status::Invalid("it has fewer columns than when it was listed, or none");
      ARROW_RETURN_NOT_OK(sizes.Add(in_row[static_cast<size_t>(column)], static_cast<uint64_t>(rows), static_cast<uint64_t>(stripe_.rows), /*in_list=*/false));
    }
    const bool is_allowed = sizes.bytes_of_lengths() <= allowed;
    if (is_allowed && (rows == 1 || sizes.bytes() <= kBytesAtOnce)) return rows;
    if (rows > 1) continue;
    return OverLimit("file " + listed_.path + ": a row of the stripe at byte " + std::to_string(stripe_.begin) + " may take " +
                         std::to_string(sizes.bytes_of_lengths()) + " bytes, and " + std::to_string(allowed) + " are allowed",
                     "record_bytes");
  }
}

}  // namespace millstream
