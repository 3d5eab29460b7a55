#pragma once
/// The byte form of an expression inside a serialised plan (plan_serial.h holds the version).
///
/// A term is a tag (uint8) and its parts: 0 a column (name), 1 a literal (an Arrow IPC stream of one value), 2 a call: the Arrow function's name, the number of
/// options (uint8, 255 for a function that takes none) and each with a tag of its own, the number of arguments (uint32) and those terms. Strings are
/// length-prefixed. Only functions of functions.h are taken, so that bytes cannot reach anything else; depth and number of terms are limited.

#include "base/byte_codec.h"
#include "plan/expression.h"

namespace millstream {

/// kInvalidArgument for an expression that holds something no operator of functions.h makes.
Status WriteExpression(const Expression& expression, ByteWriter* out);

/// kCorruptData for bytes that are not an expression, kInvalidArgument for a function that this library does not know.
Result<ExpressionPtr> ReadExpression(ByteReader* in);

}  // namespace millstream
