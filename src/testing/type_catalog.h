#pragma once
/// Every Arrow type that data may come in, for tests that must hold for all of them.

#include <arrow/extension_type.h>
#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

namespace millstream::testing_support {

/// Types without children, dictionaries or extensions: all widths, units and variants.
std::vector<std::shared_ptr<arrow::DataType>> FlatTypes();
/// Lists, structs, maps and unions of flat types, and of each other, up to three deep.
std::vector<std::shared_ptr<arrow::DataType>> NestedTypes();
/// Dictionaries, run-end encoding and extension types, alone and inside nested types.
std::vector<std::shared_ptr<arrow::DataType>> EncodedTypes();
/// All of the above.
std::vector<std::shared_ptr<arrow::DataType>> EveryType();

/// An extension type that nobody registered, of two fields.
std::shared_ptr<arrow::DataType> UnregisteredType();

}  // namespace millstream::testing_support
