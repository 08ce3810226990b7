/* test_hostile.c - every stage on damaged files: cut at every 64th byte, one bit flipped in 2,000 places, empty, of the wrong
 * kind, missing. Each call must end with success or with a status and a sentence that begins with the path; where a checksum
 * covers the bytes it must fail. Crashes, leaks and undefined behaviour are for the sanitizers to see (make asan, make ubsan).
 * The program's commands on the same damage are test_tools_damage.c's.
 */
#include "floe.h"
#include "floe_image.h"
#include "golden.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLIPS 2000

static char work[512]; /* a folder of our own */

/* ---- files */

typedef struct bytes {
    uint8_t *data;
    size_t   size;
} bytes;

static bytes read_file(const char *path)
{
    bytes b = {NULL, 0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return b;
    fseek(f, 0, SEEK_END);
    b.size = (size_t)ftell(f);
    rewind(f);
    b.data = malloc(b.size + 1);
    if (fread(b.data, 1, b.size, f) != b.size)
        b.size = 0;
    fclose(f);
    return b;
}

static void write_file(const char *path, const void *data, size_t size)
{
    unlink(path); /* file systems flush a file that is cut and written again, which takes most of the time */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static const char *in_work(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/%s", work, name);
    return out;
}

static void copy_file(const char *from, const char *to)
{
    bytes b = read_file(from);
    assert_non_null(b.data);
    write_file(to, b.data, b.size);
    free(b.data);
}

/* ---- the tools under test: each takes the path that a user would give */

typedef floe_status (*tool)(const char *path, floe_error *err);

static floe_status inspect(const char *path, floe_error *err)
{
    floe_file_info *info = NULL;
    const floe_status st = floe_file_inspect(&info, NULL, path, err);
    floe_file_info_free(info);
    return st;
}

static floe_status convert(const char *path, floe_error *err)
{
    floe_blob *uff = NULL, *text = NULL;
    const floe_status st = floe_convert(&uff, &text, NULL, path, NULL, err);
    floe_blob_free(uff);
    floe_blob_free(text);
    return st;
}

/* Builds in memory and runs once: what `floe infer model.pb` does. */
static floe_status build_and_run(const char *path, floe_error *err)
{
    static float input[1 << 16];
    const char *names[] = {"input"};
    const floe_dims dims[] = {{3, {3, 17, 25}}};
    const floe_builder builder = {.no_timing = true, .max_batch_size = 1};
    const floe_lite_options options = {.builder = &builder, .input_names = names, .input_dims = dims, .n_inputs = 1, .threads = 1};
    floe_lite *lite = NULL;
    const void *in[8], *out[64];
    floe_status st = floe_lite_open(&lite, NULL, path, &options, err);
    if (st == FLOE_OK) {
        const floe_engine *e = floe_lite_engine(lite);
        size_t inputs = 0, outputs = 0, bytes_in = 0;
        for (int i = 0; i < floe_engine_binding_count(e); i++) {
            const floe_binding *b = floe_engine_binding(e, i);
            inputs += b->is_input;
            outputs += !b->is_input;
            if (b->is_input)
                bytes_in += (size_t)floe_dims_count(&b->dims, 1) * floe_dtype_bytes(b->dtype);
        }
        for (size_t i = 0; i < 8; i++)
            in[i] = input;
        if (inputs <= 8 && outputs <= 64 && bytes_in <= sizeof input)
            st = floe_lite_infer(lite, 1, in, out, err);
    }
    floe_lite_free(lite);
    return st;
}

static floe_status load_engine(const char *path, floe_error *err)
{
    floe_engine *engine = NULL;
    const floe_status st = floe_engine_load(&engine, NULL, path, NULL, err);
    floe_engine_free(engine);
    return st;
}

/* path lies in the checkpoint's folder. */
static floe_status freeze(const char *path, floe_error *err)
{
    char folder[600];
    const char *outputs[] = {"output"};
    floe_blob *blob = NULL;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    const floe_status st = floe_freeze(&blob, NULL, folder, &(floe_freeze_options){.outputs = outputs, .n_outputs = 1}, err);
    floe_blob_free(blob);
    return st;
}

static floe_status load_picture(const char *path, floe_error *err)
{
    floe_image image = {0};
    const floe_status st = floe_image_load(&image, NULL, path, &(floe_image_options){.channels = 3}, err);
    floe_image_free(&image);
    return st;
}

/* ---- damage */

static uint32_t noise(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static void check(const char *what, const char *path, tool run, bool must_fail)
{
    floe_error err = {0};
    const floe_status st = run(path, &err);
    if (st == FLOE_OK && must_fail)
        fail_msg("%s of %s was accepted", what, path);
    if (st != FLOE_OK && (!err.message[0] || strchr(err.message, '\n') || err.status != st))
        fail_msg("%s of %s: status %d with the sentence \"%s\"", what, path, st, err.message);
    if (st != FLOE_OK && st != FLOE_ERR_MEMORY && strncmp(err.message, work, strlen(work)) != 0)
        fail_msg("%s of %s: the sentence does not begin with a path: \"%s\"", what, path, err.message);
}

typedef struct victim {
    const char *file;      /* in the work folder */
    tool        run;
    bool        checked;   /* checksums cover every byte: damage must be found */
    size_t      truncated_every;
    size_t      flips;
} victim;

static void torment(const victim *v)
{
    char path[700];
    uint32_t state = 20261124;
    in_work(path, sizeof path, v->file);
    bytes good = read_file(path);
    assert_non_null(good.data);
    floe_error err = {0};
    if (v->run(path, &err) != FLOE_OK)
        fail_msg("%s as it is: %s", path, err.message);
    for (size_t at = 0; at < good.size; at += v->truncated_every) {
        write_file(path, good.data, at);
        check("a cut", path, v->run, v->checked);
    }
    for (size_t i = 0; i < v->flips; i++) {
        const size_t at = noise(&state) % good.size, bit = noise(&state) >> 16 & 7;
        good.data[at] ^= (uint8_t)(1u << bit);
        write_file(path, good.data, good.size);
        check("a flipped bit", path, v->run, v->checked);
        good.data[at] ^= (uint8_t)(1u << bit);
    }
    write_file(path, good.data, good.size);
    free(good.data);
}

static size_t flips(void) { return getenv("FLOE_SANITIZED") ? FLIPS / 4 : FLIPS; }
static size_t cut(void) { return getenv("FLOE_SANITIZED") ? 256 : 64; }

static void damaged_graphs(void **state)
{
    (void)state;
    torment(&(victim){"net.pb", inspect, false, cut(), flips()});
    torment(&(victim){"net.pb", convert, false, cut(), flips()});
    torment(&(victim){"net.pb", build_and_run, false, cut(), flips()});
}

static void damaged_uff(void **state)
{
    (void)state;
    torment(&(victim){"net.uff", inspect, false, cut(), flips()});
    torment(&(victim){"net.uff", build_and_run, false, cut(), flips()});
}

static void damaged_plans(void **state)
{
    (void)state;
    torment(&(victim){"net.PLAN", inspect, true, cut(), flips()});
    torment(&(victim){"net.PLAN", load_engine, true, cut(), flips()});
    torment(&(victim){"net.PLAN", build_and_run, true, cut(), flips()});
}

static void damaged_checkpoints(void **state)
{
    (void)state;
    torment(&(victim){"v2/model.ckpt.index", inspect, false, cut(), flips()});
    torment(&(victim){"v2/model.ckpt.index", freeze, false, cut(), flips()});
    torment(&(victim){"v2/model.ckpt.meta", freeze, false, cut() * 4, flips() / 4});
    torment(&(victim){"v2/model.ckpt.meta", inspect, false, cut() * 4, flips() / 4});
}

static void damaged_pictures(void **state)
{
    (void)state;
    torment(&(victim){"Car.png", load_picture, false, cut() * 4, flips() / 4});
    torment(&(victim){"Car.jpg", load_picture, false, cut() * 4, flips() / 4});
}

/* ---- the wrong kind, nothing, and not there */

static void empty_foreign_and_missing_files(void **state)
{
    static const tool tools[] = {inspect, convert, build_and_run, load_engine, freeze, load_picture};
    static const struct {
        const char *name, *content;
        size_t      size;
    } files[] = {{"f/empty", "", 0},
                 {"f/text", "once upon a time\n", 17},
                 {"f/zip", "PK\3\4aaaaaaaaaaaaaaaaaaaaaaaaaaaa", 32},
                 {"f/hdf5", "\x89HDF\r\n\x1a\n....................", 28},
                 {"f/zeros", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16},
                 {"f/ones", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12}};
    char path[700];
    (void)state;
    mkdir(in_work(path, sizeof path, "f"), 0777);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_file(in_work(path, sizeof path, files[i].name), files[i].content, files[i].size);
        for (size_t k = 0; k < sizeof tools / sizeof *tools; k++)
            check("a foreign file", path, tools[k], true);
        unlink(path);
    }
    for (size_t k = 0; k < sizeof tools / sizeof *tools; k++) {
        check("a missing file", in_work(path, sizeof path, "f/none"), tools[k], true);
        if (tools[k] != freeze)
            check("a folder", in_work(path, sizeof path, "f"), tools[k], true);
    }
    if (geteuid() != 0) {
        write_file(in_work(path, sizeof path, "f/secret"), "x", 1);
        chmod(path, 0);
        for (size_t k = 0; k < sizeof tools / sizeof *tools; k++)
            check("an unreadable file", path, tools[k], true);
    }
}

/* ---- outputs that cannot be written */

static void outputs_that_cannot_be_written(void **state)
{
    char path[700];
    floe_blob *uff = NULL;
    floe_error err;
    (void)state;
    assert_int_equal(floe_convert(&uff, NULL, NULL, in_work(path, sizeof path, "net.pb"), NULL, &err), FLOE_OK);
    assert_int_equal(floe_blob_save(uff, "/dev/full", &err), FLOE_ERR_IO);
    assert_non_null(strstr(err.message, "/dev/full"));
    assert_int_equal(floe_blob_save(uff, in_work(path, sizeof path, "no/such/folder/x.uff"), &err), FLOE_ERR_IO);
    assert_int_equal(floe_blob_save(uff, work, &err), FLOE_ERR_IO);
    floe_blob_free(uff);
}

/* ---- good files to start from */

static int prepare(void **state)
{
    char from[1024], path[700];
    floe_blob *uff = NULL, *plan = NULL;
    floe_uff_parser *parser = NULL;
    floe_network *network = NULL;
    const floe_dims dims = {3, {3, 17, 25}};
    (void)state;
    snprintf(work, sizeof work, "%s/floe-hostile-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(work))
        return -1;
    copy_file(golden_path(from, sizeof from, "tests/golden/net/net_049.pb"), in_work(path, sizeof path, "net.pb"));
    copy_file(golden_path(from, sizeof from, "images/Car.png"), in_work(path, sizeof path, "Car.png"));
    copy_file(golden_path(from, sizeof from, "images/Car3.jpg"), in_work(path, sizeof path, "Car.jpg"));
    if (floe_convert(&uff, NULL, NULL, in_work(path, sizeof path, "net.pb"), NULL, NULL) != FLOE_OK ||
        floe_blob_save(uff, in_work(path, sizeof path, "net.uff"), NULL) != FLOE_OK ||
        floe_uff_parser_create(&parser, NULL, NULL) != FLOE_OK || floe_network_create(&network, NULL, NULL) != FLOE_OK ||
        floe_uff_parser_register_input(parser, "input", &dims, FLOE_ORDER_GRAPH, NULL) != FLOE_OK ||
        floe_uff_parser_parse(parser, path, network, NULL) != FLOE_OK ||
        floe_builder_build(&plan, &(floe_builder){.no_timing = true}, network, NULL) != FLOE_OK ||
        floe_blob_save(plan, in_work(path, sizeof path, "net.PLAN"), NULL) != FLOE_OK)
        return -1;
    floe_blob_free(uff);
    floe_blob_free(plan);
    floe_network_free(network);
    floe_uff_parser_free(parser);

    static const char *parts[] = {"checkpoint", "model.ckpt.index", "model.ckpt.meta", "model.ckpt.data-00000-of-00001"};
    mkdir(in_work(path, sizeof path, "v2"), 0777);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[128];
        snprintf(name, sizeof name, "tests/golden/ckpt/v2_ref/%s", parts[i]);
        golden_path(from, sizeof from, name);
        snprintf(name, sizeof name, "v2/%s", parts[i]);
        copy_file(from, in_work(path, sizeof path, name));
    }
    return 0;
}

static int clean_up(void **state)
{
    char command[700];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", work);
    return system(command) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_graphs),
        cmocka_unit_test(damaged_uff),
        cmocka_unit_test(damaged_plans),
        cmocka_unit_test(damaged_checkpoints),
        cmocka_unit_test(damaged_pictures),
        cmocka_unit_test(empty_foreign_and_missing_files),
        cmocka_unit_test(outputs_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
