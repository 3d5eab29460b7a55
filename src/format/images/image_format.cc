#include "format/images/image_format.h"

#include <arrow/array.h>
#include <arrow/extension/fixed_shape_tensor.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "format/images/other_image.h"
#include "format/schema_bytes.h"
#include "ops/conform_batch.h"
#include "ops/tensor_shapes.h"
#include "task/for_each.h"

namespace millstream {
namespace {

constexpr const char* kName = "read_images";
constexpr size_t kSampleFiles = 64;
constexpr int64_t kHeaderBytes = 16 << 10;

std::shared_ptr<arrow::DataType> TypeOf(const ImageShape& shape) {
  std::vector<int64_t> sides = {shape.height, shape.width};
  if (shape.channels > 1) sides.push_back(shape.channels);
  return arrow::extension::fixed_shape_tensor(arrow::uint8(), sides);
}

std::shared_ptr<arrow::Schema> SchemaOf(std::shared_ptr<arrow::DataType> type) { return arrow::schema({arrow::field("image", std::move(type))}); }

/// What is not the picture's fault, such as an exception of a decoder, is told as it is.
Status OfFile(const ListedFile& listed, const Status& status) { return IsBadData(status) || status.IsOutOfMemory() ? WithContext(status, "file " + listed.path) : status; }

}  // namespace

Result<std::shared_ptr<const ImageFormat>> ImageFormat::Make(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ImageOptions options, Scheduler* scheduler, BadFiles* bad) {
  ARROW_RETURN_NOT_OK(CheckSize(options));
  std::shared_ptr<ImageFormat> format(new ImageFormat(std::move(env), std::move(files), options));
  ARROW_RETURN_NOT_OK(format->FindSchema(scheduler, bad));
  return format;
}

Result<std::vector<ImageShape>> ImageFormat::ShapesOf(const std::vector<size_t>& files, Scheduler* scheduler) const {
  std::vector<ImageShape> shapes(files.size());
  ARROW_RETURN_NOT_OK(ForEach(scheduler, static_cast<int64_t>(files.size()), [&](int64_t i) {
    const ListedFile& listed = (*files_)[files[static_cast<size_t>(i)]];
    ARROW_ASSIGN_OR_RAISE(const auto file, OpenListed(*env_, listed, arrow::default_memory_pool(), kName));
    // What a camera writes before the picture may be longer than what is looked at first.
    for (const int64_t bytes : {std::min(kHeaderBytes, listed.size_bytes), listed.size_bytes}) {
      ARROW_ASSIGN_OR_RAISE(const auto head, file->ReadAt(0, bytes));
      if (bytes < listed.size_bytes && NeedsWholeFile(std::string_view(*head))) continue;
      auto shape = ImageShapeOf(std::string_view(*head), options_);
      if (shape.ok()) shapes[static_cast<size_t>(i)] = *shape;
      else if (!IsBadData(shape.status())) return OfFile(listed, shape.status());
      if (shape.ok() || KindOf(shape.status()) != ErrorKind::kCorruptData || !IsImage(std::string_view(*head))) break;
    }
    return Status::OK();
  }));
  return shapes;
}

Status ImageFormat::FindSchema(Scheduler* scheduler, BadFiles* bad) {
  std::vector<size_t> sample(std::min(kSampleFiles, files_->size()));
  for (size_t i = 0; i < sample.size(); ++i) sample[i] = i * files_->size() / sample.size();
  ARROW_ASSIGN_OR_RAISE(auto shapes, ShapesOf(sample, scheduler));
  const auto known = [](const ImageShape& shape) { return shape.channels > 0; };
  const auto first = std::find_if(shapes.begin(), shapes.end(), known);
  if (first == shapes.end()) {
    // Reading tells why.
    schema_ = SchemaOf(TypeOf({1, 1, 3}));
    return Status::OK();
  }
  const ImageShape shape = *first;
  const auto differs = [&](const ImageShape& other) { return known(other) && other != shape; };
  const bool is_given = options_.resizes() && options_.mode != ImageMode::kAsStored;
  if (!is_given && std::none_of(shapes.begin(), shapes.end(), differs) && sample.size() < files_->size()) {
    sample.resize(files_->size());
    std::iota(sample.begin(), sample.end(), size_t{0});
    ARROW_RETURN_NOT_OK(ShapesOf(sample, scheduler).Value(&shapes));
  }
  schema_ = SchemaOf(TypeOf(shape));
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!differs(shapes[i])) continue;
    if ((shapes[i].channels == 1) != (shape.channels == 1)) {
      ARROW_RETURN_NOT_OK(Noted(bad, sample[i], MakeError(ErrorKind::kInvalidArgument, "read_images: some pictures are gray and others in colour, such as file " + (*files_)[sample[i]].path +
                                                                                           "; give a mode: mode=\"RGB\" or mode=\"L\"")));
      continue;
    }
    schema_ = SchemaOf(CommonTensorType(*schema_->field(0)->type(), *TypeOf(shapes[i])));
  }
  return bad == nullptr ? Status::OK() : bad->first();
}

Result<std::shared_ptr<arrow::RecordBatchReader>> ImageFormat::Read(const FileRange& range, arrow::MemoryPool* pool, BadParts* bad) const {
  const ListedFile& listed = (*files_)[range.file];
  if (listed.size_bytes > std::numeric_limits<int32_t>::max()) return MakeError(ErrorKind::kInvalidArgument, "file " + listed.path + " has more than the 2 GB that a picture's file may have");
  ARROW_ASSIGN_OR_RAISE(const auto file, OpenListed(*env_, listed, pool, kName));
  ARROW_ASSIGN_OR_RAISE(const auto bytes, file->ReadAt(0, listed.size_bytes));
  auto read = ReadImage(std::string_view(*bytes), options_, pool);
  if (!read.ok()) return OfFile(listed, read.status());
  const auto type = TypeOf(read->shape);
  auto values = arrow::ArrayData::Make(arrow::uint8(), read->shape.bytes(), {nullptr, std::move(read->bytes)}, 0);
  auto image = arrow::MakeArray(arrow::ArrayData::Make(type, 1, {nullptr}, {std::move(values)}, 0));
  auto batch = arrow::RecordBatch::Make(SchemaOf(type), 1, {std::move(image)});
  auto conformed = ConformBatch(kReader, batch, schema_, pool);
  if (!conformed.ok() && KindOf(conformed.status()) == ErrorKind::kType) {
    return MakeError(ErrorKind::kInvalidArgument, "file " + listed.path + " is a picture of " + type->ToString() + ", which the others, of " + schema_->field(0)->type()->ToString() +
                                                      ", did not let expect; give size and mode");
  }
  ARROW_RETURN_NOT_OK(conformed.status());
  return arrow::RecordBatchReader::Make({std::move(*conformed)}, schema_);
}

Status ImageFormat::Write(ByteWriter* out) const {
  out->Number<int64_t>(options_.height);
  out->Number<int64_t>(options_.width);
  out->Number<uint8_t>(static_cast<uint8_t>(options_.mode));
  out->Number<int64_t>(options_.pixels_max);
  return WriteSchema(*schema_, out);
}

Result<std::shared_ptr<const ImageFormat>> ImageFormat::Read(std::shared_ptr<Env> env, std::shared_ptr<const std::vector<ListedFile>> files, ByteReader* in) {
  ImageOptions options;
  ARROW_ASSIGN_OR_RAISE(options.height, in->Number<int64_t>());
  ARROW_ASSIGN_OR_RAISE(options.width, in->Number<int64_t>());
  ARROW_ASSIGN_OR_RAISE(const auto mode, in->Number<uint8_t>());
  ARROW_ASSIGN_OR_RAISE(options.pixels_max, in->Number<int64_t>());
  const bool sized = options.height > 0 && options.width > 0;
  if (mode > static_cast<uint8_t>(ImageMode::kRgba) || (!sized && (options.height != 0 || options.width != 0))) return in->Damaged();
  if (!CheckSize(options).ok()) return in->Damaged();
  options.mode = static_cast<ImageMode>(mode);
  std::shared_ptr<ImageFormat> format(new ImageFormat(std::move(env), std::move(files), options));
  ARROW_ASSIGN_OR_RAISE(format->schema_, ReadSchema(in));
  return format;
}

}  // namespace millstream
