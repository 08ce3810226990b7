/* tf_dtype.c - TensorFlow's element types: one row each, and what can be asked of a row.
 *
 * A row also says where a TensorProto keeps values of that type: the field number of its typed values, their wire
 * type, and how many of them make one element (two for complex numbers). tf_tensor.c reads and writes by these rows.
 */
#include "tf_dtype.h"

#include <string.h>
#include <strings.h>

/* number, DT_ name, Python's name, bytes, TensorProto field, wire type, values per element */
#define DTYPE_ROWS(X)                                                    \
    X(1, FLOAT, "float32", 4, 5, FL_PB_FIXED32, 1)                       \
    X(2, DOUBLE, "float64", 8, 6, FL_PB_FIXED64, 1)                      \
    X(3, INT32, "int32", 4, 7, FL_PB_VARINT, 1)                          \
    X(4, UINT8, "uint8", 1, 7, FL_PB_VARINT, 1)                          \
    X(5, INT16, "int16", 2, 7, FL_PB_VARINT, 1)                          \
    X(6, INT8, "int8", 1, 7, FL_PB_VARINT, 1)                            \
    X(7, STRING, "string", 0, 8, FL_PB_BYTES, 1)                         \
    X(8, COMPLEX64, "complex64", 8, 9, FL_PB_FIXED32, 2)                 \
    X(9, INT64, "int64", 8, 10, FL_PB_VARINT, 1)                         \
    X(10, BOOL, "bool", 1, 11, FL_PB_VARINT, 1)                          \
    X(11, QINT8, "qint8", 1, 7, FL_PB_VARINT, 1)                         \
    X(12, QUINT8, "quint8", 1, 7, FL_PB_VARINT, 1)                       \
    X(13, QINT32, "qint32", 4, 7, FL_PB_VARINT, 1)                       \
    X(14, BFLOAT16, "bfloat16", 2, 13, FL_PB_VARINT, 1)                  \
    X(15, QINT16, "qint16", 2, 7, FL_PB_VARINT, 1)                       \
    X(16, QUINT16, "quint16", 2, 7, FL_PB_VARINT, 1)                     \
    X(17, UINT16, "uint16", 2, 7, FL_PB_VARINT, 1)                       \
    X(18, COMPLEX128, "complex128", 16, 12, FL_PB_FIXED64, 2)            \
    X(19, HALF, "float16", 2, 13, FL_PB_VARINT, 1)                       \
    X(20, RESOURCE, "resource", 0, 14, FL_PB_BYTES, 1)                   \
    X(21, VARIANT, "variant", 0, 15, FL_PB_BYTES, 1)                     \
    X(22, UINT32, "uint32", 4, 16, FL_PB_VARINT, 1)                      \
    X(23, UINT64, "uint64", 8, 17, FL_PB_VARINT, 1)                      \
    X(24, FLOAT8_E5M2, "float8_e5m2", 1, 18, FL_PB_BYTES, 1)             \
    X(25, FLOAT8_E4M3FN, "float8_e4m3fn", 1, 18, FL_PB_BYTES, 1)         \
    X(26, FLOAT8_E4M3FNUZ, "float8_e4m3fnuz", 1, 18, FL_PB_BYTES, 1)     \
    X(27, FLOAT8_E4M3B11FNUZ, "float8_e4m3b11fnuz", 1, 18, FL_PB_BYTES, 1) \
    X(28, FLOAT8_E5M2FNUZ, "float8_e5m2fnuz", 1, 18, FL_PB_BYTES, 1)     \
    X(29, INT4, "int4", 1, 7, FL_PB_VARINT, 1)                           \
    X(30, UINT4, "uint4", 1, 7, FL_PB_VARINT, 1)                         \
    X(31, INT2, "int2", 1, 7, FL_PB_VARINT, 1)                           \
    X(32, UINT2, "uint2", 1, 7, FL_PB_VARINT, 1)                         \
    X(33, FLOAT4_E2M1FN, "float4_e2m1fn", 1, 18, FL_PB_BYTES, 1)

static const fl_tf_dtype_row rows[] = {
    [0] = {"DT_INVALID", "DT_INVALID_REF", "invalid", 0, 0, FL_PB_BYTES, 0},
#define DTYPE_ROW(number, name, python, bytes, field, wire, per) \
    [number] = {"DT_" #name, "DT_" #name "_REF", python, bytes, field, wire, per},
    DTYPE_ROWS(DTYPE_ROW)
#undef DTYPE_ROW
};

#define ROW_COUNT ((int)(sizeof rows / sizeof rows[0]))

const fl_tf_dtype_row *fl_tf_dtype_find(int dtype)
{
    return dtype > 0 && dtype < ROW_COUNT ? &rows[dtype] : NULL;
}

int fl_tf_dtype_base(int dtype)
{
    return dtype > FL_TF_REF ? dtype - FL_TF_REF : dtype;
}

size_t fl_tf_dtype_bytes(int dtype)
{
    const fl_tf_dtype_row *row = fl_tf_dtype_find(fl_tf_dtype_base(dtype));
    return row ? row->bytes : 0;
}

const char *fl_tf_dtype_name(int dtype)
{
    if (dtype == FL_TF_INVALID)
        return rows[0].name;
    const fl_tf_dtype_row *row = fl_tf_dtype_find(fl_tf_dtype_base(dtype));
    if (!row)
        return "an unknown dtype";
    return dtype > FL_TF_REF ? row->ref_name : row->name;
}

int fl_tf_dtype_from_name(const char *name)
{
    for (int i = 1; i < ROW_COUNT; i++) {
        if (strcasecmp(name, rows[i].name) == 0 || strcasecmp(name, rows[i].name + strlen("DT_")) == 0 ||
            strcasecmp(name, rows[i].python_name) == 0)
            return i;
        if (strcasecmp(name, rows[i].ref_name) == 0)
            return i + FL_TF_REF;
    }
    return FL_TF_INVALID;
}
