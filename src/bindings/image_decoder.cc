#include "format/images/image_decoder.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <cstring>
#include <tuple>

#include "bindings/interpreter.h"
#include "bindings/python_error.h"
#include "bindings/register.h"

namespace nb = nanobind;

namespace millstream {
namespace {

/// NotImplementedError tells of a whole picture. Without Pillow, and at Ctrl-C, it is not the picture's fault.
Status StatusOf(const nb::python_error& error) {
  if (error.matches(PyExc_MemoryError)) return Status::OutOfMemory("Pillow has no memory for the picture; give a smaller max_pixels, or more memory");
  const Status status = StatusOfException(nb::borrow(error.value()));
  if (error.matches(PyExc_NotImplementedError)) return MakeError(ErrorKind::kInvalidArgument, status.message());
  return error.matches(PyExc_ImportError) || !error.matches(PyExc_Exception) ? status : Status::Invalid(status.message());
}

/// What `use` makes of the answer of a function of python/millstream/pillow_images.py.
template <typename Use>
auto Ask(const char* function, const char* format, std::string_view bytes, const Use& use) -> decltype(use(nb::object())) {
  const AcquireGil acquire;
  try {
    return use(nb::module_::import_("millstream.pillow_images").attr(function)(format, nb::bytes(bytes.data(), bytes.size())));
  } catch (const nb::python_error& error) {
    return StatusOf(error);
  } catch (const nb::cast_error&) {
    return Status::Invalid("its sides are too large");
  }
}

/// (height, width, channels).
ImageShape ShapeOf(nb::handle answer) {
  const auto [height, width, channels] = nb::cast<std::tuple<int64_t, int64_t, int>>(answer);
  return {height, width, channels};
}

class PillowDecoder final : public ImageDecoder {
 public:
  Result<ImageShape> Shape(const char* format, std::string_view bytes) const override {
    return Ask("image_shape", format, bytes, [](const nb::object& shape) -> Result<ImageShape> { return ShapeOf(shape); });
  }
  Status Decode(const char* format, std::string_view bytes, const ImageShape& shape, uint8_t* out) const override {
    return Ask("image_pixels", format, bytes, [&](const nb::object& decoded) {
      const auto pixels = nb::cast<nb::bytes>(decoded[1]);
      if (ShapeOf(decoded[0]) != shape || pixels.size() != static_cast<size_t>(shape.bytes())) return Status::Invalid("its pixels are not as many as it tells");
      std::memcpy(out, pixels.data(), pixels.size());
      return Status::OK();
    });
  }
};

}  // namespace

void RegisterImageDecoder() {
  static const PillowDecoder decoder;
  SetImageDecoder(&decoder);
}

}  // namespace millstream
