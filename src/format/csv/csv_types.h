#pragma once
/// The types of columns whose values are text, as some of the rows tell.

#include <arrow/type.h>

#include <memory>
#include <string_view>

#include "format/csv/csv_options.h"

namespace millstream {

/// Of the rows of `text`, which has whole rows only.
Result<std::shared_ptr<arrow::Schema>> TypesOfCsvRows(std::string_view text, const std::vector<std::string>& names, const CsvOptions& options);

/// The type that values of both are: the wider one of numbers, dates and times; text where there is none.
std::shared_ptr<arrow::DataType> CommonCsvType(const std::shared_ptr<arrow::DataType>& a, const std::shared_ptr<arrow::DataType>& b);

}  // namespace millstream
