/* dtype.h - element types and their sizes. The numbers are written into PLAN files: append, never reorder. */
#ifndef FL_OP_DTYPE_H
#define FL_OP_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, short text, bytes */
#define FL_DTYPE_LIST(X)   \
    X(FL_F32, "f32", 4)    \
    X(FL_F16, "f16", 2)    \
    X(FL_BF16, "bf16", 2)  \
    X(FL_F64, "f64", 8)    \
    X(FL_I8, "i8", 1)      \
    X(FL_U8, "u8", 1)      \
    X(FL_I16, "i16", 2)    \
    X(FL_U16, "u16", 2)    \
    X(FL_I32, "i32", 4)    \
    X(FL_U32, "u32", 4)    \
    X(FL_I64, "i64", 8)    \
    X(FL_U64, "u64", 8)    \
    X(FL_BOOL, "bool", 1)

typedef enum fl_dtype {
    FL_DTYPE_NONE = 0,
#define FL_DTYPE_ENUM(name, text, bytes) name,
    FL_DTYPE_LIST(FL_DTYPE_ENUM)
#undef FL_DTYPE_ENUM
    FL_DTYPE_COUNT
} fl_dtype;

size_t      fl_dtype_bytes(fl_dtype dtype); /* 0 for an unknown one */
const char *fl_dtype_name(fl_dtype dtype);  /* "f32"; "none" for an unknown one */
fl_dtype    fl_dtype_from_name(const char *name);
/* Half precision: storage only. Arithmetic on it is done in f32. */
static inline bool fl_dtype_is_half(fl_dtype d) { return d == FL_F16 || d == FL_BF16; }
/* What computes on d: d itself, f32 for half precision. */
static inline fl_dtype fl_dtype_arithmetic(fl_dtype d) { return fl_dtype_is_half(d) ? FL_F32 : d; }
static inline bool fl_dtype_is_float(fl_dtype d) { return d == FL_F32 || d == FL_F16 || d == FL_BF16 || d == FL_F64; }

#endif
