/// Expressions: every operator by name, and the C++ forms of the common ones.

#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "api/test_rows.h"

namespace millstream {
namespace {

/// A row of each kind of column.
Dataset OneRow(const Context& context) {
  const auto lists = [](const arrow::ArrayVector& items) {
    arrow::ListBuilder builder(arrow::default_memory_pool(), std::make_shared<arrow::Int64Builder>());
    for (const auto& values : items) {
      EXPECT_TRUE(builder.Append().ok());
      for (int64_t i = 0; i < values->length(); ++i) EXPECT_TRUE(builder.value_builder()->AppendScalar(**values->GetScalar(i)).ok());
    }
    return std::shared_ptr<arrow::Array>(*builder.Finish());
  };
  const auto structs = *arrow::StructArray::Make({Integers({7}), Texts({"in"})}, std::vector<std::string>{"n", "s"});
  const auto time = *arrow::MakeArrayFromScalar(arrow::TimestampScalar(1'700'000'001'002'003'004, arrow::timestamp(arrow::TimeUnit::NANO)), 1);
  const auto items = *arrow::MapArray::FromArrays(std::make_shared<arrow::Int32Array>(2, arrow::Buffer::FromVector(std::vector<int32_t>{0, 1})), Texts({"k"}),
                                                  Integers({1}));
  const auto nested = *arrow::ListArray::FromArrays(*std::make_shared<arrow::Int32Array>(2, arrow::Buffer::FromVector(std::vector<int32_t>{0, 2})),
                                                    *lists({Integers({1, 2}), Integers({3})}));
  const auto fixed = *arrow::FixedSizeListArray::FromArrays(Integers({1, 2}), 2);
  return DatasetOf(context, {{"i", Integers({7})}, {"j", Integers({-2})}, {"x", Fractions({2.5})}, {"one", Fractions({1})}, {"s", Texts({"Ab c"})},
                             {"none", Integers({std::nullopt})}, {"t", time}, {"l", lists({Integers({3, 1, 2})})}, {"st", structs}, {"m", items},
                             {"ll", nested}, {"f", fixed}});
}

struct Case {
  const char* name;
  std::vector<Expr> arguments;
  CallOptions options;
  std::string expected;
};

std::vector<Case> Cases() {
  const Expr i = Column("i"), j = Column("j"), x = Column("x"), one = Column("one"), s = Column("s"), none = Column("none"), t = Column("t"), l = Column("l");
  const Expr yes = Literal(true), no = Literal(false);
  return {
      {"add", {i, j}, {}, "5"}, {"add", {s, Literal("!")}, {}, "Ab c!"}, {"subtract", {i, j}, {}, "9"}, {"multiply", {i, j}, {}, "-14"}, {"divide", {i, j}, {}, "-3"},
      {"floor_divide", {i, j}, {}, "-4"}, {"modulo", {i, j}, {}, "-1"}, {"power", {i, Literal(2)}, {}, "49"}, {"negate", {i}, {}, "-7"}, {"abs", {j}, {}, "2"},
      {"sign", {j}, {}, "-1"}, {"floor", {x}, {}, "2"}, {"ceil", {x}, {}, "3"}, {"trunc", {x}, {}, "2"}, {"round", {x}, {}, "2"},
      {"round", {Literal(1.25)}, {{"ndigits", 1}}, "1.2"}, {"sqrt", {Literal(9.0)}, {}, "3"}, {"exp", {Literal(0.0)}, {}, "1"}, {"ln", {one}, {}, "0"},
      {"log10", {Literal(100.0)}, {}, "2"}, {"log2", {Literal(8.0)}, {}, "3"}, {"sin", {Literal(0.0)}, {}, "0"}, {"cos", {Literal(0.0)}, {}, "1"},
      {"tan", {Literal(0.0)}, {}, "0"}, {"asin", {Literal(0.0)}, {}, "0"}, {"acos", {one}, {}, "0"}, {"atan", {Literal(0.0)}, {}, "0"},
      {"equal", {i, Literal(7)}, {}, "true"}, {"not_equal", {i, Literal(7)}, {}, "false"}, {"less", {i, j}, {}, "false"}, {"less_equal", {j, i}, {}, "true"},
      {"greater", {i, j}, {}, "true"}, {"greater_equal", {i, Literal(7.5)}, {}, "false"}, {"and", {yes, no}, {}, "false"}, {"or", {yes, no}, {}, "true"},
      {"xor", {yes, no}, {}, "true"}, {"not", {yes}, {}, "false"}, {"is_null", {none}, {}, "true"}, {"is_not_null", {none}, {}, "false"}, {"is_nan", {x}, {}, "false"},
      {"is_in", {i}, {{"value_set", Integers({1, 7})}}, "true"}, {"not_in", {i}, {{"value_set", Integers({1, 7})}}, "false"}, {"if_else", {no, i, j}, {}, "-2"},
      {"coalesce", {none, none, i}, {}, "7"}, {"fill_null", {none, j}, {}, "-2"}, {"cast", {x}, {{"type", arrow::int32()}, {"safe", false}}, "2"},
      {"upper", {s}, {}, "AB C"}, {"lower", {s}, {}, "ab c"}, {"capitalize", {s}, {}, "Ab c"}, {"title", {s}, {}, "Ab C"}, {"swapcase", {s}, {}, "aB C"},
      {"reverse", {s}, {}, "c bA"}, {"length", {s}, {}, "4"}, {"byte_length", {Literal("é")}, {}, "2"}, {"concat", {s, s}, {}, "Ab cAb c"},
      {"join", {s, Literal("d"), Literal("-")}, {}, "Ab c-d"}, {"repeat", {Literal("ab"), Literal(2)}, {}, "abab"}, {"is_alpha", {Literal("ab")}, {}, "true"},
      {"is_alnum", {s}, {}, "false"}, {"is_digit", {Literal("12")}, {}, "true"}, {"is_decimal", {Literal("12")}, {}, "true"}, {"is_numeric", {Literal("12")}, {}, "true"},
      {"is_space", {Literal(" ")}, {}, "true"}, {"is_lower", {s}, {}, "false"}, {"is_upper", {s}, {}, "false"}, {"is_title", {Literal("Ab Cd")}, {}, "true"},
      {"is_printable", {s}, {}, "true"}, {"is_ascii", {s}, {}, "true"}, {"starts_with", {s}, {{"pattern", "ab"}, {"ignore_case", true}}, "true"},
      {"ends_with", {s}, {{"pattern", "c"}}, "true"}, {"contains", {s}, {{"pattern", "z"}}, "false"}, {"match_like", {s}, {{"pattern", "A%c"}}, "true"},
      {"match_regex", {s}, {{"pattern", "b\\s"}}, "true"}, {"find", {s}, {{"pattern", "c"}}, "3"}, {"find_regex", {s}, {{"pattern", "[x-z]"}}, "-1"},
      {"count", {s}, {{"pattern", "b"}}, "1"}, {"count_regex", {s}, {{"pattern", "[a-c]"}}, "2"}, {"replace", {s}, {{"pattern", "b"}, {"replacement", "d"}}, "Ad c"},
      {"replace_regex", {s}, {{"pattern", "[a-c]"}, {"replacement", "_"}, {"max_replacements", 1}}, "A_ c"}, {"strip", {Literal(" a ")}, {}, "a"},
      {"lstrip", {Literal(" a")}, {}, "a"}, {"rstrip", {Literal("a ")}, {}, "a"}, {"strip_characters", {Literal("xax")}, {{"characters", "x"}}, "a"},
      {"lstrip_characters", {Literal("xax")}, {{"characters", "x"}}, "ax"}, {"rstrip_characters", {Literal("xax")}, {{"characters", "x"}}, "xa"},
      {"pad_left", {Literal("a")}, {{"width", 3}, {"padding", "-"}}, "--a"}, {"pad_right", {Literal("a")}, {{"width", 3}, {"padding", "-"}}, "a--"},
      {"center", {Literal("a")}, {{"width", 3}, {"padding", "-"}}, "-a-"}, {"slice", {s}, {{"start", 1}, {"stop", 3}}, "b "},
      {"replace_slice", {s}, {{"start", 0}, {"stop", 2}, {"replacement", "X"}}, "X c"}, {"split", {s}, {{"pattern", " "}}, "Ab,c"},
      {"split_regex", {s}, {{"pattern", "\\s"}}, "Ab,c"}, {"split_whitespace", {s}, {}, "Ab,c"}, {"extract", {s}, {{"pattern", "(?P<a>A)"}}, "a:A"},
      {"year", {t}, {}, "2023"}, {"quarter", {t}, {}, "4"}, {"month", {t}, {}, "11"}, {"day", {t}, {}, "14"}, {"day_of_week", {t}, {}, "1"},
      {"day_of_year", {t}, {}, "318"}, {"hour", {t}, {}, "22"}, {"minute", {t}, {}, "13"}, {"second", {t}, {}, "21"}, {"millisecond", {t}, {}, "2"},
      {"microsecond", {t}, {}, "3"}, {"nanosecond", {t}, {}, "4"}, {"strftime", {t}, {{"format", "%Y/%m"}}, "2023/11"},
      {"floor_temporal", {t}, {{"unit", "day"}}, "2023-11-14"}, {"ceil_temporal", {t}, {{"unit", "day"}}, "2023-11-15"}, {"round_temporal", {t}, {{"unit", "day"}}, "2023-11-15"},
      {"list_length", {l}, {}, "3"}, {"list_element", {l, Literal(1)}, {}, "1"}, {"element_from_end", {l, Literal(-1)}, {}, "2"},
      {"list_slice", {l}, {{"start", 1}}, "1,2"}, {"list_sort", {l}, {{"order", "descending"}}, "3,2,1"}, {"list_flatten", {Column("ll")}, {}, "1,2,3"},
      {"to_list", {Column("f")}, {}, "1,2"}, {"struct_field", {Column("st")}, {{"index", 1}}, "in"}, {"map_keys", {Column("m")}, {}, "k"}, {"map_values", {Column("m")}, {}, "1"},
  };
}

/// The value without what differs by how Arrow writes lists and times.
std::string Plain(const arrow::Scalar& value) {
  if (value.type->id() == arrow::Type::LIST) {
    const auto& items = *static_cast<const arrow::BaseListScalar&>(value).value;
    std::string text;
    for (int64_t i = 0; i < items.length(); ++i) text += (i > 0 ? "," : "") + (*items.GetScalar(i))->ToString();
    return text;
  }
  if (value.type->id() == arrow::Type::STRUCT) {
    return value.type->field(0)->name() + ":" + static_cast<const arrow::StructScalar&>(value).value[0]->ToString();
  }
  const std::string text = value.ToString();
  return value.type->id() == arrow::Type::TIMESTAMP ? text.substr(0, 10) : text;
}

class ExpressionsTest : public ApiTest {
 protected:
  std::string ValueOf(const Expr& expression) const {
    const auto computed = OneRow(*context_).Project({{"value", expression}});
    if (!computed.ok()) return computed.status().ToString();
    const auto table = computed->ToTable();
    return table.ok() ? Plain(**(*table)->column(0)->GetScalar(0)) : table.status().ToString();
  }
};

TEST_F(ExpressionsTest, EveryOperatorGivesWhatItsNameSays) {
  std::set<std::string> called;
  for (const Case& test : Cases()) {
    called.insert(test.name);
    EXPECT_EQ(ValueOf(Call(test.name, test.arguments, test.options)), test.expected) << test.name;
  }
  const auto names = OperatorNames();
  EXPECT_EQ(called, std::set<std::string>(names.begin(), names.end()));
}

TEST_F(ExpressionsTest, TheHeaderNamesEveryOperator) {
  std::ifstream file(MILLSTREAM_SOURCE_DIR "/include/millstream/expressions.h");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const size_t begin = text.find("/// Numbers "), end = text.find("/// Regular expressions are RE2's.");
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos);
  std::string table = text.substr(begin, end - begin);
  for (char& c : table) c = std::isalnum(static_cast<unsigned char>(c)) || c == '_' ? c : ' ';
  std::istringstream stream(table);
  const std::set<std::string> words{std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
  for (const std::string& name : OperatorNames()) EXPECT_TRUE(words.contains(name)) << name;
}

TEST_F(ExpressionsTest, OperatorsAndMethodsAreTheCallsThatTheyStandFor) {
  const Expr i = Column("i"), j = Column("j"), s = Column("s"), l = Column("l");
  const std::vector<std::pair<Expr, std::string>> cases = {
      {i + j, "5"}, {i - j, "9"}, {i * j, "-14"}, {i / j, "-3"}, {i % j, "-1"}, {-i, "-7"}, {i == j, "false"}, {i != j, "true"}, {i < j, "false"}, {i <= j, "false"},
      {i > j, "true"}, {i >= j, "true"}, {i > j && i < j, "false"}, {i > j || i < j, "true"}, {!(i > j), "false"}, {s.StartsWith("A"), "true"}, {s.EndsWith("A"), "false"},
      {s.Contains("b"), "true"}, {Column("none").IsNull(), "true"}, {Column("none").IsNotNull(), "false"}, {Column("x").IsNaN(), "false"},
      {i.IsIn(Integers({7})), "true"}, {i.NotIn(Integers({7})), "false"}, {Column("x").Cast(arrow::int64(), false), "2"}, {Column("none").FillNull(i), "7"},
      {Column("st").Field("n"), "7"}, {l.At(0), "3"}, {l.At(-1), "2"}, {IfElse(i > j, Literal("more"), Literal("less")), "more"},
      {Expr::Parse("i > 5 and s in ('Ab c', 'x')"), "true"},
  };
  for (const auto& [expression, expected] : cases) EXPECT_EQ(ValueOf(expression), expected) << expression.ToString();
}

TEST_F(ExpressionsTest, WhatIsWrongWithACallIsSaidByWhoeverTakesIt) {
  const Dataset row = OneRow(*context_);
  const auto refusal = [&](const Expr& expression, ErrorKind kind) { return Refusal(row.WithColumn("value", expression), kind); };
  EXPECT_HAS(refusal(Call("uper", {Column("s")}), ErrorKind::kInvalidArgument), "did you mean 'upper'");
  EXPECT_HAS(refusal(Literal(1) + Call("uper", {Column("s")}), ErrorKind::kInvalidArgument), "column 'value'");
  EXPECT_HAS(refusal(Call("upper", {Column("s"), Column("s")}), ErrorKind::kInvalidArgument), "takes 1 expression");
  EXPECT_HAS(refusal(Call("replace", {Column("s")}, {{"pattern", "a"}}), ErrorKind::kInvalidArgument), "needs the option replacement");
  EXPECT_HAS(refusal(Call("pad_left", {Column("s")}, {{"width", 1}, {"fill", "-"}}), ErrorKind::kInvalidArgument), "does not have");
  refusal(Call("pad_left", {Column("s")}, {{"width", "wide"}}), ErrorKind::kType);
  refusal(Call("upper", {Column("i")}), ErrorKind::kType);
  refusal(Call("upper", {Column("ss")}), ErrorKind::kUnknownColumn);
  Refusal(row.Filter(Expr::Parse("i >")), ErrorKind::kInvalidArgument);
  Refusal(row.Filter(Column("i")), ErrorKind::kType);
  Refusal(row.Sort({{Call("uper", {Column("s")})}}), ErrorKind::kInvalidArgument);
  Refusal(row.WithColumn("value", Column("l").At(9))->ToTable(), ErrorKind::kInvalidArgument);
}

TEST_F(ExpressionsTest, SeveralColumnsSeeThoseThatWere) {
  const Dataset rows = DatasetOf(*context_, {{"x", Integers({1, 2})}});
  EXPECT_EQ(LinesOf(rows.WithColumns({{"x", Column("x") + Literal(10)}, {"y", Column("x")}})), (Lines{"11|1", "12|2"}));
}

}  // namespace
}  // namespace millstream
