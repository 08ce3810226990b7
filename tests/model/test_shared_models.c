/* test_shared_models.c - whole networks that other people trained, from their file to a known answer.
 *
 * What is known of each: MobileNet's classes and probabilities of five photos; the digits of 100 MNIST pictures; one
 * input and output stored beside a Keras model; that super-resolution beats bicubic interpolation; that a .uff which
 * NVIDIA's converter wrote computes what its .pb does. Everything runs with all optimizations and fast tactics, and
 * with none and the references; where nothing else is known, the two must agree.
 */
#include "csv.h"
#include "golden.h"
#include "op_list.h"

#include "floe_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BINDINGS 64

static const char *ref[] = {".ref"};
static const floe_builder plain = {
    .opt_level = -1, .only_tactics = ref, .n_only_tactics = 1, .no_timing = true, .max_batch_size = 8};
static const floe_builder fast = {.no_timing = true, .max_workspace_size = 1 << 26, .max_batch_size = 8};

/* A file and what is said of it; input NULL: the graph says all. dims are without the batch. */
typedef struct net {
    const char *path, *input, *output;
    floe_dims dims;
} net;

static const char *in_models(char *path, size_t size, const char *rest)
{
    const char *root = golden_shared_models();
    if (!root)
        skip();
    snprintf(path, size, "%s/%s", root, rest);
    return path;
}

/* clang-format off */
#define DIMS(h, w, c) {3, {h, w, c}}
/* clang-format on */

/* ---- running */

static floe_status open_net(floe_lite **lite, const net *n, const floe_builder *builder, floe_error *err)
{
    char path[1400];
    const floe_lite_options options = {.threads = builder == &plain ? 1 : 2,
                                       .builder = builder,
                                       .input_names = &n->input,
                                       .input_dims = &n->dims,
                                       .n_inputs = n->input != NULL,
                                       .outputs = &n->output,
                                       .n_outputs = n->output != NULL};
    return floe_lite_open(lite, NULL, *n->path == '/' ? n->path : in_models(path, sizeof path, n->path), &options, err);
}

static floe_lite *must_open(const net *n, const floe_builder *builder)
{
    floe_lite *lite = NULL;
    floe_error err = {0};
    if (open_net(&lite, n, builder, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return lite;
}

/* The first output for float inputs at this batch; it lives as long as lite. */
static const float *must_infer(floe_lite *lite, int64_t batch, const float *x)
{
    const void *outputs[MAX_BINDINGS], *inputs[1] = {x};
    floe_error err = {0};
    if (floe_lite_infer(lite, batch, inputs, outputs, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    return outputs[0];
}

static int best_of(const float *p, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        if (p[i] > p[best])
            best = i;
    return best;
}

/* ---- with and without optimization */

/* Values in -1..2 for floats (both sides of every clip and pool), 0..9 for integers. */
static void *random_values(const floe_binding *b, int64_t batch, uint32_t *seed)
{
    char kind;
    int bytes;
    static const struct {
        floe_dtype dtype;
        const char *name;
    } names[] = {{FLOE_FLOAT32, "float32"}, {FLOE_INT32, "int32"}, {FLOE_INT64, "int64"}, {FLOE_BOOL, "bool"}};
    const size_t n = (size_t)floe_dims_count(&b->dims, batch), item = floe_dtype_bytes(b->dtype);
    uint8_t *data = calloc(n + 1, item);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (size_t i = 0; names[k].dtype == b->dtype && i < n && csv_type(names[k].name, &kind, &bytes); i++) {
            *seed = *seed * 1664525u + 1013904223u;
            const float f = (float)(*seed >> 8) / (float)(1 << 24) * 3 - 1;
            const int64_t whole = (*seed >> 16) % (b->dtype == FLOE_BOOL ? 2 : 10);
            memcpy(data + i * item, kind == 'f' ? (const void *)&f : (const void *)&whole, item);
        }
    return data;
}

static npy_array array_of(const floe_binding *b, int64_t batch, const void *data)
{
    static const char kinds[] = {[FLOE_FLOAT32] = 'f', [FLOE_FLOAT16] = 'f', [FLOE_FLOAT64] = 'f', [FLOE_INT8] = 'i',
                                 [FLOE_UINT8] = 'u',   [FLOE_INT16] = 'i',   [FLOE_UINT16] = 'u',  [FLOE_INT32] = 'i',
                                 [FLOE_UINT32] = 'u',  [FLOE_INT64] = 'i',   [FLOE_UINT64] = 'u',  [FLOE_BOOL] = 'b'};
    npy_array a = {.kind = kinds[b->dtype],
                   .item_bytes = (int)floe_dtype_bytes(b->dtype),
                   .rank = b->dims.rank,
                   .count = (size_t)floe_dims_count(&b->dims, batch),
                   .data = (void *)data};
    for (int i = 0; i < b->dims.rank; i++)
        a.dim[i] = b->dims.d[i] < 0 ? -b->dims.d[i] * batch : b->dims.d[i];
    return a;
}

/* All outputs of both for the same random inputs. A float32 sum of a few hundred terms leaves 1e-6 of its largest term,
 * and inside these nets values are up to a hundred times as large as what comes out (ESPCN: 175 before, 1 behind its
 * tanh). */
static void compare(floe_lite *a, floe_lite *b, const char *name, int64_t batch)
{
    void *inputs[MAX_BINDINGS] = {NULL};
    const void *from_a[MAX_BINDINGS], *from_b[MAX_BINDINGS];
    const floe_engine *engine = floe_lite_engine(a);
    uint32_t seed = 7;
    int n_in = 0;
    char why[400];
    floe_error err = {0};
    const int n = floe_engine_binding_count(engine);
    assert_true(n <= MAX_BINDINGS && n == floe_engine_binding_count(floe_lite_engine(b)));
    for (; n_in < n && floe_engine_binding(engine, n_in)->is_input; n_in++)
        inputs[n_in] = random_values(floe_engine_binding(engine, n_in), batch, &seed);
    if (floe_lite_infer(a, batch, (const void *const *)inputs, from_a, &err) != FLOE_OK ||
        floe_lite_infer(b, batch, (const void *const *)inputs, from_b, &err) != FLOE_OK)
        fail_msg("%s: %s", name, err.message);
    for (int i = n_in; i < n; i++) {
        const floe_binding *o = floe_engine_binding(engine, i);
        const npy_array expected = array_of(o, batch, from_b[i - n_in]);
        if (!golden_equal(from_a[i - n_in], o->dtype, &o->dims, batch, &expected, 1e-4, why, sizeof why))
            fail_msg("%s: %s: %s", name, o->name, why);
    }
    for (int i = 0; i < n_in; i++)
        free(inputs[i]);
}

static void same_with_and_without_optimizer(const net *n, int64_t batch)
{
    floe_lite *a = must_open(n, &fast), *b = must_open(n, &plain);
    compare(a, b, n->path, batch);
    floe_lite_free(a);
    floe_lite_free(b);
}

/* ---- MobileNet */

#define PHOTOS "images/opencv/testdata/"

/* What is known of these files, for two classes each: what the table in the models' README says, where it does, and
 * what TensorFlow 2.21 says when it makes the pictures itself.
 *
 * The table's pictures were resized by tf.image.resize(images, size, 'lanczos3', antialias=True) and then stored as
 * bytes by cutting off what is behind the point: so all seven numbers come out to their last digit, and in no other way
 * that was tried (TensorFlow's other filters with and without antialias, Pillow's; rounded, cut off, kept). floe keeps
 * the fractions, as tf.image.resize does; that moves a probability by up to 0.004, and the table's own rounding by
 * 0.005 more. */
enum { BILINEAR, LANCZOS, LANCZOS_BYTES, WAYS };

typedef struct answer {
    int class;   /* of the 1001 list */
    float table; /* 0: not in it */
    float p[WAYS];
} answer;

static const struct photo {
    const char *file, *label;
    answer best, other;
} photos[] = {
    {PHOTOS "dnn/space_shuttle.jpg",
     "space shuttle",
     {813, 0.94f, {0.91959f, 0.94232f, 0.94153f}},
     {405, 0, {0.02625f, 0.01420f, 0.01464f}}},
    {PHOTOS "cv/shared/fruits.png",
     "lemon",
     {952, 0.58f, {0.58207f, 0.58305f, 0.58366f}},
     {951, 0, {0.33682f, 0.35024f, 0.34886f}}},
    {PHOTOS "dnn/dog416.png",
     "malamute, malemute, Alaskan malamute",
     {250, 0.18f, {0.21800f, 0.17603f, 0.17740f}},
     {251, 0, {0.17022f, 0.15397f, 0.15610f}}},
    {"images/tract/examples/face_detection_yolov8onnx_example/grace_hopper.jpg",
     "bow tie, bow-tie, bowtie",
     {458, 0.31f, {0.30374f, 0.31484f, 0.31345f}},
     {653, 0.25f, {0.20025f, 0.25093f, 0.25169f}}},
    {PHOTOS "cv/shared/airplane.png",
     "wing",
     {909, 0.33f, {0.44115f, 0.33537f, 0.33163f}},
     {405, 0.21f, {0.22401f, 0.21561f, 0.21168f}}},
};

static void read_label(char *label, size_t size, int line)
{
    char path[1400];
    FILE *file = fopen(in_models(path, sizeof path, "labels/data/imagenet_labels_1001.txt"), "r");
    assert_non_null(file);
    for (int i = 0; i <= line; i++)
        assert_non_null(fgets(label, (int)size, file));
    label[strcspn(label, "\r\n")] = 0;
    fclose(file);
}

#define PICTURE (224 * 224 * 3)

static void photo_to_tensor(float *tensor, const char *file, int way)
{
    char path[1400];
    const floe_image_options options = {.channels = 3};
    floe_image photo = {0};
    floe_preprocess prep;
    floe_error err = {0};
    floe_status st = floe_preprocess_find(&prep, "-1..1", &err);
    if (st == FLOE_OK)
        st = floe_image_load(&photo, NULL, in_models(path, sizeof path, file), &options, &err);
    if (st == FLOE_OK && way != LANCZOS_BYTES) {
        prep.resize = way == LANCZOS ? FLOE_RESIZE_LANCZOS3 : FLOE_RESIZE_BILINEAR;
        st = floe_image_to_tensor(tensor, PICTURE, &photo, &prep, 224, 224, 3, FLOE_IMAGE_NHWC, &err);
    } else if (st == FLOE_OK) {
        st = floe_image_resize(tensor, PICTURE, &photo, FLOE_RESIZE_LANCZOS3, 224, 224, &err);
        for (int i = 0; i < PICTURE; i++)
            tensor[i] = truncf(fminf(fmaxf(tensor[i], 0), 255));
        if (st == FLOE_OK)
            st = floe_image_normalize(tensor, PICTURE, tensor, 224, 224, 3, &prep, FLOE_IMAGE_NHWC, &err);
    }
    floe_image_free(&photo);
    if (st != FLOE_OK)
        fail_msg("%s", err.message);
}

/* Pictures and tensors are TensorFlow's to the bit; 28 layers of float32 sums leave the fifth digit. Of the table,
 * TensorFlow's own distance, to 0.01; where the pictures are the table's own, half of its last digit. */
static void check_answer(const float *p, const answer *a, int way)
{
    assert_float_equal(p[a->class], a->p[way], 5e-5f);
    if (a->table > 0 && way != BILINEAR)
        assert_float_equal(p[a->class], a->table, way == LANCZOS ? 0.01f : 0.005f);
}

static void check_photos(floe_lite *lite, float tensor[5][PICTURE], int way)
{
    for (int i = 0; i < 5; i++) {
        const float *p = must_infer(lite, 1, tensor[i]);
        print_message("%s: %d %.5f, %d %.5f\n", photos[i].file, best_of(p, 1001), (double)p[photos[i].best.class],
                      photos[i].other.class, (double)p[photos[i].other.class]);
        assert_int_equal(best_of(p, 1001), photos[i].best.class);
        check_answer(p, &photos[i].best, way);
        check_answer(p, &photos[i].other, way);
    }
    /* All five at once, the graph's batch of 1 made dynamic. */
    const float *all = must_infer(lite, 5, tensor[0]);
    for (int i = 0; i < 5; i++)
        check_answer(all + i * 1001, &photos[i].best, way);
}

static void mobilenet_knows_the_photos(int way)
{
    static const net mobilenet = {.path = "mnv1-025/tf_files/models/mobilenet_v1_0.25_224/frozen_graph.pb"};
    static float tensor[5][PICTURE];
    const floe_builder *builders[] = {&fast, &plain};
    char label[256];
    for (int i = 0; i < 5; i++) {
        photo_to_tensor(tensor[i], photos[i].file, way);
        read_label(label, sizeof label, photos[i].best.class);
        assert_string_equal(label, photos[i].label);
    }
    for (int k = 0; k < 2; k++) {
        floe_lite *lite = must_open(&mobilenet, builders[k]);
        check_photos(lite, tensor, way);
        floe_lite_free(lite);
    }
}

static void mobilenet_knows_photos_resized_bilinearly(void **state)
{
    (void)state;
    mobilenet_knows_the_photos(BILINEAR);
}

static void mobilenet_gives_the_probabilities_of_the_table(void **state)
{
    (void)state;
    mobilenet_knows_the_photos(LANCZOS);
}

static void mobilenet_gives_every_digit_of_the_table_from_whole_levels(void **state)
{
    (void)state;
    mobilenet_knows_the_photos(LANCZOS_BYTES);
}

/* ---- digits */

/* The first hundred of MNIST's test set, which the dl4j graph mnist_00 has as its input. */
static const char digits[] =
    "7210414959069015973496654074013134727121174235124463556041957893746430702917329776278473613693141769";

static float *load_digits(float brightest)
{
    char base[1400], why[400];
    npy_array a;
    in_models(base, sizeof base, "dl4j/src/main/resources/tf_graphs/examples/mnist_00/input.placeholder");
    if (!csv_load(&a, base, 'f', 4, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(a.count, 100 * 784);
    for (size_t i = 0; i < a.count; i++)
        ((float *)a.data)[i] *= brightest;
    return a.data;
}

#define MNIST_DIMS DIMS(28, 28, 1)

/* `least`: what each reads right of these hundred (in TensorFlow too), less one: a digit on the fence may fall to
 * either side. */
static void digits_are_read(void **state)
{
    static const struct {
        net net;
        float brightest;
        int least;
    } readers[] = {
        {{"tf2onnx/tests/models/fc-layers/frozen.pb", NULL, NULL, {0}}, 1, 99},
        {{"uff-lenet/models/model.pb", NULL, NULL, {0}}, 1, 98},
        {{"uff-lenet/models/model.uff", NULL, NULL, {0}}, 1, 98},
        {{"utensor/tests/temp/deep_mlp.pb", NULL, "logits", {0}}, 1, 97},
        {{"uff-allcnn/all_cnn.uff", "input_layer_1", NULL, MNIST_DIMS}, 255, 86},
        {{"dl4j/src/main/resources/tf_graphs/examples/mnist_00/frozen_model.pb", NULL, "output", {0}}, 1, 92},
    };
    const floe_builder *builders[] = {&fast, &plain};
    (void)state;
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        float *x = load_digits(readers[i].brightest);
        for (int k = 0; k < 2; k++) {
            floe_lite *lite = must_open(&readers[i].net, builders[k]);
            const float *p = must_infer(lite, 100, x); /* in pieces of at most 8 */
            int right = 0;
            for (int d = 0; d < 100; d++)
                right += best_of(p + 10 * d, 10) == digits[d] - '0';
            print_message("%s: %d of 100 digits\n", readers[i].net.path, right);
            assert_true(right >= readers[i].least);
            floe_lite_free(lite);
        }
        free(x);
    }
}

/* ---- a Keras model with its input and output */

/* Member `name` of a .npz: a zip archive whose members are not compressed. */
static npy_array npz_member(const char *path, const char *name)
{
    static uint8_t bytes[4096];
    char why[400];
    npy_array a;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t at = 0; at + 30 < size && !memcmp(bytes + at, "PK\3\4", 4);) {
        uint32_t member;
        uint16_t name_bytes, extra_bytes;
        memcpy(&member, bytes + at + 22, 4);
        memcpy(&name_bytes, bytes + at + 26, 2);
        memcpy(&extra_bytes, bytes + at + 28, 2);
        const size_t data = at + 30 + name_bytes + extra_bytes;
        if (data + member > size)
            break;
        if (name_bytes == strlen(name) && !memcmp(bytes + at + 30, name, name_bytes)) {
            if (!npy_parse(&a, bytes + data, member, path, why, sizeof why))
                fail_msg("%s", why);
            return a;
        }
        at = data + member;
    }
    fail_msg("%s: no member %s", path, name);
    return a;
}

static void keras_model_gives_its_stored_output(void **state)
{
    char path[1400];
    floe_blob *frozen = NULL;
    floe_error err = {0};
    const floe_builder *builders[] = {&fast, &plain};
    char file[512];
    const char *folder = getenv("TMPDIR");
    (void)state;
    in_models(path, sizeof path, "tract/examples/jupyter-keras-tract-tf2/io.npz");
    npy_array x = npz_member(path, "input.npy"), y = npz_member(path, "output.npy");
    in_models(path, sizeof path, "tract/examples/jupyter-keras-tract-tf2/my_model");
    if (floe_freeze(&frozen, NULL, path, NULL, &err) != FLOE_OK)
        fail_msg("%s", err.message);
    snprintf(file, sizeof file, "%s/floe-test-keras-XXXXXX", folder ? folder : "/tmp");
    const int fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(floe_blob_save(frozen, file, &err), FLOE_OK);
    for (int k = 0; k < 2; k++) {
        floe_lite *lite = must_open(&(net){.path = file}, builders[k]);
        assert_float_equal(*must_infer(lite, 1, x.data), *(const float *)y.data, 1e-6f);
        floe_lite_free(lite);
    }
    remove(file);
    floe_blob_free(frozen);
    npy_free(&x);
    npy_free(&y);
}

/* ---- UFF beside its graph */

static void uff_computes_what_its_graph_does(void **state)
{
    static const struct {
        net uff, pb;
    } pairs[] = {
        {{"uff-lenet/models/model.uff", NULL, NULL, {0}}, {"uff-lenet/models/model.pb", NULL, NULL, {0}}},
        {{"uff-ppo/model.uff", NULL, NULL, {0}}, {"uff-ppo/model.pb", NULL, NULL, {0}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        floe_lite *a = must_open(&pairs[i].uff, &fast), *b = must_open(&pairs[i].pb, &fast);
        compare(a, b, pairs[i].uff.path, 3);
        floe_lite_free(a);
        floe_lite_free(b);
    }
}

/* The older converter left the input's shape out of its files. */
static void uff_without_a_shape_takes_the_callers(void **state)
{
    static const net all_cnn = {"uff-allcnn/all_cnn.uff", "input_layer_1", NULL, MNIST_DIMS},
                     test = {"uff-allcnn/test.uff", "input_image", NULL, MNIST_DIMS},
                     no_shape = {"uff-allcnn/all_cnn.uff", NULL, NULL, {0}};
    floe_lite *lite = NULL;
    floe_error err = {0};
    (void)state;
    same_with_and_without_optimizer(&all_cnn, 2);
    same_with_and_without_optimizer(&test, 2);
    assert_int_equal(open_net(&lite, &no_shape, &fast, &err), FLOE_ERR_SHAPE);
    assert_non_null(strstr(err.message, "input_layer_1"));
}

/* ---- nets that take any size */

#define GREY(h, w)   DIMS(h, w, 1)
#define COLOUR(h, w) DIMS(h, w, 3)

static void nets_of_any_size_agree_with_themselves(void **state)
{
    static const net nets[] = {
        {"espcn/export/ESPCN_x2.pb", "IteratorGetNext", NULL, GREY(12, 17)},
        {"espcn/export/ESPCN_x3.pb", "IteratorGetNext", NULL, GREY(9, 10)},
        {"espcn/export/ESPCN_x4.pb", "IteratorGetNext", "NHWC_output", GREY(7, 8)},
        {"fsrcnn/models/FSRCNN_x2.pb", "IteratorGetNext", NULL, GREY(11, 13)},
        {"fsrcnn/models/FSRCNN_x3.pb", "IteratorGetNext", NULL, GREY(16, 7)},
        {"fsrcnn/models/FSRCNN_x4.pb", "IteratorGetNext", NULL, GREY(8, 9)},
        {"fsrcnn/models/FSRCNN-small_x2.pb", "IteratorGetNext", NULL, GREY(11, 13)},
        {"fsrcnn/models/FSRCNN-small_x3.pb", "IteratorGetNext", NULL, GREY(11, 13)},
        {"fsrcnn/models/FSRCNN-small_x4.pb", "IteratorGetNext", NULL, GREY(11, 13)},
        {"lapsrn/export/LapSRN_x2.pb", "IteratorGetNext", NULL, GREY(8, 11)},
        {"facenet-hist/model/ntcnn/pnet.pb", "pnet/input", NULL, COLOUR(12, 12)},
        {"facenet-hist/model/ntcnn/pnet.pb", "pnet/input", NULL, COLOUR(37, 50)},
        {"facenet-hist/model/ntcnn/rnet.pb", "rnet/input", NULL, COLOUR(24, 24)},
        {"utensor/tests/deep_cnn/cifar10_cnn.pb", NULL, "fully_connect_2/logits", {0}},
        {"cppflow/examples/load_frozen_graph/model.pb", NULL, NULL, {0}},
        {"tract/examples/test_tract/my_model.pb", NULL, NULL, {0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        for (int64_t batch = 1; batch <= 3; batch += 2)
            same_with_and_without_optimizer(&nets[i], batch);
}

/* The graphs of another runtime's parser tests, as far as they are made of promised operations. */
static void parser_graphs_agree_with_themselves(void **state)
{
    char folder[1200], path[1500], name[300], missing[400];
    int run = 0;
    (void)state;
    DIR *dir = opendir(in_models(folder, sizeof folder, "migraphx/test/tf/models"));
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        floe_builder one = fast, other = plain;
        floe_lite *a = NULL, *b = NULL;
        floe_error err = {0};
        snprintf(path, sizeof path, "%s/%.200s", folder, e->d_name);
        snprintf(name, sizeof name, "migraphx/test/tf/models/%.200s", e->d_name);
        if (!strstr(e->d_name, ".pb") || !op_list_missing(path, missing, sizeof missing) || *missing ||
            !strcmp(e->d_name, "noop_test.pb")) /* nothing to compute */
            continue;
        one.max_batch_size = other.max_batch_size = 1;
        const net graph = {.path = name};
        if (open_net(&a, &graph, &one, &err) != FLOE_OK || open_net(&b, &graph, &other, &err) != FLOE_OK)
            fail_msg("%s", err.message);
        compare(a, b, e->d_name, 1);
        floe_lite_free(a);
        floe_lite_free(b);
        run++;
    }
    closedir(dir);
    print_message("%d graphs\n", run);
    assert_true(run >= 40);
}

/* ---- super-resolution is better than bicubic interpolation */

#define SIDE 224

/* Mean square error, a border of 4 left out where filters meet the edge. */
static double error_of(const float *a, const floe_image *b)
{
    double sum = 0;
    for (int y = 4; y < SIDE - 4; y++)
        for (int x = 4; x < SIDE - 4; x++) {
            const double v = a[y * SIDE + x], d = (v < 0 ? 0 : v > 1 ? 1 : v) - b->data[y * SIDE + x] / 255.0;
            sum += d * d;
        }
    return sum / ((SIDE - 8) * (SIDE - 8));
}

static void super_resolution_beats_bicubic(void **state)
{
    static const char *paths[] = {"espcn/export/ESPCN_x2.pb", "fsrcnn/models/FSRCNN_x2.pb",
                                  "lapsrn/export/LapSRN_x2.pb"};
    static float small[SIDE / 2 * SIDE / 2], large[SIDE * SIDE];
    static uint8_t cut[SIDE * SIDE], small_bytes[SIDE / 2 * SIDE / 2];
    char path[1400];
    const floe_image_options grey = {.channels = 1};
    floe_image photo = {0};
    floe_error err = {0};
    (void)state;
    in_models(path, sizeof path, PHOTOS "dnn/grace_hopper_227.png");
    assert_int_equal(floe_image_load(&photo, NULL, path, &grey, &err), FLOE_OK);
    for (int y = 0; y < SIDE; y++)
        memcpy(cut + y * SIDE, photo.data + y * photo.width, SIDE);
    floe_image_free(&photo);
    const floe_image whole = {SIDE, SIDE, 1, cut, 0, {0}}, half = {SIDE / 2, SIDE / 2, 1, small_bytes, 0, {0}};
    assert_int_equal(
        floe_image_resize(small, sizeof small / sizeof *small, &whole, FLOE_RESIZE_AREA, SIDE / 2, SIDE / 2, &err),
        FLOE_OK);
    for (size_t i = 0; i < sizeof small_bytes; i++) {
        small_bytes[i] = (uint8_t)(small[i] + 0.5f);
        small[i] = small_bytes[i] / 255.0f;
    }
    assert_int_equal(floe_image_resize(large, SIDE * SIDE, &half, FLOE_RESIZE_BICUBIC, SIDE, SIDE, &err), FLOE_OK);
    for (int i = 0; i < SIDE * SIDE; i++)
        large[i] /= 255.0f;
    const double bicubic = error_of(large, &whole);
    for (int i = 0; i < 3; i++) {
        const net n = {paths[i], "IteratorGetNext", NULL, GREY(SIDE / 2, SIDE / 2)};
        floe_lite *lite = must_open(&n, &fast);
        const double gain = 10 * log10(bicubic / error_of(must_infer(lite, 1, small), &whole));
        print_message("%s: %.2f dB above bicubic\n", paths[i], gain);
        assert_true(gain > 0.6); /* TensorFlow: 0.97, 1.11 and 0.81 */
        floe_lite_free(lite);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mobilenet_knows_photos_resized_bilinearly),
        cmocka_unit_test(mobilenet_gives_the_probabilities_of_the_table),
        cmocka_unit_test(mobilenet_gives_every_digit_of_the_table_from_whole_levels),
        cmocka_unit_test(digits_are_read),
        cmocka_unit_test(keras_model_gives_its_stored_output),
        cmocka_unit_test(uff_computes_what_its_graph_does),
        cmocka_unit_test(uff_without_a_shape_takes_the_callers),
        cmocka_unit_test(nets_of_any_size_agree_with_themselves),
        cmocka_unit_test(parser_graphs_agree_with_themselves),
        cmocka_unit_test(super_resolution_beats_bicubic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
