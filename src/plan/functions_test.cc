#include "plan/functions.h"

#include <arrow/compute/api.h>
#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>

namespace millstream {
namespace {

TEST(Functions, EveryAllowedFunctionIsOneThatArrowHas) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  for (const auto& name : arrow::compute::GetFunctionRegistry()->GetFunctionNames()) {
    const FunctionEntry* entry = FindFunction(name);
    if (entry == nullptr) continue;
    const auto function = *arrow::compute::GetFunctionRegistry()->GetFunction(name);
    // A cast is chosen by its options among the scalar functions for each type.
    EXPECT_EQ(function->kind(), name == "cast" ? arrow::compute::Function::META : arrow::compute::Function::SCALAR) << name;
    EXPECT_LE(function->arity().num_args, entry->arguments_max) << name;
    if (!function->arity().is_varargs) EXPECT_EQ(function->arity().num_args, entry->arguments_min) << name;
  }
  EXPECT_EQ(FindFunction("random"), nullptr);
}

TEST(Functions, AnUnknownOperatorNamesTheNearOne) {
  const Status status = CallOperator("starts_wit", {ColumnExpression("a")}).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument);
  EXPECT_NE(status.message().find("did you mean 'starts_with'"), std::string::npos);
}

TEST(Functions, OptionsAreCheckedByName) {
  const auto a = ColumnExpression("a");
  EXPECT_TRUE(CallOperator("round", {a}, {{"ndigits", int64_t{2}}}).ok());
  EXPECT_TRUE(CallOperator("round", {a}).ok());
  EXPECT_EQ(KindOf(CallOperator("round", {a}, {{"ndigits", std::string("2")}}).status()), ErrorKind::kType);
  EXPECT_EQ(KindOf(CallOperator("round", {a}, {{"digits", int64_t{2}}}).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(CallOperator("is_in", {a}).status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(CallOperator("floor_divide", {a}).status()), ErrorKind::kInvalidArgument);
}

TEST(Functions, OptionsThatAPlanIsTooOldToHaveTakeTheirDefaults) {
  const auto a = ColumnExpression("a");
  const FunctionEntry* center = FindFunction("utf8_center");
  const auto old = MakeCall(*center, {a->tree()}, std::vector<OptionValue>{int64_t{3}, std::string("-")});
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_TRUE(old->Equals((*CallOperator("center", {a}, {{"width", int64_t{3}}, {"padding", std::string("-")}}))->tree()));
  const std::vector<OptionValue> too_many = {int64_t{3}, std::string("-"), true, true};
  EXPECT_EQ(KindOf(MakeCall(*center, {a->tree()}, too_many).status()), ErrorKind::kInvalidArgument);
}

TEST(Functions, AnOperatorTellsArrowsNameOfIt) {
  EXPECT_EQ(*ArrowFunctionOf("upper"), "utf8_upper");
  EXPECT_EQ(KindOf(ArrowFunctionOf("not_in").status()), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(ArrowFunctionOf("uper").status()), ErrorKind::kInvalidArgument);
}

TEST(Functions, ATreeThatSharesItsPartsIsMeasuredInFullButNotWalkedForEver) {
  auto tree = ColumnExpression("a")->tree();
  for (int i = 0; i < 60; ++i) tree = arrow::compute::call("add_checked", {tree, tree});
  EXPECT_EQ(KindOf(CheckSize(tree)), ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace millstream
