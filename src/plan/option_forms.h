#pragma once
/// The options that Arrow's functions take, as named fields: one form a family of functions.

#include "plan/functions.h"

namespace millstream {

const OptionsForm& ValueSetForm();      // value_set
const OptionsForm& CastForm();          // type, safe
const OptionsForm& PatternForm();       // pattern, ignore_case
const OptionsForm& ReplaceForm();       // pattern, replacement, max_replacements
const OptionsForm& TrimForm();          // characters
const OptionsForm& PadForm();           // width, padding, lean_left_on_odd_padding
const OptionsForm& SliceForm();         // start, stop, step
const OptionsForm& RoundForm();         // ndigits
const OptionsForm& TimeFormatForm();    // format
const OptionsForm& TimeUnitForm();      // unit: "day", "hour", …
const OptionsForm& FieldForm();         // name, or index
const OptionsForm& ReplaceSliceForm();  // start, stop, replacement
const OptionsForm& SplitPatternForm();  // pattern, max_splits, reverse
const OptionsForm& SplitForm();         // max_splits, reverse
const OptionsForm& ExtractForm();       // pattern
const OptionsForm& ListSliceForm();     // start, stop, step, fixed_size: 0 gives lists, 1 lists of a fixed size, -1 what the argument is
const OptionsForm& SortForm();          // order: ascending, descending; null_placement: at_end, at_start

}  // namespace millstream
