/* test_npy.c - the .npy reader and writer of the tests, tested: every other golden test leans on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "npy.h"

/* A file in memory: magic, version, header text, data. */
typedef struct file {
    uint8_t bytes[1024];
    size_t size;
} file;

static file make(int version, const char *header, const void *data, size_t size)
{
    const size_t length = strlen(header);
    file f = {.bytes = {0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0, (uint8_t)length, (uint8_t)(length >> 8)}};
    f.size = version == 1 ? 10 : 12;
    memcpy(f.bytes + f.size, header, length);
    memcpy(f.bytes + f.size + length, data, size);
    f.size += length + size;
    return f;
}

static npy_array parse(const file *f)
{
    npy_array a;
    char why[300];
    if (!npy_parse(&a, f->bytes, f->size, "test", why, sizeof why))
        fail_msg("%s", why);
    return a;
}

static void all_versions_are_read(void **state)
{
    static const float values[6] = {0, 1, 2, 3, 4, -5.5f};
    (void)state;
    for (int version = 1; version <= 3; version++) {
        file f = make(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", values, 24);
        npy_array a = parse(&f);
        const int64_t dim[] = {2, 3};
        assert_true(npy_is(&a, 'f', 4, 2, dim));
        assert_int_equal(a.count, 6);
        assert_memory_equal(a.data, values, 24);
        assert_true(npy_value(&a, 5) == -5.5);
        npy_free(&a);
    }
}

static void headers_are_read_as_python_may_write_them(void **state)
{
    static const char *const headers[] = {
        "{'shape':(2L,),\"descr\":\"|u1\",'fortran_order':False}",
        "{ 'fortran_order' : True , 'shape' : ( 2 , ) , 'descr' : '|u1' , }\n",
        "{'descr': '=u1', 'fortran_order': False, 'shape': (1, 2)}",
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        file f = make(1, headers[i], "\x05\x06", 2);
        npy_array a = parse(&f);
        assert_int_equal(a.count, 2);
        assert_true(npy_value(&a, 1) == 6);
        npy_free(&a);
    }
}

static void every_kind_becomes_its_value(void **state)
{
    static const struct {
        const char *descr, *data;
        size_t size;
        double value;
    } kinds[] = {
        {"<f2", "\x00\xc2", 2, -3},
        {"<f8", "\0\0\0\0\0\0\x04\x40", 8, 2.5},
        {"|b1", "\x01", 1, 1},
        {"|i1", "\xff", 1, -1},
        {"<i2", "\xfe\xff", 2, -2},
        {">i4", "\0\0\1\0", 4, 256},
        {"<i8", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, -1},
        {"|u1", "\xff", 1, 255},
        {">u2", "\x01\x00", 2, 256},
        {"<u4", "\0\0\0\x80", 4, 2147483648.0},
        {">f4", "\x3f\x80\0\0", 4, 1},
        {">u8", "\0\0\0\0\0\0\0\x09", 8, 9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char header[128];
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': ()}", kinds[i].descr);
        file f = make(1, header, kinds[i].data, kinds[i].size);
        npy_array a = parse(&f);
        assert_int_equal(a.rank, 0);
        assert_int_equal(a.count, 1);
        if (npy_value(&a, 0) != kinds[i].value)
            fail_msg("%s: %g, expected %g", kinds[i].descr, npy_value(&a, 0), kinds[i].value);
        npy_free(&a);
    }
}

static void fortran_order_is_turned_round(void **state)
{
    static const uint8_t columns[6] = {1, 4, 2, 5, 3, 6}, rows[6] = {1, 2, 3, 4, 5, 6};
    file f = make(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", columns, 6);
    npy_array a = parse(&f);
    (void)state;
    assert_memory_equal(a.data, rows, 6);
    npy_free(&a);
}

static void unusable_headers_are_refused(void **state)
{
    static const char *const headers[] = {
        "",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1",
        "{'descr': '<f4",
    };
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        file f = make(1, headers[i], "\0\0\x80\x3f", 4);
        npy_array a;
        char why[300] = "";
        if (npy_parse(&a, f.bytes, f.size, "test", why, sizeof why))
            fail_msg("accepted: %s", headers[i]);
        assert_null(a.data);
        assert_non_null(strstr(why, "test: "));
    }
}

static void every_truncated_file_is_refused(void **state)
{
    static const float values[2] = {1, 2};
    const file f = make(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", values, 8);
    (void)state;
    for (size_t n = 0; n < f.size; n++) {
        npy_array a;
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, f.bytes, n);
        assert_false(npy_parse(&a, copy, n, "test", NULL, 0));
        free(copy);
    }
}

static void what_is_saved_is_loaded(void **state)
{
    float values[24];
    char path[] = P_tmpdir "/floe-npy-XXXXXX", why[300];
    npy_array a = {.kind = 'f', .item_bytes = 4, .rank = 3, .dim = {2, 3, 4}, .count = 24, .data = values}, b;
    const int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < 24; i++)
        values[i] = (float)i / 3;
    for (int rank = 0; rank <= 3; rank++) {
        a.rank = rank;
        a.count = rank == 0 ? 1 : rank == 1 ? 2 : rank == 2 ? 6 : 24;
        assert_true(npy_save(path, &a));
        if (!npy_load(&b, path, why, sizeof why))
            fail_msg("%s", why);
        assert_true(npy_is(&b, 'f', 4, rank, a.dim));
        assert_memory_equal(b.data, values, a.count * 4);
        npy_free(&b);
    }
    unlink(path);
    assert_false(npy_load(&b, path, why, sizeof why));
    assert_false(npy_load(&b, "/", why, sizeof why));
    npy_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_versions_are_read),        cmocka_unit_test(headers_are_read_as_python_may_write_them),
        cmocka_unit_test(every_kind_becomes_its_value), cmocka_unit_test(fortran_order_is_turned_round),
        cmocka_unit_test(unusable_headers_are_refused), cmocka_unit_test(every_truncated_file_is_refused),
        cmocka_unit_test(what_is_saved_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
