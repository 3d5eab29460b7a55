#pragma once
/// Marks what libmillstream shows. The library is built with hidden visibility: a name without this mark cannot be linked to.

#define MILLSTREAM_EXPORT __attribute__((visibility("default")))
