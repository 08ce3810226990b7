/* test_tf_checkpoint.c - tables, slices and checkpoints of both formats; made by hand, real ones, and damaged ones. */
#include "tf_fixture.h"

#include "base/crc32c.h"
#include "proto/wire.h"
#include "tensorflow/tf_bundle.h"
#include "tensorflow/tf_checkpoint.h"
#include "tensorflow/tf_source.h"
#include "tensorflow/tf_table.h"

#define BYTES(text) ((fl_bytes){(const uint8_t *)(text), sizeof(text) - 1})

/* ---- checksums, keys, Snappy */

static void crc_vectors_hold(void **state)
{
    static const uint8_t zeros[32] = {0};

    assert_int_equal(fl_crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(fl_tf_crc_mask(0xe3069283u), 0xc78ab0e5u);
    assert_int_equal(fl_tf_crc_mask(fl_crc32c(0, "", 0)), 0xa282ead8u);
    assert_int_equal(fl_tf_crc_mask(fl_crc32c(0, zeros, 32)), 0x0fd7fffau);
    (void)state;
}

/* The last number of a key is SGN(v): what stands behind the bytes that are the same for every v. */
static void check_sgn(int64_t v, fl_bytes expected)
{
    const int64_t extent[1][2] = {{0, v}};
    const fl_bytes head = BYTES("\x00x\x00\x01\x01\x01\x80");
    fl_buf key = fl_buf_make(NULL);

    fl_tf_slice_key(&key, BYTES("x"), extent, 1);
    assert_int_equal(key.size, head.size + expected.size);
    assert_memory_equal(key.data, head.data, head.size);
    assert_memory_equal(key.data + head.size, expected.data, expected.size);
    fl_buf_free(&key);
}

static void ordered_code_vectors_hold(void **state)
{
    check_sgn(0, BYTES("\x80"));
    check_sgn(1, BYTES("\x81"));
    check_sgn(-1, BYTES("\x7f"));
    check_sgn(16, BYTES("\x90"));
    check_sgn(63, BYTES("\xbf"));
    check_sgn(64, BYTES("\xc0\x40"));
    check_sgn(-64, BYTES("\x40"));
    check_sgn(-65, BYTES("\x3f\xbf"));
    check_sgn(128, BYTES("\xc0\x80"));
    check_sgn(1000, BYTES("\xc3\xe8"));
    check_sgn(8192, BYTES("\xe0\x20\x00"));
    check_sgn(0x424242, BYTES("\xf0\x42\x42\x42"));
    check_sgn(-2048, BYTES("\x38\x00"));
    check_sgn(INT64_MAX, BYTES("\xff\xc0\x7f\xff\xff\xff\xff\xff\xff\xff"));

    const int64_t w[2][2] = {{0, 2}, {0, -1}}, wa[2][2] = {{5, 5}, {0, 16}};
    fl_buf key = fl_buf_make(NULL);
    fl_tf_slice_key(&key, BYTES("w"), w, 2);
    assert_int_equal(key.size, 10);
    assert_memory_equal(key.data, "\x00\x77\x00\x01\x01\x02\x80\x82\x80\x7f", 10);
    key.size = 0;
    fl_tf_slice_key(&key, BYTES("w/a"), wa, 2);
    assert_int_equal(key.size, 12);
    assert_memory_equal(key.data, "\x00\x77\x2f\x61\x00\x01\x01\x02\x85\x85\x80\x90", 12);
    key.size = 0;
    fl_tf_slice_key(&key, BYTES("\x00\xff"), NULL, 0);
    assert_int_equal(key.size, 8);
    assert_memory_equal(key.data, "\x00\x00\xff\xff\x00\x00\x01\x00", 8);
    fl_buf_free(&key);
    (void)state;
}

static void snappy_decodes_every_kind_of_tag(void **state)
{
    /* literal "abcd"; copy 4 from 4 back; copy 5 from 1 back (overlapping); literal of 61 with a length byte; copy by
     * two-byte and by four-byte offset */
    static const uint8_t head[] = {4 + 4 + 5 + 61 + 3 + 2, 0x0c, 'a', 'b', 'c', 'd', 0x01, 4, 0x05, 1, 0xf0, 60};
    static const uint8_t tail[] = {0x0a, 61, 0, 0x07, 3, 0, 0, 0};
    uint8_t data[128], out[79], expected[79];
    size_t n = sizeof head, length;

    memcpy(data, head, n);
    for (int i = 0; i < 61; i++)
        data[n++] = (uint8_t)i;
    memcpy(data + n, tail, sizeof tail);
    n += sizeof tail;
    memcpy(expected, "abcdabcdddddd", 13);
    for (int i = 0; i < 61; i++)
        expected[13 + i] = (uint8_t)i;
    memcpy(expected + 74, "\x00\x01\x02", 3);
    memcpy(expected + 77, "\x00\x01", 2);
    assert_true(fl_tf_snappy_length((fl_bytes){data, n}, &length));
    assert_int_equal(length, 79);
    assert_true(fl_tf_snappy_decode(out, length, (fl_bytes){data, n}));
    assert_memory_equal(out, expected, 79);

    for (size_t cut = 0; cut < n; cut++) { /* no truncation decodes */
        uint8_t *copy = exact_copy(data, cut);
        assert_false(fl_tf_snappy_length((fl_bytes){copy, cut}, &length) && length == 79 &&
                     fl_tf_snappy_decode(out, length, (fl_bytes){copy, cut}));
        free(copy);
    }
    assert_false(fl_tf_snappy_decode(out, 4, BYTES("\x04\x01\x01")));          /* a copy before anything was made */
    assert_false(fl_tf_snappy_decode(out, 1, BYTES("\x01\x04" "ab")));         /* more than was said */
    assert_false(fl_tf_snappy_length(BYTES("\xff\xff\xff\xff\x0f\x00"), &length)); /* 4 GiB out of six bytes */
    (void)state;
}

/* ---- tables made by hand */

/* A data block of the keys and values, keys compressed against each other, one restart. */
static void put_block(fl_buf *file, const fl_bytes (*rows)[2], size_t n, bool snappy, uint64_t handle[2])
{
    fl_buf b = fl_buf_make(NULL), packed = fl_buf_make(NULL);
    fl_bytes previous = {NULL, 0};

    for (size_t i = 0; i < n; i++) {
        const fl_bytes key = rows[i][0], value = rows[i][1];
        size_t shared = 0;
        while (shared < previous.size && shared < key.size && previous.data[shared] == key.data[shared])
            shared++;
        fl_put_varint(&b, shared);
        fl_put_varint(&b, key.size - shared);
        fl_put_varint(&b, value.size);
        fl_put_bytes(&b, key.data + shared, key.size - shared);
        fl_put_bytes(&b, value.data, value.size);
        previous = key;
    }
    fl_put_u32(&b, 0);
    fl_put_u32(&b, 1);
    if (snappy) { /* literals only, which is valid Snappy */
        fl_put_varint(&packed, b.size);
        for (size_t i = 0; i < b.size; i += 60) {
            const size_t run = b.size - i < 60 ? b.size - i : 60;
            fl_put_u8(&packed, (uint8_t)((run - 1) << 2));
            fl_put_bytes(&packed, b.data + i, run);
        }
    }
    const fl_buf *stored = snappy ? &packed : &b;
    handle[0] = file->size;
    handle[1] = stored->size;
    fl_put_bytes(file, stored->data, stored->size);
    fl_put_u8(file, snappy);
    fl_put_u32(file, fl_tf_crc_mask(fl_crc32c(0, file->data + handle[0], stored->size + 1)));
    fl_buf_free(&b);
    fl_buf_free(&packed);
}

/* Each group of rows becomes a block. */
static fl_buf make_table(const fl_bytes (*rows)[2], size_t n, size_t per_block, bool snappy)
{
    fl_buf file = fl_buf_make(NULL), handles = fl_buf_make(NULL);
    fl_bytes index[64][2];
    size_t at[65] = {0}, blocks = 0;
    uint64_t h[2], meta[2];

    for (size_t i = 0; i < n; i += per_block) {
        const size_t count = n - i < per_block ? n - i : per_block;
        put_block(&file, rows + i, count, snappy, h);
        fl_put_varint(&handles, h[0]);
        fl_put_varint(&handles, h[1]);
        index[blocks][0] = rows[i + count - 1][0];
        at[++blocks] = handles.size;
    }
    for (size_t i = 0; i < blocks; i++)
        index[i][1] = (fl_bytes){handles.data + at[i], at[i + 1] - at[i]};
    put_block(&file, NULL, 0, false, meta);
    put_block(&file, (const fl_bytes(*)[2])index, blocks, false, h);
    const size_t footer = file.size;
    for (int i = 0; i < 2; i++)
        fl_put_varint(&file, meta[i]);
    for (int i = 0; i < 2; i++)
        fl_put_varint(&file, h[i]);
    while (file.size < footer + 40)
        fl_put_u8(&file, 0);
    fl_put_u64(&file, 0xdb4775248b80fb57u);
    fl_buf_free(&handles);
    return file;
}

static floe_status read_table(const uint8_t *data, size_t size, size_t *entries, const floe_env *env, floe_error *err)
{
    fl_arena arena;
    fl_tf_table table = {NULL, 0};

    fl_arena_init(&arena, env);
    const floe_status st = fl_tf_table_read(&table, &arena, data, size, "table", err);
    *entries = table.n_entry;
    fl_arena_free(&arena);
    return st;
}

static void tables_of_one_or_many_blocks_read_back(void **state)
{
    const fl_bytes rows[][2] = {{BYTES(""), BYTES("header")},     {BYTES("conv1/b"), BYTES("1")},
                                {BYTES("conv1/w"), BYTES("22")},  {BYTES("conv2/w"), BYTES("333")},
                                {BYTES("conv2/w/Adam"), BYTES("")}};

    for (size_t per_block = 1; per_block <= 5; per_block++)
        for (int snappy = 0; snappy < 2; snappy++) {
            fl_buf file = make_table(rows, 5, per_block, snappy);
            fl_arena arena;
            fl_tf_table table;
            floe_error err = {0};
            fl_arena_init(&arena, NULL);
            assert_ok(fl_tf_table_read(&table, &arena, file.data, file.size, "table", &err), &err);
            assert_int_equal(table.n_entry, 5);
            for (size_t i = 0; i < 5; i++) {
                const fl_tf_entry *e = fl_tf_table_find(&table, rows[i][0]);
                assert_ptr_equal(e, &table.entry[i]);
                assert_int_equal(e->value.size, rows[i][1].size);
                assert_memory_equal(e->value.data, rows[i][1].data, rows[i][1].size);
            }
            assert_null(fl_tf_table_find(&table, BYTES("conv")));
            assert_null(fl_tf_table_find(&table, BYTES("zzz")));
            fl_arena_free(&arena);
            fl_buf_free(&file);
        }
    (void)state;
}

static void unordered_tables_and_overlapping_blocks_are_refused(void **state)
{
    const fl_bytes unordered[][2] = {{BYTES("b"), BYTES("1")}, {BYTES("a"), BYTES("2")}};
    const fl_bytes twice[][2] = {{BYTES("a"), BYTES("1")}, {BYTES("a"), BYTES("2")}};
    floe_error err = {0};
    size_t entries;

    for (size_t per_block = 1; per_block <= 2; per_block++) {
        fl_buf file = make_table(unordered, 2, per_block, false);
        assert_int_equal(read_table(file.data, file.size, &entries, NULL, &err), FLOE_ERR_FORMAT);
        assert_non_null(strstr(err.message, "out of order"));
        fl_buf_free(&file);
        file = make_table(twice, 2, per_block, false);
        assert_int_equal(read_table(file.data, file.size, &entries, NULL, &err), FLOE_ERR_FORMAT);
        fl_buf_free(&file);
    }
    (void)state;
}

/* Every bit of a table is under a checksum, but for the padding of its footer. */
static void every_flipped_bit_of_a_table_is_noticed(void **state)
{
    const fl_bytes rows[][2] = {{BYTES(""), BYTES("\x08\x01\x1a\x02\x08\x01")}, {BYTES("a"), BYTES("1")},
                                {BYTES("b"), BYTES("2")}};

    for (int snappy = 0; snappy < 2; snappy++) {
        fl_buf file = make_table(rows, 3, 2, snappy);
        for (size_t bit = 0; bit < file.size * 8; bit++) {
            floe_error err = {0};
            size_t entries, at = bit / 8;
            file.data[at] ^= (uint8_t)(1u << bit % 8);
            const floe_status st = read_table(file.data, file.size, &entries, NULL, &err);
            const bool footer = at >= file.size - 48 && at < file.size - 8; /* padding, or a handle spelt otherwise */
            if (st == FLOE_OK && !(footer && entries == 3))
                fail_msg("bit %zu of byte %zu was not noticed", bit % 8, at);
            assert_ok_or_sentence(st, &err);
            file.data[at] ^= (uint8_t)(1u << bit % 8);
        }
        fl_buf_free(&file);
    }
    (void)state;
}

/* ---- bundles made by hand: what real files at hand do not show */

static void put_shape(fl_buf *b, uint32_t field, const int64_t *dim, int rank)
{
    const size_t shape = fl_pb_begin(b, field);
    for (int i = 0; i < rank; i++) {
        const size_t d = fl_pb_begin(b, 2);
        fl_pb_put_varint(b, 1, (uint64_t)dim[i]);
        fl_pb_end(b, d);
    }
    fl_pb_end(b, shape);
}

static fl_bytes finish(fl_buf *b)
{
    return (fl_bytes){b->data, b->size};
}

static void write_file(const char *path, const void *data, size_t size)
{
    floe_error err = {0};
    assert_ok(fl_file_write(path, data, size, &err), &err);
}

static void put_entry(fl_buf *b, int dtype, const int64_t *dim, int rank, const uint8_t *data, size_t offset,
                      size_t size)
{
    fl_pb_put_varint(b, 1, (uint64_t)dtype);
    put_shape(b, 2, dim, rank);
    fl_pb_put_varint(b, 4, offset);
    fl_pb_put_varint(b, 5, size);
    fl_pb_put_fixed32(b, 6, fl_tf_crc_mask(fl_crc32c(0, data + offset, size)));
}

static void big_endian_bundles_are_swapped(void **state)
{
    static const uint8_t data[] = {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2};
    static const float expected[2] = {1.0f, 2.0f};
    fl_buf floats = fl_buf_make(NULL), number = fl_buf_make(NULL);
    char prefix[PATH_MAX / 2], path[PATH_MAX];
    fl_tf_bundle *b = NULL;
    fl_arena arena;
    fl_tf_tensor t;
    floe_error err = {0};

    put_entry(&floats, FL_TF_COMPLEX64, NULL, 0, data, 0, 8);
    put_entry(&number, FL_TF_INT64, NULL, 0, data, 8, 8);
    const fl_bytes rows[][2] = {{BYTES(""), BYTES("\x08\x01\x10\x01")}, {BYTES("c"), finish(&floats)},
                                {BYTES("n"), finish(&number)}};
    fl_buf index = make_table(rows, 3, 3, false);
    put_text(prefix, sizeof prefix, "%s/floe-test-big-%d", fixture_tmp(), (int)getpid());
    put_text(path, sizeof path, "%s.index", prefix);
    write_file(path, index.data, index.size);
    put_text(path, sizeof path, "%s.data-00000-of-00001", prefix);
    write_file(path, data, sizeof data);

    fl_arena_init(&arena, NULL);
    assert_ok(fl_tf_bundle_open(&b, NULL, prefix, &err), &err);
    assert_ok(fl_tf_bundle_read(b, fl_tf_bundle_find(b, "c"), NULL, &arena, &t, &err), &err);
    assert_memory_equal(t.data, expected, sizeof expected); /* a complex number is two swaps */
    assert_ok(fl_tf_bundle_read(b, fl_tf_bundle_find(b, "n"), NULL, &arena, &t, &err), &err);
    const int64_t value = 0x0102;
    assert_memory_equal(t.data, &value, sizeof value);
    assert_null(fl_tf_bundle_find(b, "x"));
    fl_tf_bundle_free(b);

    unlink(path); /* without its data the checkpoint opens, and says which file it misses when it is read */
    assert_ok(fl_tf_bundle_open(&b, NULL, prefix, &err), &err);
    assert_int_equal(fl_tf_bundle_read(b, fl_tf_bundle_find(b, "n"), NULL, &arena, &t, &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, ".data-00000-of-00001"));
    fl_tf_bundle_free(b);
    put_text(path, sizeof path, "%s.index", prefix);
    unlink(path);
    fl_arena_free(&arena);
    fl_buf_free(&floats);
    fl_buf_free(&number);
    fl_buf_free(&index);
    (void)state;
}

static void slice_specifications_are_parsed_or_refused(void **state)
{
    fl_arena arena;
    fl_tf_region r;
    int64_t *dim;
    floe_error err = {0};
    static const char *const bad[] = {"4", "4 ", "4 16 0,2", "4 16 0,2:0,17", "4 0,2:-", "4 -1,2", "x 0,2", "4 0,2 ",
                                      "99999999999999999999 -", "4 5,1"};

    fl_arena_init(&arena, NULL);
    assert_ok(fl_tf_region_parse(&arena, BYTES(""), &r, &dim, &err), &err);
    assert_int_equal(r.rank, -1);
    assert_ok(fl_tf_region_parse(&arena, BYTES("4 16 1,2:-"), &r, &dim, &err), &err);
    assert_int_equal(r.rank, 2);
    assert_true(dim[0] == 4 && dim[1] == 16 && r.start[0] == 1 && r.length[0] == 2 && r.start[1] == 0 &&
                r.length[1] == 16);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (fl_tf_region_parse(&arena, (fl_bytes){(const uint8_t *)bad[i], strlen(bad[i])}, &r, &dim, &err) == FLOE_OK)
            fail_msg("'%s' was taken for a slice", bad[i]);
    fl_arena_free(&arena);
    (void)state;
}

/* A 4 x 3 matrix in slices of rows [0,1) and [1,4), whole columns. */
static fl_buf sliced_index(const uint8_t *data, int64_t second_start)
{
    const int64_t whole[2] = {4, 3}, first[2] = {1, 3}, second[2] = {4 - second_start, 3};
    const int64_t first_key[2][2] = {{0, 1}, {0, -1}}, second_key[2][2] = {{second_start, 4 - second_start}, {0, -1}};
    fl_buf full = fl_buf_make(NULL), a = fl_buf_make(NULL), b = fl_buf_make(NULL), ka = fl_buf_make(NULL),
           kb = fl_buf_make(NULL);

    fl_pb_put_varint(&full, 1, FL_TF_INT32);
    put_shape(&full, 2, whole, 2);
    for (int i = 0; i < 2; i++) {
        const size_t slice = fl_pb_begin(&full, 7);
        const size_t extent = fl_pb_begin(&full, 1);
        if (i == 1)
            fl_pb_put_varint(&full, 1, (uint64_t)second_start);
        fl_pb_put_varint(&full, 2, (uint64_t)(i == 0 ? 1 : 4 - second_start));
        fl_pb_end(&full, extent);
        fl_pb_end(&full, fl_pb_begin(&full, 1)); /* the whole dimension: an empty extent */
        fl_pb_end(&full, slice);
    }
    put_entry(&a, FL_TF_INT32, first, 2, data, 0, 12);
    put_entry(&b, FL_TF_INT32, second, 2, data, 12, (size_t)(4 - second_start) * 12);
    fl_tf_slice_key(&ka, BYTES("w"), first_key, 2);
    fl_tf_slice_key(&kb, BYTES("w"), second_key, 2);
    const fl_bytes rows[][2] = {{BYTES(""), BYTES("\x08\x01")}, {finish(&ka), finish(&a)}, {finish(&kb), finish(&b)},
                                {BYTES("w"), finish(&full)}};
    fl_buf index = make_table(rows, 4, 4, true);
    fl_buf *used[] = {&full, &a, &b, &ka, &kb};
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++)
        fl_buf_free(used[i]);
    return index;
}

static void slices_are_put_together_and_gaps_are_refused(void **state)
{
    int32_t values[15], column[6]; /* 12 are used; 15 where the slices overlap */
    char prefix[PATH_MAX / 2], index_path[PATH_MAX], data_path[PATH_MAX];
    fl_tf_bundle *b = NULL;
    fl_arena arena;
    fl_tf_tensor t;
    floe_error err = {0};

    for (int i = 0; i < 15; i++)
        values[i] = i * 11;
    put_text(prefix, sizeof prefix, "%s/floe-test-slices-%d", fixture_tmp(), (int)getpid());
    put_text(index_path, sizeof index_path, "%s.index", prefix);
    put_text(data_path, sizeof data_path, "%s.data-00000-of-00001", prefix);
    write_file(data_path, values, sizeof values);
    fl_buf index = sliced_index((const uint8_t *)values, 1);
    write_file(index_path, index.data, index.size);
    fl_buf_free(&index);

    fl_arena_init(&arena, NULL);
    assert_ok(fl_tf_bundle_open(&b, NULL, prefix, &err), &err);
    const fl_tf_var *w = fl_tf_bundle_find(b, "w");
    assert_int_equal(b->n_var, 1);
    assert_int_equal(w->n_parts, 2);
    assert_ok(fl_tf_bundle_read(b, w, NULL, &arena, &t, &err), &err);
    assert_int_equal(t.bytes, 12 * sizeof *values);
    assert_memory_equal(t.data, values, 12 * sizeof *values);
    int64_t start[2] = {0, 1}, length[2] = {3, 2}; /* a region across both slices */
    const fl_tf_region region = {2, start, length};
    assert_ok(fl_tf_bundle_read(b, w, &region, &arena, &t, &err), &err);
    for (int i = 0; i < 6; i++)
        column[i] = values[i / 2 * 3 + 1 + i % 2];
    assert_int_equal(t.bytes, sizeof column);
    assert_memory_equal(t.data, column, sizeof column);
    fl_tf_bundle_free(b);

    index = sliced_index((const uint8_t *)values, 2); /* row 1 is in no slice */
    write_file(index_path, index.data, index.size);
    fl_buf_free(&index);
    assert_ok(fl_tf_bundle_open(&b, NULL, prefix, &err), &err);
    assert_int_equal(fl_tf_bundle_read(b, fl_tf_bundle_find(b, "w"), NULL, &arena, &t, &err), FLOE_ERR_FORMAT);
    assert_non_null(strstr(err.message, "gap"));
    fl_tf_bundle_free(b);
    index = sliced_index((const uint8_t *)values, 0); /* row 0 is in both */
    write_file(index_path, index.data, index.size);
    fl_buf_free(&index);
    fl_tf_bundle *overlapping = NULL;
    if (fl_tf_bundle_open(&overlapping, NULL, prefix, &err) == FLOE_OK) {
        assert_int_equal(
            fl_tf_bundle_read(overlapping, fl_tf_bundle_find(overlapping, "w"), NULL, &arena, &t, &err),
            FLOE_ERR_FORMAT);
        fl_tf_bundle_free(overlapping);
    }
    fl_arena_free(&arena);
    unlink(index_path);
    unlink(data_path);
    (void)state;
}

/* ---- finding a checkpoint */

static void touch_index(const char *dir, const char *name)
{
    const fl_bytes rows[][2] = {{BYTES(""), BYTES("\x08\x01")}};
    char path[PATH_MAX];
    fl_buf index = make_table(rows, 1, 1, false);

    put_text(path, sizeof path, "%s/%s", dir, name);
    write_file(path, index.data, index.size);
    fl_buf_free(&index);
}

static void find_is(const char *path, const char *prefix, const char *expected)
{
    fl_arena arena;
    fl_tf_checkpoint found;
    floe_error err = {0};

    fl_arena_init(&arena, NULL);
    const floe_status st = fl_tf_checkpoint_find(&found, &arena, NULL, path, prefix, &err);
    if (!expected) {
        assert_int_not_equal(st, FLOE_OK);
        assert_true(err.message[0] != 0);
    } else {
        assert_ok(st, &err);
        if (!ends_with(found.prefix, expected))
            fail_msg("%s: found %s, expected %s", path, found.prefix, expected);
    }
    fl_arena_free(&arena);
}

static void the_checkpoint_meant_is_found(void **state)
{
    char dir[PATH_MAX / 2], path[PATH_MAX];
    static const char *const made[] = {"m-5.index", "m-10.index", "m-10.meta", "v1", "s-00000-of-00002",
                                       "s-00001-of-00002", "checkpoint"};

    put_text(dir, sizeof dir, "%s/floe-test-find-%d", fixture_tmp(), (int)getpid());
    assert_int_equal(mkdir(dir, 0700), 0);
    find_is(dir, NULL, NULL); /* nothing there */
    touch_index(dir, "v1");
    find_is(dir, NULL, "/v1");
    touch_index(dir, "m-5.index");
    find_is(dir, NULL, "/m-5");
    touch_index(dir, "m-10.index");
    touch_index(dir, "m-10.meta");
    find_is(dir, NULL, "/m-10"); /* the larger number, not the later name */
    touch_index(dir, "s-00000-of-00002");
    touch_index(dir, "s-00001-of-00002");
    put_text(path, sizeof path, "%s/checkpoint", dir);

    static const char *const states[][2] = {
        {"model_checkpoint_path: \"m-5\"\nall_model_checkpoint_paths: \"m-10\"\n", "/m-5"},
        {"model_checkpoint_path: \"/home/somebody/run/m-5\"", "/m-5"}, /* the folder was moved */
        {"model_checkpoint_path: \"s-\?\?\?\?\?-of-00002\"", "/s-\?\?\?\?\?-of-00002"},
        {"model_checkpoint_path: \"gone\"", "/m-10"},
        {"all_model_checkpoint_paths: \"m-5\"", "/m-10"},
        {"this is no state file", "/m-10"},
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        write_file(path, states[i][0], strlen(states[i][0]));
        find_is(dir, NULL, states[i][1]);
    }
    write_file(path, states[0][0], strlen(states[0][0]));
    find_is(path, NULL, "/m-5"); /* the state file itself */
    find_is(dir, "m-10", "/m-10");
    find_is(dir, "m-10.meta", "/m-10");
    find_is(dir, "m-11", NULL);
    put_text(path, sizeof path, "%s/m-10.data-00000-of-00001", dir);
    find_is(path, NULL, "/m-10");
    put_text(path, sizeof path, "%s/m-10.index", dir);
    find_is(path, NULL, "/m-10");
    put_text(path, sizeof path, "%s/m-10", dir);
    find_is(path, NULL, "/m-10");
    put_text(path, sizeof path, "%s/nowhere/m-10", dir);
    find_is(path, NULL, NULL);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        put_text(path, sizeof path, "%s/%s", dir, made[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
    (void)state;
}

/* ---- real checkpoints */

typedef struct totals {
    size_t checkpoints, variables, bytes;
} totals;

static void read_all_variables(const char *prefix, totals *sum)
{
    fl_tf_bundle *b = NULL;
    floe_error err = {0};
    fl_arena arena;

    assert_ok(fl_tf_bundle_open(&b, NULL, prefix, &err), &err);
    fl_arena_init(&arena, NULL);
    for (size_t i = 0; i < b->n_var; i++) {
        fl_tf_tensor t;
        assert_ok(fl_tf_bundle_read(b, &b->var[i], NULL, &arena, &t, &err), &err);
        assert_int_equal(t.dtype, b->var[i].dtype);
        assert_int_equal(t.count, b->var[i].count);
        sum->bytes += t.bytes;
    }
    sum->checkpoints++;
    sum->variables += b->n_var;
    fl_arena_free(&arena);
    fl_tf_bundle_free(b);
}

static void read_if_checkpoint(const char *path, void *arg)
{
    char prefix[PATH_MAX];
    size_t size;
    int64_t shards;
    uint8_t *data = read_whole(path, &size);
    const bool table = fl_tf_sniff(data, size).kind == FL_TF_KIND_TABLE;

    free(data);
    if (!table)
        return;
    int length = (int)fl_tf_without_shard(path, &shards);
    if (ends_with(path, ".index"))
        length = (int)(strlen(path) - strlen(".index"));
    put_text(prefix, sizeof prefix, "%.*s", length, path);
    read_all_variables(prefix, arg);
}

static void every_shared_checkpoint_reads_with_all_checksums(void **state)
{
    char models[PATH_MAX];
    totals sum = {0};

    if (!fixture_models(models, sizeof models))
        skip();
    walk_files(models, read_if_checkpoint, &sum);
    print_message("%zu checkpoints, %zu variables, %zu bytes\n", sum.checkpoints, sum.variables, sum.bytes);
    assert_true(sum.checkpoints >= 26);
    (void)state;
}

/* ---- damage */

typedef struct damage_target {
    char        prefix[PATH_MAX];
    const char *suffix;  /* of the file that is damaged */
    bool        notices; /* every flip must be refused */
    size_t      silent;
    floe_env    env;
} damage_target;

static void read_damaged(const uint8_t *data, size_t size, void *arg)
{
    damage_target *t = arg;
    char path[PATH_MAX + 64];
    fl_tf_bundle *b = NULL;
    fl_arena arena;
    floe_error err = {0};
    bool refused = false;

    put_text(path, sizeof path, "%s%s", t->prefix, t->suffix);
    FILE *f = fopen(path, "wb"); /* not our own writer: it syncs, and there are thousands */
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
    floe_status st = fl_tf_bundle_open(&b, &t->env, t->prefix, &err);
    assert_ok_or_sentence(st, &err);
    refused = st != FLOE_OK;
    fl_arena_init(&arena, &t->env);
    for (size_t i = 0; st == FLOE_OK && i < b->n_var; i++) {
        fl_tf_tensor tensor;
        err.message[0] = 0;
        const floe_status read = fl_tf_bundle_read(b, &b->var[i], NULL, &arena, &tensor, &err);
        assert_ok_or_sentence(read, &err);
        refused = refused || read != FLOE_OK;
    }
    t->silent += !refused;
    fl_arena_free(&arena);
    fl_tf_bundle_free(b);
}

static void damage_checkpoint(const char *source, const char *suffix, const char *other, int flips, size_t silent)
{
    char from[2 * PATH_MAX], to[PATH_MAX + 64];
    damage_target t = {.suffix = suffix};
    size_t size, limit = (size_t)64 << 20;

    t.env = limited_env(&limit);
    put_text(t.prefix, sizeof t.prefix, "%s/floe-test-damage-%d", fixture_tmp(), (int)getpid());
    if (other) {
        put_text(from, sizeof from, "%s%s", source, other);
        put_text(to, sizeof to, "%s%s", t.prefix, other);
        uint8_t *rest = read_whole(from, &size);
        write_file(to, rest, size);
        free(rest);
    }
    put_text(from, sizeof from, "%s%s", source, suffix);
    uint8_t *data = read_whole(from, &size);
    damage(data, size, flips, read_damaged, &t);
    free(data);
    put_text(to, sizeof to, "%s%s", t.prefix, suffix);
    unlink(to);
    if (other) {
        put_text(to, sizeof to, "%s%s", t.prefix, other);
        unlink(to);
    }
    if (t.silent > silent)
        fail_msg("%s%s: %zu damages were not noticed", source, suffix, t.silent);
}

static void damaged_checkpoints_are_refused(void **state)
{
    char models[PATH_MAX], path[2 * PATH_MAX];

    if (!fixture_models(models, sizeof models))
        skip();
    /* Of a table's bits only the padding of the footer (about 33 of some hundred bytes) may change unnoticed. */
    put_text(path, sizeof path, "%s/tf2onnx/tests/models/regression/checkpoint/model", models);
    damage_checkpoint(path, ".index", ".data-00000-of-00001", 2000, 2000 * 36 / 134 + 100);
    put_text(path, sizeof path, "%s/cppflow/examples/load_model/model/variables/variables", models);
    damage_checkpoint(path, ".index", ".data-00000-of-00001", 2000, 2000 * 36 / 387 + 100);
    damage_checkpoint(path, ".data-00000-of-00001", ".index", 2000, 0);
    put_text(path, sizeof path, "%s/tfsrc/tensorflow/contrib/tfprof/tools/tfprof/internal/testdata/ckpt", models);
    damage_checkpoint(path, "", NULL, 2000, 2000 * 36 / 2059 + 50);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_vectors_hold),
        cmocka_unit_test(ordered_code_vectors_hold),
        cmocka_unit_test(snappy_decodes_every_kind_of_tag),
        cmocka_unit_test(tables_of_one_or_many_blocks_read_back),
        cmocka_unit_test(unordered_tables_and_overlapping_blocks_are_refused),
        cmocka_unit_test(every_flipped_bit_of_a_table_is_noticed),
        cmocka_unit_test(big_endian_bundles_are_swapped),
        cmocka_unit_test(slice_specifications_are_parsed_or_refused),
        cmocka_unit_test(slices_are_put_together_and_gaps_are_refused),
        cmocka_unit_test(the_checkpoint_meant_is_found),
        cmocka_unit_test(every_shared_checkpoint_reads_with_all_checksums),
        cmocka_unit_test(damaged_checkpoints_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
