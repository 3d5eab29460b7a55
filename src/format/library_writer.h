#pragma once
/// Files that Arrow writes a batch at a time.

#include <arrow/ipc/writer.h>

#include <functional>
#include <memory>

#include "format/file_sink.h"
#include "format/file_writer.h"

namespace millstream {

/// kType: the column has no form in files of a format.
Status NoForm(const arrow::Field& field, const char* format);
/// kInvalidArgument for a schema without columns, whose rows would be lost.
Status CheckHasColumns(const arrow::Schema& schema, const char* format);

/// The storage form of a column, and texts and bytes that are views as plain ones.
std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type);
Result<std::shared_ptr<arrow::ArrayData>> ToPlain(const std::shared_ptr<arrow::ArrayData>& data, arrow::MemoryPool* pool);

/// Whether some part of the type is a dictionary; whether its plain form is another.
bool HasDictionary(const std::shared_ptr<arrow::DataType>& type);
bool IsEncoded(const std::shared_ptr<arrow::DataType>& type);

/// Makes the library's writer, which does not close the stream.
using OpenLibraryWriter = std::function<Result<std::shared_ptr<arrow::ipc::RecordBatchWriter>>(arrow::io::OutputStream* sink, const std::shared_ptr<arrow::Schema>& schema)>;

/// Columns of types that are `decoded` are written in their plain form. Batches are given to the library about a mebibyte at a time.
Result<std::unique_ptr<FileWriter>> OpenBatchWriter(Env& env, const FileToWrite& file, arrow::Compression::type compression,
                                                    bool (*decoded)(const std::shared_ptr<arrow::DataType>&), const OpenLibraryWriter& open);

}  // namespace millstream
