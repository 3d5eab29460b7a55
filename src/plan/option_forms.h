#pragma once
/// The options that Arrow's functions take, as named fields: one form a family of functions.

#include "plan/functions.h"

namespace millstream {

const OptionsForm& ValueSetForm();    // value_set
const OptionsForm& CastForm();        // type, safe
const OptionsForm& PatternForm();     // pattern, ignore_case
const OptionsForm& ReplaceForm();     // pattern, replacement, max_replacements
const OptionsForm& TrimForm();        // characters
const OptionsForm& PadForm();         // width, padding
const OptionsForm& SliceForm();       // start, stop, step
const OptionsForm& RoundForm();       // ndigits
const OptionsForm& TimeFormatForm();  // format
const OptionsForm& TimeUnitForm();    // unit: "day", "hour", …
const OptionsForm& FieldNameForm();   // name

}  // namespace millstream
