#pragma once
/// Schemas inside a plan that travels, in the form of Arrow's IPC.

#include <arrow/type.h>

#include <memory>

#include "base/byte_codec.h"

namespace millstream {

Status WriteSchema(const arrow::Schema& schema, ByteWriter* out);
/// kCorruptData for bytes that are none.
Result<std::shared_ptr<arrow::Schema>> ReadSchema(ByteReader* in);

}  // namespace millstream
