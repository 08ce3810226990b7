/* dtype.c - the table of element types; dtype.h has the list. */
#include "op/dtype.h"

#include <string.h>

static const struct {
    const char *name;
    size_t      bytes;
} dtypes[FL_DTYPE_COUNT] = {
    [FL_DTYPE_NONE] = {"none", 0},
#define DTYPE_ROW(dtype, text, size) [dtype] = {text, size},
    FL_DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

static bool is_known(fl_dtype dtype)
{
    return (unsigned)dtype < FL_DTYPE_COUNT;
}

size_t fl_dtype_bytes(fl_dtype dtype)
{
    return is_known(dtype) ? dtypes[dtype].bytes : 0;
}

const char *fl_dtype_name(fl_dtype dtype)
{
    return is_known(dtype) ? dtypes[dtype].name : dtypes[FL_DTYPE_NONE].name;
}

fl_dtype fl_dtype_from_name(const char *name)
{
    for (int i = FL_DTYPE_NONE + 1; name && i < FL_DTYPE_COUNT; i++)
        if (!strcmp(name, dtypes[i].name))
            return (fl_dtype)i;
    return FL_DTYPE_NONE;
}
