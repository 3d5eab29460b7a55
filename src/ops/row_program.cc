#include "ops/row_program.h"

#include <algorithm>

namespace millstream {
namespace {

std::vector<int> InputsOf(const Expression& expression, const arrow::Schema& schema) {
  std::vector<int> inputs;
  for (const std::string& name : expression.columns()) inputs.push_back(schema.GetFieldIndex(name));
  return inputs;
}

/// The schema of just these fields: what the expression is evaluated on.
std::shared_ptr<arrow::Schema> Narrowed(const arrow::Schema& schema, const std::vector<int>& inputs) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (int input : inputs) fields.push_back(schema.field(input));
  return arrow::schema(std::move(fields));
}

Result<OutputColumn> MakeColumn(const arrow::Schema& schema, const std::string& name, const Expression& expression) {
  OutputColumn column;
  ARROW_ASSIGN_OR_RAISE(const auto checked, Bind(expression, schema));
  column.inputs = InputsOf(expression, schema);
  const std::string bare = expression.bare_column();
  if (!bare.empty()) {
    column.passthrough = schema.GetFieldIndex(bare);
    column.field = schema.field(column.passthrough)->WithName(name);
    return column;
  }
  ARROW_ASSIGN_OR_RAISE(column.expression, Bind(expression, *Narrowed(schema, column.inputs)));
  column.field = arrow::field(name, TypeOf(*column.expression));
  return column;
}

}  // namespace

Result<std::shared_ptr<const RowProgram>> RowProgram::Make(std::shared_ptr<arrow::Schema> input, ExpressionPtr filter,
                                                           const std::vector<std::pair<std::string, ExpressionPtr>>& columns) {
  auto program = std::make_shared<RowProgram>();
  program->input = std::move(input);
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const auto& [name, expression] : columns) {
    ARROW_ASSIGN_OR_RAISE(auto column, MakeColumn(*program->input, name, *expression));
    fields.push_back(column.field);
    program->columns.push_back(std::move(column));
  }
  program->output = arrow::schema(std::move(fields), program->input->metadata());
  if (filter != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto checked, Bind(*filter, *program->input));
    if (TypeOf(*checked)->id() != arrow::Type::BOOL) {
      return MakeError(ErrorKind::kType, "a filter must be true or false for each row; " + filter->ToString() + " gives " + TypeOf(*checked)->ToString());
    }
    program->filter_inputs = InputsOf(*filter, *program->input);
    ARROW_ASSIGN_OR_RAISE(program->filter, Bind(*filter, *Narrowed(*program->input, program->filter_inputs)));
  }
  return program;
}

Result<std::shared_ptr<const RowProgram>> RowProgram::PassThrough(std::shared_ptr<arrow::Schema> input) {
  std::vector<std::pair<std::string, ExpressionPtr>> columns;
  for (const auto& field : input->fields()) columns.emplace_back(field->name(), ColumnExpression(field->name()));
  return Make(std::move(input), nullptr, columns);
}

std::shared_ptr<const RowProgram> RowProgram::Select(const RowProgram& program, const std::vector<int>& columns) {
  auto selected = std::make_shared<RowProgram>(program);
  selected->columns.clear();
  arrow::FieldVector fields;
  for (const int column : columns) {
    selected->columns.push_back(program.columns[column]);
    fields.push_back(program.output->field(column));
  }
  selected->output = arrow::schema(std::move(fields), program.output->metadata());
  return selected;
}

}  // namespace millstream
