#include "format/numpy/npy_header.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

namespace millstream {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr int64_t kFirstBytes = 4096;
constexpr int64_t kHeaderBytesMax = 1 << 20;
constexpr int64_t kEmptyRowsMax = 1 << 20;
constexpr size_t kAxesMax = 64;  // as many as numpy has

/// The dict in a header, as Python writes it: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_(text) {}

  /// Whether it is such a dict.
  bool Parse() {
    if (!Take('{')) return false;
    while (!Take('}')) {
      const auto name = Quoted();
      if (!name || !Take(':') || !Value(*name)) return false;
      if (!Take(',') && Next() != '}') return false;
    }
    return descr_ && fortran_order_ && shape_;
  }
  const std::string& descr() const { return *descr_; }
  bool fortran_order() const { return *fortran_order_; }
  const std::vector<int64_t>& shape() const { return *shape_; }

 private:
  bool Value(const std::string& name) {
    if (name == "descr") return Next() == '\'' || Next() == '"' ? (descr_ = Quoted()).has_value() : Fields();
    if (name == "fortran_order") return (fortran_order_ = Bool()).has_value();
    if (name == "shape") return (shape_ = Shape()).has_value();
    return false;
  }

  /// A list of the fields of a record, which is refused as a type, whatever they are.
  bool Fields() {
    if (Next() != '[') return false;
    int depth = 0;
    do {
      const char next = Next();
      if (next == '\0') return false;
      depth += next == '[' ? 1 : next == ']' ? -1 : 0;
      text_.remove_prefix(1);
    } while (depth > 0);
    descr_ = "record";
    return true;
  }

  std::optional<std::string> Quoted() {
    const char quote = Next();
    if (quote != '\'' && quote != '"') return std::nullopt;
    const size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string value(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return value;
  }

  std::optional<bool> Bool() {
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      Next();
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    return std::nullopt;
  }

  std::optional<std::vector<int64_t>> Shape() {
    std::vector<int64_t> shape;
    if (!Take('(')) return std::nullopt;
    while (!Take(')')) {
      Next();
      int64_t length = -1;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), length);
      if (error != std::errc() || length < 0 || shape.size() == kAxesMax) return std::nullopt;
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      if (text_.starts_with('L')) text_.remove_prefix(1);  // as Python 2 wrote it
      shape.push_back(length);
      if (!Take(',') && Next() != ')') return std::nullopt;
    }
    return shape;
  }

  /// Behind white space; 0 at the end.
  char Next() {
    text_.remove_prefix(std::min(text_.find_first_not_of(" \t\n"), text_.size()));
    return text_.empty() ? '\0' : text_.front();
  }
  bool Take(char wanted) {
    if (Next() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view text_;
  std::optional<std::string> descr_;
  std::optional<bool> fortran_order_;
  std::optional<std::vector<int64_t>> shape_;
};

/// Of a description such as "<f8" without its byte order; null where it is no number.
std::shared_ptr<arrow::DataType> TypeOf(std::string_view kind) {
  if (kind == "b1") return arrow::boolean();
  if (kind == "i1") return arrow::int8();
  if (kind == "i2") return arrow::int16();
  if (kind == "i4") return arrow::int32();
  if (kind == "i8") return arrow::int64();
  if (kind == "u1") return arrow::uint8();
  if (kind == "u2") return arrow::uint16();
  if (kind == "u4") return arrow::uint32();
  if (kind == "u8") return arrow::uint64();
  if (kind == "f2") return arrow::float16();
  if (kind == "f4") return arrow::float32();
  if (kind == "f8") return arrow::float64();
  return nullptr;
}

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

Status Damaged(const ListedFile& listed, const std::string& what) {
  return MakeError(ErrorKind::kCorruptData, "file " + listed.path + " " + what + "; write it again with numpy.save(), or leave it out");
}

/// Bytes of the array; none where that is more than there can be.
std::optional<int64_t> BytesOf(const NpyHeader& header) {
  int64_t bytes = header.value_bytes;
  for (const int64_t length : header.shape) {
    if (length == 0) return 0;
    if (bytes > std::numeric_limits<int64_t>::max() / length) return std::nullopt;
    bytes *= length;
  }
  return bytes;
}

/// The text of the header, and where the array begins.
Result<std::string> HeaderOf(arrow::io::RandomAccessFile& file, const ListedFile& listed, int64_t* data_begin) {
  ARROW_ASSIGN_OR_RAISE(const auto first, file.ReadAt(0, std::min(kFirstBytes, listed.size_bytes)));
  const std::string_view bytes(*first);
  if (bytes.starts_with("PK")) return MakeError(ErrorKind::kInvalidArgument, "file " + listed.path + " is an archive of arrays (.npz); save each with numpy.save(), or use from_numpy(numpy.load(path)[name])");
  if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + 6) return Damaged(listed, "is no .npy file");
  const size_t length_bytes = bytes[kMagic.size()] == 1 ? 2 : 4;
  const size_t begin = kMagic.size() + 2 + length_bytes;
  const auto length = static_cast<int64_t>(LittleEndian(bytes.substr(kMagic.size() + 2, length_bytes)));
  *data_begin = static_cast<int64_t>(begin) + length;
  if (length > kHeaderBytesMax || *data_begin > listed.size_bytes) return Damaged(listed, "has no whole .npy header");
  if (*data_begin <= first->size()) return std::string(bytes.substr(begin, static_cast<size_t>(length)));
  ARROW_ASSIGN_OR_RAISE(const auto all, file.ReadAt(static_cast<int64_t>(begin), length));
  return std::string(std::string_view(*all));
}

}  // namespace

int64_t NpyHeader::row_values() const {
  int64_t values = 1;
  for (size_t axis = 1; axis < shape.size(); ++axis) values *= shape[axis];
  return values;
}

Result<NpyHeader> ReadNpyHeader(arrow::io::RandomAccessFile& file, const ListedFile& listed) {
  NpyHeader header;
  ARROW_ASSIGN_OR_RAISE(const std::string text, HeaderOf(file, listed, &header.data_begin));
  HeaderText dict(text);
  if (!dict.Parse()) return Damaged(listed, "has a .npy header that cannot be read");
  const std::string& descr = dict.descr();
  header.type = descr.empty() ? nullptr : TypeOf(std::string_view(descr).substr(1));
  if (header.type == nullptr) {
    return MakeError(ErrorKind::kInvalidArgument, "file " + listed.path + " has values of the numpy type '" + descr +
                                                      "'; read_numpy() reads numbers and bools; use from_numpy(numpy.load(path)), or save it as another type");
  }
  header.value_bytes = header.type->id() == arrow::Type::BOOL ? 1 : header.type->bit_width() / 8;
  header.swapped = descr[0] == '>';
  header.shape = dict.shape().empty() ? std::vector<int64_t>{1} : dict.shape();
  const auto long_axes = std::count_if(header.shape.begin(), header.shape.end(), [](int64_t length) { return length != 1; });
  header.fortran_order = dict.fortran_order() && long_axes > 1;
  NpyHeader row = header;
  row.shape[0] = 1;
  const auto bytes = BytesOf(header), row_bytes = BytesOf(row);
  if (!bytes || *bytes > listed.size_bytes - header.data_begin) return Damaged(listed, "ends at byte " + std::to_string(listed.size_bytes) + ", before its array does");
  if (!row_bytes || *row_bytes > std::numeric_limits<int32_t>::max()) {
    return MakeError(ErrorKind::kInvalidArgument, "file " + listed.path + " has rows of more than the 2 GB that a value can have; save it with more and smaller ones");
  }
  if (*row_bytes == 0 && header.rows() > kEmptyRowsMax) return Damaged(listed, "has " + std::to_string(header.rows()) + " rows without values");
  return header;
}

}  // namespace millstream
