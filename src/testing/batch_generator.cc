#include "testing/batch_generator.h"

#include <arrow/util/bit_util.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "base/random.h"
#include "testing/type_catalog.h"

namespace millstream::testing_support {
namespace {

using arrow::ArrayData;
using arrow::Buffer;
using arrow::DataType;
using arrow::Type;
using Data = std::shared_ptr<ArrayData>;
using TypePtr = std::shared_ptr<DataType>;

template <typename T>
std::shared_ptr<Buffer> BufferOf(const std::vector<T>& values) {
  return Buffer::FromString(std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
}

class Generator {
 public:
  explicit Generator(const ArrayOptions& options) : options_(options), state_(Mix64(options.seed + 1)) {}

  // `rows` rows of `type`, cut out of more when arrays are to be sliced.
  Data Make(const TypePtr& type, int64_t rows, bool nullable) {
    const int64_t before = options_.sliced ? 1 + static_cast<int64_t>(Below(12)) : 0;
    const int64_t after = options_.sliced ? static_cast<int64_t>(Below(4)) : 0;
    auto data = MakeWhole(type, before + rows + after, nullable);
    return options_.sliced ? data->Slice(before, rows) : data;
  }

 private:
  uint64_t Next() { return Mix64(state_ += 0x9e3779b97f4a7c15ULL); }
  uint64_t Below(uint64_t bound) { return bound == 0 ? 0 : Next() % bound; }
  bool Chance(double share) { return static_cast<double>(Next() >> 11) * 0x1.0p-53 < share; }

  std::shared_ptr<Buffer> Validity(int64_t rows, bool nullable, int64_t* null_count) {
    const double share = nullable ? options_.null_share : 0;
    std::vector<uint8_t> bits(arrow::bit_util::BytesForBits(rows) + 1, options_.sliced ? 0xA5 : 0);
    *null_count = 0;
    for (int64_t i = 0; i < rows; ++i) {
      const bool null = Chance(share);
      *null_count += null;
      arrow::bit_util::SetBitTo(bits.data(), i, !null);
    }
    if (*null_count > 0 && Chance(0.5)) *null_count = arrow::kUnknownNullCount;
    return *null_count == 0 && !options_.bitmap_without_nulls ? nullptr : BufferOf(bits);
  }

  Data MakeWhole(const TypePtr& type, int64_t rows, bool nullable) {
    switch (type->id()) {
      case Type::NA: return ArrayData::Make(type, rows, {nullptr}, rows);
      case Type::EXTENSION: return Extension(type, rows, nullable);
      case Type::DICTIONARY: return Dictionary(type, rows, nullable);
      case Type::RUN_END_ENCODED: return RunEnds(type, rows, nullable);
      case Type::SPARSE_UNION:
      case Type::DENSE_UNION: return Union(type, rows);
      default: return WithValidity(type, rows, nullable);
    }
  }

  Data WithValidity(const TypePtr& type, int64_t rows, bool nullable) {
    int64_t null_count = 0;
    auto validity = Validity(rows, nullable, &null_count);
    auto data = Values(type, rows);
    data->buffers[0] = std::move(validity);
    data->SetNullCount(null_count);
    return data;
  }

  Data Values(const TypePtr& type, int64_t rows) {
    switch (type->id()) {
      case Type::BOOL: return ArrayData::Make(type, rows, {nullptr, Bytes(arrow::bit_util::BytesForBits(rows))});
      case Type::STRING:
      case Type::BINARY: return Binary<int32_t>(type, rows);
      case Type::LARGE_STRING:
      case Type::LARGE_BINARY: return Binary<int64_t>(type, rows);
      case Type::STRING_VIEW:
      case Type::BINARY_VIEW: return Views(type, rows);
      case Type::LIST:
      case Type::MAP: return List<int32_t>(type, rows);
      case Type::LARGE_LIST: return List<int64_t>(type, rows);
      case Type::LIST_VIEW: return ListView<int32_t>(type, rows);
      case Type::LARGE_LIST_VIEW: return ListView<int64_t>(type, rows);
      case Type::FIXED_SIZE_LIST: {
        const int64_t size = static_cast<const arrow::FixedSizeListType&>(*type).list_size();
        return ArrayData::Make(type, rows, {nullptr}, {Child(type, 0, rows * size)});
      }
      case Type::STRUCT: return Struct(type, rows);
      default: return Fixed(type, rows);
    }
  }

  Data Child(const TypePtr& type, int i, int64_t rows) {
    return Make(type->field(i)->type(), rows, type->field(i)->nullable());
  }

  std::shared_ptr<Buffer> Bytes(int64_t count) {
    std::vector<uint8_t> bytes(count);
    for (auto& byte : bytes) byte = static_cast<uint8_t>(Next());
    return BufferOf(bytes);
  }

  // A word to make a value from; few of them when rows are to repeat.
  uint64_t Word() { return options_.distinct > 0 ? Mix64(Below(options_.distinct)) : Next(); }

  int64_t TicksOfDay(arrow::TimeUnit::type unit) {
    constexpr int64_t kTicks[] = {1, 1000, 1000000, 1000000000};
    return 86400 * kTicks[static_cast<int>(unit)];
  }

  // The value as ValidateFull wants it; the rest of the bytes repeats the word.
  void FixedValue(const DataType& type, int64_t width, uint8_t* out) {
    const uint64_t word = Word();
    for (int64_t k = 0; k < width; ++k) {
      out[k] = static_cast<uint8_t>(Mix64(word + static_cast<uint64_t>(k / 8)) >> (8 * (k % 8)));
    }
    const auto put = [&](int64_t value) { std::memcpy(out, &value, static_cast<size_t>(std::min<int64_t>(width, 8))); };
    switch (type.id()) {
      case Type::DATE64: return put(static_cast<int64_t>(word % 40000) * 86400000);
      case Type::TIME32:
      case Type::TIME64:
        return put(static_cast<int64_t>(word % TicksOfDay(static_cast<const arrow::TimeType&>(type).unit())));
      case Type::DECIMAL32: return put(static_cast<int64_t>(word % 19999999) - 9999999);
      case Type::DECIMAL64: return put(static_cast<int64_t>(word % 1000000000000000) - 500000000000000);
      case Type::DECIMAL128: return arrow::Decimal128(static_cast<int64_t>(word) % 1000000000).ToBytes(out);
      case Type::DECIMAL256: {
        const auto bytes = arrow::Decimal256(static_cast<int64_t>(word)).ToBytes();
        std::memcpy(out, bytes.data(), bytes.size());
        return;
      }
      default: return;
    }
  }

  Data Fixed(const TypePtr& type, int64_t rows) {
    const int64_t width = type->bit_width() / 8;
    std::vector<uint8_t> bytes(rows * width + 16);
    for (int64_t i = 0; i < rows && width > 0; ++i) FixedValue(*type, width, bytes.data() + i * width);
    return ArrayData::Make(type, rows, {nullptr, BufferOf(bytes)});
  }

  // Up to 40 bytes, often none, with characters of one to four bytes.
  std::string Text() {
    static const std::string kCharacters[] = {"a", "B", "7", " ", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\xA6\x80"};
    uint64_t word = Word();
    std::string text;
    if (word % 5 == 0) return text;
    for (uint64_t left = word % 14; left > 0; --left) text += kCharacters[(word = Mix64(word + left)) % 7];
    return text;
  }

  template <typename Offset>
  Data Binary(const TypePtr& type, int64_t rows) {
    std::string data = Text();
    std::vector<Offset> offsets = {static_cast<Offset>(data.size())};
    for (int64_t i = 0; i < rows; ++i) {
      data += Text();
      offsets.push_back(static_cast<Offset>(data.size()));
    }
    return ArrayData::Make(type, rows, {nullptr, BufferOf(offsets), Buffer::FromString(data + "tail")});
  }

  Data Views(const TypePtr& type, int64_t rows) {
    std::string pools[2] = {"x", "yz"};
    std::vector<arrow::BinaryViewType::c_type> views(rows);
    if (rows > 0) std::memset(views.data(), 0, rows * sizeof(views[0]));
    for (int64_t i = 0; i < rows; ++i) {
      const std::string text = Text();
      const int32_t size = static_cast<int32_t>(text.size());
      const int32_t pool = static_cast<int32_t>(Below(2));
      views[i].inlined.size = size;
      if (size <= arrow::BinaryViewType::kInlineSize) {
        std::memcpy(views[i].inlined.data.data(), text.data(), text.size());
        continue;
      }
      std::memcpy(views[i].ref.prefix.data(), text.data(), 4);
      views[i].ref.buffer_index = pool;
      views[i].ref.offset = static_cast<int32_t>(pools[pool].size());
      pools[pool] += text;
      if (i > 0 && Chance(0.2)) views[i] = views[i - 1];
    }
    return ArrayData::Make(type, rows,
                           {nullptr, BufferOf(views), Buffer::FromString(pools[0]), Buffer::FromString(pools[1])});
  }

  template <typename Offset>
  Data List(const TypePtr& type, int64_t rows) {
    std::vector<Offset> offsets = {static_cast<Offset>(Below(3))};
    for (int64_t i = 0; i < rows; ++i) offsets.push_back(offsets.back() + static_cast<Offset>(Below(2) * Below(5)));
    return ArrayData::Make(type, rows, {nullptr, BufferOf(offsets)}, {Child(type, 0, offsets.back() + 2)});
  }

  template <typename Offset>
  Data ListView(const TypePtr& type, int64_t rows) {
    const int64_t elements = 2 * rows + 5;
    std::vector<Offset> offsets, sizes;
    for (int64_t i = 0; i < rows; ++i) {
      sizes.push_back(static_cast<Offset>(Below(2) * Below(5)));
      offsets.push_back(static_cast<Offset>(Below(elements - sizes.back() + 1)));
    }
    return ArrayData::Make(type, rows, {nullptr, BufferOf(offsets), BufferOf(sizes)}, {Child(type, 0, elements)});
  }

  Data Struct(const TypePtr& type, int64_t rows) {
    std::vector<Data> children;
    for (int i = 0; i < type->num_fields(); ++i) children.push_back(Child(type, i, rows));
    return ArrayData::Make(type, rows, {nullptr}, std::move(children));
  }

  Data Union(const TypePtr& type, int64_t rows) {
    const auto& codes = static_cast<const arrow::UnionType&>(*type).type_codes();
    std::vector<int8_t> chosen;
    std::vector<int32_t> offsets;
    std::vector<Data> children;
    const bool dense = type->id() == Type::DENSE_UNION;
    const int64_t child_rows = dense ? rows / 2 + 3 : rows;
    for (int64_t i = 0; i < rows; ++i) {
      chosen.push_back(codes[Below(codes.size())]);
      offsets.push_back(static_cast<int32_t>(i * child_rows / std::max<int64_t>(rows, 1)));
    }
    for (int i = 0; i < type->num_fields(); ++i) children.push_back(Child(type, i, child_rows));
    std::vector<std::shared_ptr<Buffer>> buffers = {nullptr, BufferOf(chosen)};
    if (dense) buffers.push_back(BufferOf(offsets));
    return ArrayData::Make(type, rows, std::move(buffers), std::move(children), 0);
  }

  template <typename Index>
  std::shared_ptr<Buffer> Codes(int64_t rows, int64_t values) {
    std::vector<Index> codes;
    for (int64_t i = 0; i < rows; ++i) codes.push_back(static_cast<Index>(Below(values)));
    return BufferOf(codes);
  }

  std::shared_ptr<Buffer> CodesOf(int width, int64_t rows, int64_t values) {
    if (width == 1) return Codes<uint8_t>(rows, values);
    if (width == 2) return Codes<uint16_t>(rows, values);
    return width == 4 ? Codes<uint32_t>(rows, values) : Codes<uint64_t>(rows, values);
  }

  // Values repeat and may be null.
  Data Dictionary(const TypePtr& type, int64_t rows, bool nullable) {
    const auto& dictionary = static_cast<const arrow::DictionaryType&>(*type);
    const int64_t values = 1 + static_cast<int64_t>(Below(20));
    int64_t null_count = 0;
    auto validity = Validity(rows, nullable, &null_count);
    auto codes = CodesOf(dictionary.index_type()->bit_width() / 8, rows, values);
    auto data = ArrayData::Make(type, rows, {std::move(validity), std::move(codes)}, null_count);
    data->dictionary = Make(dictionary.value_type(), values, nullable);
    return data;
  }

  template <typename RunEnd>
  std::shared_ptr<Buffer> Ends(const std::vector<int64_t>& ends) {
    return BufferOf(std::vector<RunEnd>(ends.begin(), ends.end()));
  }

  Data RunEnds(const TypePtr& type, int64_t rows, bool nullable) {
    const auto& encoded = static_cast<const arrow::RunEndEncodedType&>(*type);
    std::vector<int64_t> ends;
    for (int64_t end = 0; end < rows;) ends.push_back(end = std::min(rows, end + 1 + static_cast<int64_t>(Below(4))));
    const int64_t runs = static_cast<int64_t>(ends.size());
    const int width = encoded.run_end_type()->bit_width() / 8;
    auto buffer = width == 2 ? Ends<int16_t>(ends) : width == 4 ? Ends<int32_t>(ends) : Ends<int64_t>(ends);
    auto run_ends = ArrayData::Make(encoded.run_end_type(), runs, {nullptr, std::move(buffer)}, 0);
    return ArrayData::Make(type, rows, {nullptr}, {std::move(run_ends), Make(encoded.value_type(), runs, nullable)}, 0);
  }

  Data Extension(const TypePtr& type, int64_t rows, bool nullable) {
    auto data = MakeWhole(static_cast<const arrow::ExtensionType&>(*type).storage_type(), rows, nullable);
    data->type = type;
    return data;
  }

  const ArrayOptions options_;
  uint64_t state_;
};

}  // namespace

std::shared_ptr<arrow::Array> RandomArray(const TypePtr& type, const ArrayOptions& options) {
  return arrow::MakeArray(Generator(options).Make(type, options.rows, true));
}

std::shared_ptr<arrow::RecordBatch> RandomBatch(const std::shared_ptr<arrow::Schema>& schema,
                                                const ArrayOptions& options) {
  std::vector<Data> columns;
  for (int i = 0; i < schema->num_fields(); ++i) {
    ArrayOptions column = options;
    column.seed = Mix64(options.seed + static_cast<uint64_t>(i));
    columns.push_back(Generator(column).Make(schema->field(i)->type(), options.rows, schema->field(i)->nullable()));
  }
  return arrow::RecordBatch::Make(schema, options.rows, std::move(columns));
}

std::shared_ptr<arrow::Schema> EverySchema() {
  arrow::FieldVector fields;
  for (const auto& type : EveryType()) fields.push_back(arrow::field("c" + std::to_string(fields.size()), type));
  return arrow::schema(std::move(fields));
}

std::vector<ArrayOptions> ArrayShapes() {
  return {{.rows = 100, .null_share = 0, .seed = 1},
          {.rows = 77, .null_share = 0, .bitmap_without_nulls = true, .seed = 2},
          {.rows = 101, .null_share = 0.1, .seed = 3},
          {.rows = 130, .null_share = 0.1, .sliced = true, .seed = 4},
          {.rows = 65, .null_share = 0, .sliced = true, .bitmap_without_nulls = true, .seed = 5},
          {.rows = 40, .null_share = 1, .seed = 6},
          {.rows = 33, .null_share = 1, .sliced = true, .seed = 7},
          {.rows = 0, .null_share = 0.1, .seed = 8},
          {.rows = 0, .null_share = 0.1, .sliced = true, .seed = 9},
          {.rows = 1, .null_share = 0.5, .seed = 10},
          {.rows = 120, .null_share = 0.3, .sliced = true, .distinct = 3, .seed = 11}};
}

}  // namespace millstream::testing_support
