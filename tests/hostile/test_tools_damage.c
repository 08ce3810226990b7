/* test_tools_damage.c - every tool on every kind of file that it reads, damaged in every way there is.
 *
 * The table says which command reads which file. Each pair is run on the file as it is (must succeed), cut short, with
 * one bit flipped in 2,000 places, replaced by junk and by good files of the other kinds, missing, unreadable, and with
 * a folder, a pipe, a device and a circle of links in its place. Each run must end as tools_fixture.h describes; its
 * sentence must begin with the path of what is wrong; nothing may be in the output folder after a failure, and after a
 * success only files that can be read to their end. Where checksums cover every byte (`checked`), damage must be found.
 *
 * Runs are children, one per processor at a time, each in a copy of the same folder of good files. The places of the
 * flips come from a fixed seed, so a failure comes back; it is told as "cut to N bytes" or "bit B of byte N".
 *
 * With the address or thread sanitizer one place in eight is taken: a run costs twenty times as much there, mostly for
 * looking for leaks. FLOE_ALL=1 takes all of them.
 */
#include "tools_fixture.h"

#include "plan_maker.h"

#define FLIPS    2000
#define CUT_STEP 64
#define THINNED  8
#define SLOTS    8 /* at most */
#define TOLD     5 /* failures of one pair; more are only counted */

typedef struct pair {
    const char *file, *command;
    unsigned is;
} pair;

enum {
    CHECKED = 1,  /* any damage is found */
    OPTIONAL = 2, /* may be missing */
    FREE = 4,     /* may have any content: what junk means is the file's business */
};

#define FREEZE(where)  "freeze --checkpoint_folder=@/" where " --output_node_names=output --output_graph=@/out/o.pb -q"
#define BUILD(model)   "build @/" model " -o @/out/o.PLAN --opt-level=0 --threads=1 -q"
#define DEPLOY(model)                                                                                        \
    "deploy --frozen_file=@/" model " -i input -d 6,6,2 -o output -f @/out/o.PLAN --opt-level=0 --threads=1 -q"
#define INFER(model)   "infer --plan_file=@/" model " --input=input=@/x.npy --output_folder=@/out --threads=1"
#define BENCH(model)   "bench @/" model " --duration=0 --opt-level=0 --threads=1"
#define PICTURE(image) \
    "infer --plan_file=@/pic.PLAN --image_path=@/" image " --labels=@/labels.txt --top-k=3 --threads=1"

/* Files by name, so that each kind is together. */
static const pair pairs[] = {
    {"ck/checkpoint", FREEZE("ck"), OPTIONAL | FREE},
    {"ck/checkpoint", "info @/ck/checkpoint", FREE},
    {"ck/model.ckpt.index", FREEZE("ck"), 0},
    {"ck/model.ckpt.index", "info @/ck", 0},
    {"ck/model.ckpt.data-00000-of-00001", FREEZE("ck"), CHECKED},
    {"ck/model.ckpt.data-00000-of-00001", "info @/ck/model.ckpt", FREE | OPTIONAL},
    {"ck/model.ckpt.meta", FREEZE("ck"), 0},
    {"ck/model.ckpt.meta", "info --json @/ck/model.ckpt.meta", 0},
    {"v1/model.ckpt-20", FREEZE("v1"), 0},
    {"v1/model.ckpt-20", "info @/v1", 0},
    {"saved/saved_model.pb", "freeze --checkpoint_folder=@/saved --output_graph=@/out/o.pb -q", 0},
    {"saved/saved_model.pb", "info @/saved", 0},
    {"saved/variables/variables.index", "freeze --checkpoint_folder=@/saved --output_graph=@/out/o.pb", 0},
    {"text/graph.pbtxt", FREEZE("text/weights") " --input_graph=@/text/graph.pbtxt", 0},
    {"net.pb", "convert @/net.pb -o @/out/o.uff -t -q", 0},
    {"net.pb", BUILD("net.pb"), 0},
    {"net.pb", DEPLOY("net.pb"), 0},
    {"net.pb", INFER("net.pb"), 0},
    {"net.pb", "info --nodes @/net.pb", 0},
    {"net.pb", BENCH("net.pb"), 0},
    {"pic.pbtxt", BUILD("pic.pbtxt"), 0},
    {"pic.pbtxt", "convert -l @/pic.pbtxt", 0},
    {"net.uff", BUILD("net.uff"), 0},
    {"net.uff", DEPLOY("net.uff"), 0},
    {"net.uff", INFER("net.uff"), 0},
    {"net.uff", "info --json @/net.uff", 0},
    {"net.uff", BENCH("net.uff"), 0},
    {"net.PLAN", INFER("net.PLAN"), CHECKED},
    {"net.PLAN", "info --nodes @/net.PLAN", CHECKED},
    {"net.PLAN", BENCH("net.PLAN") " --json", CHECKED},
    {"cache.txt", "build @/net.pb -o @/out/o.PLAN --timing-cache=@/cache.txt --threads=1 -q", OPTIONAL},
    {"cache.txt", "infer --plan_file=@/net.pb --input=@/x.npy --timing-cache=@/cache.txt --threads=1 -q", OPTIONAL},
    {"a.png", PICTURE("a.png"), 0},
    {"a.jpg", PICTURE("a.jpg"), 0},
    {"a.bmp", PICTURE("a.bmp"), 0},
    {"a.ppm", PICTURE("a.ppm"), 0},
    {"a.webp", PICTURE("a.webp"), 0},
    {"b.webp", PICTURE("b.webp") " --json", 0},
    {"x.npy", INFER("net.PLAN"), 0},
    {"labels.txt", PICTURE("a.png"), FREE},
};
#define N_PAIRS (sizeof pairs / sizeof *pairs)

static char work[512], root[600]; /* the good files are in root = work/good, each slot's copy in work/0, work/1, ... */

/* ---- damage: what a child does to its file before the program starts */

typedef enum kind {
    NONE,
    CUT,
    FLIP,
    JUNK,
    OTHER,
    MISSING,
    UNREADABLE,
    FOLDER,
    PIPE,
    DEVICE,
    CIRCLE,
} kind;

typedef struct damage {
    kind kind;
    size_t at; /* CUT: bytes left; FLIP: bit; JUNK, OTHER: which */
    char path[700];
    const tool_bytes *good;
} damage;

static const struct {
    const char *what, *content;
    size_t size;
} junk[] = {
    {"nothing", "", 0},
    {"text", "once upon a time\nthere was a file\n", 34},
    {"a ZIP file", "PK\3\4\24\0\0\0\0\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 48},
    {"an HDF5 file", "\x89HDF\r\n\x1a\n\0\0\0\0\0\10\10\0\4\0\20\0\0\0\0\0\0\0\0\0\0\0\0\0", 32},
    {"a program", "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0>\0\1\0\0\0\0\20\0\0\0\0\0\0", 32},
    {"zeros", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 40},
    {"ones", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20},
    {"a line", "\n", 1},
};
#define N_JUNK (sizeof junk / sizeof *junk)

static const char *const others[] = {
    "ck/checkpoint", "ck/model.ckpt.index", "ck/model.ckpt.data-00000-of-00001", "ck/model.ckpt.meta",
    "v1/model.ckpt-20", "saved/saved_model.pb", "text/graph.pbtxt", "net.pb", "net.uff", "net.pbtxt", "net.PLAN",
    "cache.txt", "a.png", "a.jpg", "a.bmp", "a.ppm", "a.webp", "x.npy", "labels.txt",
};
#define N_OTHERS (sizeof others / sizeof *others)

static void describe(char *out, size_t size, const damage *d)
{
    static const char *const words[] = {[NONE] = "as it is", [MISSING] = "missing", [UNREADABLE] = "without permission",
                                        [FOLDER] = "a folder", [PIPE] = "a pipe", [DEVICE] = "a device",
                                        [CIRCLE] = "a link to itself"};
    if (d->kind == CUT)
        snprintf(out, size, "cut to %zu bytes", d->at);
    else if (d->kind == FLIP)
        snprintf(out, size, "with bit %zu of byte %zu flipped", d->at % 8, d->at / 8);
    else if (d->kind == JUNK || d->kind == OTHER)
        snprintf(out, size, "replaced by %s", d->kind == JUNK ? junk[d->at].what : others[d->at]);
    else
        snprintf(out, size, "%s", words[d->kind]);
}

static void apply(const void *arg)
{
    const damage *d = arg;
    tool_bytes b = *d->good; /* the child's own copy */
    char other[700];
    unlink(d->path);
    if (d->kind == CUT)
        b.size = d->at;
    else if (d->kind == FLIP)
        b.data[d->at / 8] ^= (uint8_t)(1u << d->at % 8);
    else if (d->kind == JUNK)
        b = (tool_bytes){(uint8_t *)(uintptr_t)junk[d->at].content, junk[d->at].size};
    else if (d->kind == OTHER)
        b = tool_read(tool_path(other, sizeof other, root, others[d->at]));
    if (d->kind <= OTHER || d->kind == UNREADABLE)
        tool_write(d->path, b.data, b.size);
    if (d->kind == FLIP)
        b.data[d->at / 8] ^= (uint8_t)(1u << d->at % 8);
    if (d->kind == OTHER)
        free(b.data);
    if (d->kind == UNREADABLE) {
        chmod(d->path, 0);
        tool_drop_rights(NULL);
    }
    const int made = d->kind == FOLDER   ? mkdir(d->path, 0755)
                     : d->kind == PIPE   ? mkfifo(d->path, 0644)
                     : d->kind == DEVICE ? symlink("/dev/zero", d->path)
                     : d->kind == CIRCLE ? symlink(d->path, d->path)
                                         : 0;
    if (made < 0)
        _exit(TOOL_SKIPPED);
}

/* ---- what a run leaves */

static bool whole(const char *path)
{
    char why[300];
    const char *dot = strrchr(path, '.');
    floe_file_info *info = NULL;
    npy_array array;
    if (!strcmp(dot, ".npy")) {
        const bool ok = npy_load(&array, path, why, sizeof why);
        npy_free(&array);
        return ok;
    }
    if (!strcmp(dot, ".pbtxt")) {
        tool_bytes text = tool_read(path);
        const bool ok = text.size > 2 && !memcmp(text.data + text.size - 2, "}\n", 2);
        free(text.data);
        return ok;
    }
    const bool ok = floe_file_inspect(&info, NULL, path, NULL) == FLOE_OK;
    floe_file_info_free(info);
    return ok;
}

/* Empties the output folder; the complaint when something was in it that should not be. */
static void check_outputs(const char *slot, int code, char *why, size_t size)
{
    static const char *const known[] = {"o.pb", "o.uff", "o.pbtxt", "o.PLAN"};
    char folder[700], path[1000];
    DIR *dir = opendir(tool_path(folder, sizeof folder, slot, "out"));
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        const char *dot = strrchr(e->d_name, '.');
        bool expected = dot && !strcmp(dot, ".npy"); /* named after outputs */
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        tool_path(path, sizeof path, folder, e->d_name);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            expected = expected || !strcmp(e->d_name, known[i]);
        if (code != FL_CLI_DONE || !expected)
            snprintf(why, size, "%s was left", e->d_name);
        else if (!whole(path))
            snprintf(why, size, "%s was written but cannot be read", e->d_name);
        unlink(path);
    }
    closedir(dir);
}

/* Inputs' folders are not written to, but for the timing cache. */
static void check_folder(const char *slot, const char *file, char *why, size_t size)
{
    char folder[700], path[1000];
    tool_path(path, sizeof path, slot, file);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strstr(e->d_name, ".tmp-"))
            snprintf(why, size, "%s was left", e->d_name);
    if (dir)
        closedir(dir);
}

static bool must_fail(const pair *p, const damage *d)
{
    switch (d->kind) {
    case CUT:
    case FLIP:
        return p->is & CHECKED;
    case JUNK: /* the timing cache is made when there is nothing */
        return !(p->is & FREE) && !(d->at == 0 && p->is & OPTIONAL);
    case MISSING:
        return !(p->is & OPTIONAL);
    case UNREADABLE:
    case FOLDER:
    case PIPE:
    case DEVICE:
    case CIRCLE:
        return !(p->is & FREE);
    default:
        return false;
    }
}

/* A sentence names the file at its start, or one that lies with it: a checkpoint's parts are one thing. A model that
 * asks for more memory than there is may be a good one, and a model without inputs makes --input wrong usage. */
static bool names_the_place(const tool_run *r, const pair *p)
{
    char sentence[1200], wanted[1000];
    const char *slash = strchr(p->file, '/');
    tool_sentence(r, sentence, sizeof sentence);
    tool_path(wanted, sizeof wanted, r->folder, p->file);
    if (slash)
        wanted[strlen(r->folder) + 1 + (size_t)(slash - p->file)] = '\0';
    return !strncmp(sentence, wanted, strlen(wanted)) || strstr(sentence, "out of memory: ") ||
           tool_code(r) == FL_CLI_USAGE;
}

static bool wrong(const tool_run *r, const pair *p, const damage *d, char *why, size_t size)
{
    const int code = tool_code(r);
    char left[300] = "";
    if (tool_complaint(r, why, size))
        return true;
    check_outputs(r->folder, code, left, sizeof left);
    check_folder(r->folder, p->file, left, sizeof left);
    if (left[0])
        snprintf(why, size, "%s", left);
    else if (d->kind == NONE && code != FL_CLI_DONE)
        snprintf(why, size, "the good file was refused: %.500s", r->text);
    else if (code == FL_CLI_DONE && must_fail(p, d))
        snprintf(why, size, "the damage was not seen");
    else if (code != FL_CLI_DONE && !names_the_place(r, p))
        snprintf(why, size, "the sentence does not begin with the file: %.500s", r->text);
    return why[0] != '\0';
}

/* ---- slots: as many runs at once as there are processors */

typedef struct slot {
    char folder[600];
    pid_t child; /* 0: free */
    damage damage;
    tool_run run;
} slot;

static slot slots[SLOTS];
static size_t n_slots;

typedef struct tally {
    const pair *pair;
    size_t runs, failures, skipped, refused;
} tally;

static void conclude(slot *s, tally *t, int status)
{
    char why[1200], what[200];
    tool_note(&s->run, status);
    s->child = 0;
    if (tool_code(&s->run) == TOOL_SKIPPED) {
        t->skipped++;
        return;
    }
    t->runs++;
    t->refused += tool_code(&s->run) > 0;
    if (!wrong(&s->run, t->pair, &s->damage, why, sizeof why) || t->failures++ >= TOLD)
        return;
    describe(what, sizeof what, &s->damage);
    print_error("floe %s\n    with %s %s: %s\n", t->pair->command, t->pair->file, what, why);
}

static void wait_for_one(tally *t)
{
    int status;
    const pid_t child = waitpid(-1, &status, 0);
    for (size_t i = 0; i < n_slots; i++)
        if (child > 0 && slots[i].child == child)
            conclude(&slots[i], t, status);
}

static slot *free_slot(tally *t)
{
    for (;;) {
        for (size_t i = 0; i < n_slots; i++)
            if (!slots[i].child)
                return &slots[i];
        wait_for_one(t);
    }
}

static void try_damage(tally *t, kind what, size_t at, const tool_bytes *good)
{
    slot *s = free_slot(t);
    s->damage = (damage){.kind = what, .at = at, .good = good};
    tool_path(s->damage.path, sizeof s->damage.path, s->folder, t->pair->file);
    s->run.command = t->pair->command;
    s->run.folder = s->folder;
    s->run.before = apply;
    s->run.arg = &s->damage;
    s->child = tool_start(&s->run);
}

/* Waits for all, and puts the good file back. */
static void settle(tally *t, const tool_bytes *good)
{
    for (size_t i = 0; i < n_slots; i++) {
        char path[700];
        while (slots[i].child)
            wait_for_one(t);
        tool_path(path, sizeof path, slots[i].folder, t->pair->file);
        if (rmdir(path) < 0)
            unlink(path);
        tool_write(path, good->data, good->size);
    }
}

static bool same_command(const pair *p, const char *command)
{
    const size_t n = strlen(command);
    return !strncmp(p->command, command, n) && p->command[n] == ' ';
}

typedef void sweep(tally *t, const tool_bytes *good);

/* All pairs of these files (folders end with '/'), or of this command. */
static void each_pair(const char *const *names, sweep *all)
{
    size_t failures = 0;
    for (size_t i = 0; i < N_PAIRS; i++) {
        char path[700];
        bool mine = !names;
        for (const char *const *n = names; n && *n; n++)
            mine = mine || !strncmp(pairs[i].file, *n, strlen(*n)) || same_command(&pairs[i], *n);
        if (!mine)
            continue;
        tally t = {.pair = &pairs[i]};
        tool_bytes good = tool_read(tool_path(path, sizeof path, root, pairs[i].file));
        assert_non_null(good.data);
        all(&t, &good);
        settle(&t, &good);
        print_message("%-34s %-8.*s %5zu runs, %5zu refused\n", pairs[i].file, (int)strcspn(pairs[i].command, " "),
                      pairs[i].command, t.runs, t.refused);
        if (t.skipped)
            print_message("SKIPPED %s: %zu runs that need more rights than this user has\n", pairs[i].file, t.skipped);
        if (t.failures)
            print_error("%zu of %zu runs failed on %s\n", t.failures, t.runs, pairs[i].file);
        failures += t.failures;
        free(good.data);
    }
    assert_int_equal(failures, 0);
}

/* ---- the sweeps */

static uint32_t noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static size_t thinned(void)
{
    return TOOL_HEAVY && !getenv("FLOE_ALL") ? THINNED : 1;
}

static void cut_and_flip(tally *t, const tool_bytes *good)
{
    uint32_t state = 20261124;
    const size_t fine = good->size / CUT_STEP; /* small files are cut at more places: at least 64 */
    const size_t step = (fine < 1 ? 1 : fine < CUT_STEP ? fine : CUT_STEP) * thinned();
    try_damage(t, NONE, 0, good);
    for (size_t at = 0; at < good->size; at += step)
        try_damage(t, CUT, at, good);
    for (size_t i = 0; i < FLIPS / thinned(); i++)
        try_damage(t, FLIP, noise(&state) % (8 * good->size), good);
}

static void replace(tally *t, const tool_bytes *good)
{
    for (size_t i = 0; i < N_JUNK; i++)
        try_damage(t, JUNK, i, good);
    for (size_t i = 0; i < N_OTHERS; i++)
        try_damage(t, OTHER, i, good);
    for (kind k = MISSING; k <= CIRCLE; k++) {
        try_damage(t, k, 0, good);
        settle(t, good); /* nothing can be put in a folder's place */
    }
}

#define SWEEP(name, ...)                                              \
    static void name(void **state)                                    \
    {                                                                 \
        static const char *const names[] = {__VA_ARGS__, NULL};       \
        (void)state;                                                  \
        each_pair(names, cut_and_flip);                               \
    }

SWEEP(tools_on_damaged_checkpoints, "ck/", "v1/", "saved/", "text/")
SWEEP(tools_on_damaged_graphs, "net.pb", "pic.pbtxt")
SWEEP(tools_on_damaged_uff_files, "net.uff")
SWEEP(tools_on_damaged_plans, "net.PLAN")
SWEEP(tools_on_damaged_timing_caches, "cache.txt")
SWEEP(tools_on_damaged_pictures, "a.", "b.")
SWEEP(tools_on_damaged_arrays_and_labels, "x.npy", "labels.txt")

static void tools_on_foreign_missing_and_unreadable_files(void **state)
{
    (void)state;
    each_pair(NULL, replace);
}

/* ---- plans that are whole but not for here: their path is in the sentence all the same */

static void plans_for_other_machines_are_named(void **state)
{
    static const struct {
        const char *target, *command, *says;
    } cases[] = {{"sm_90", "infer --plan_file=@/far.PLAN --input=x=@/x.npy", "sm_90"},
                 {"sm_90", "bench @/far.PLAN --duration=0", "sm_90"},
                 {"x86-64", "bench @/far.PLAN --duration=0 --device=abacus", "abacus"}};
    char path[700], sentence[1200], why[400];
    (void)state;
    tool_path(path, sizeof path, slots[0].folder, "far.PLAN");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fl_buf bytes = plan_maker_bytes(plan_maker_tiny(NULL, cases[i].target));
        tool_write(path, bytes.data, bytes.size);
        fl_buf_free(&bytes);
        tool_run r = {.command = cases[i].command, .folder = slots[0].folder};
        tool_finish(&r, tool_start(&r));
        tool_sentence(&r, sentence, sizeof sentence);
        if (tool_complaint(&r, why, sizeof why) || tool_code(&r) != FL_CLI_FAILED)
            fail_msg("%s: exit code %d, %s %s", cases[i].command, tool_code(&r), why, r.text);
        if (strncmp(sentence, path, strlen(path)) != 0 || !strstr(sentence, cases[i].says))
            fail_msg("%s: %s", cases[i].command, sentence);
        tool_close(&r);
    }
}

/* ---- good files to start from */

static const char picture_net[] =
    "node { name: 'image' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'shape'\n"
    "    value { shape { dim { size: -1 } dim { size: 8 } dim { size: 8 } dim { size: 3 } } } } }\n"
    "node { name: 'axes' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'value'\n"
    "    value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 2 } } int_val: 1 int_val: 2 } } } }\n"
    "node { name: 'mean' op: 'Mean' input: 'image' input: 'axes' attr { key: 'T' value { type: DT_FLOAT } }\n"
    "    attr { key: 'Tidx' value { type: DT_INT32 } } attr { key: 'keep_dims' value { b: false } } }\n"
    "node { name: 'y' op: 'Softmax' input: 'mean' attr { key: 'T' value { type: DT_FLOAT } } }\n"
    "versions { producer: 24 }\n";

static void gather(void)
{
    static const char *const from_to[][2] = {
        {"tests/golden/ckpt/v2_ref/checkpoint", "ck/checkpoint"},
        {"tests/golden/ckpt/v2_ref/model.ckpt.index", "ck/model.ckpt.index"},
        {"tests/golden/ckpt/v2_ref/model.ckpt.data-00000-of-00001", "ck/model.ckpt.data-00000-of-00001"},
        {"tests/golden/ckpt/v2_ref/model.ckpt.meta", "ck/model.ckpt.meta"},
        {"tests/golden/ckpt/v1_single/checkpoint", "v1/checkpoint"},
        {"tests/golden/ckpt/v1_single/model.ckpt-20", "v1/model.ckpt-20"},
        {"tests/golden/ckpt/v1_single/model.ckpt-20.meta", "v1/model.ckpt-20.meta"},
        {"tests/golden/ckpt/savedmodel_tf1/saved_model.pb", "saved/saved_model.pb"},
        {"tests/golden/ckpt/savedmodel_tf1/variables/variables.index", "saved/variables/variables.index"},
        {"tests/golden/ckpt/savedmodel_tf1/variables/variables.data-00000-of-00001",
         "saved/variables/variables.data-00000-of-00001"},
        {"tests/golden/ckpt/graph_pbtxt/graph.pbtxt", "text/graph.pbtxt"},
        {"tests/golden/ckpt/graph_pbtxt/weights.index", "text/weights.index"},
        {"tests/golden/ckpt/graph_pbtxt/weights.data-00000-of-00001", "text/weights.data-00000-of-00001"},
        {"tests/image/golden/rgb.png", "a.png"},
        {"tests/image/golden/progressive.jpg", "a.jpg"},
        {"tests/image/golden/b24.bmp", "a.bmp"},
        {"tests/image/golden/p6.ppm", "a.ppm"},
        {"tests/image/golden/lossless.webp", "a.webp"},
        {"tests/image/golden/lossy.webp", "b.webp"},
    };
    static const char *const folders[] = {"ck", "v1", "saved", "saved/variables", "text", "out"};
    char from[1024], to[700];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(tool_path(to, sizeof to, root, folders[i]), 0755), 0);
    for (size_t i = 0; i < sizeof from_to / sizeof *from_to; i++)
        tool_copy(golden_path(from, sizeof from, from_to[i][0]), tool_path(to, sizeof to, root, from_to[i][1]));
}

static int prepare(void **state)
{
    float values[72];
    char path[700], command[1300];
    (void)state;
    tool_folder(work, sizeof work, true);
    assert_int_equal(mkdir(tool_path(root, sizeof root, work, "good"), 0755), 0);
    gather();
    for (int i = 0; i < 72; i++)
        values[i] = (float)i / 72;
    const npy_array x = {'f', 4, 4, {1, 6, 6, 2}, 72, values};
    assert_true(npy_save(tool_path(path, sizeof path, root, "x.npy"), &x));
    tool_write(tool_path(path, sizeof path, root, "labels.txt"), "red\ngreen\nblue\n", 15);
    tool_write(tool_path(path, sizeof path, root, "pic.pbtxt"), picture_net, sizeof picture_net - 1);
    tool_must(root, "freeze --checkpoint_folder=@/ck --output_node_names=output --output_graph=@/net.pb");
    tool_must(root, "convert @/net.pb -o @/net.uff -t");
    tool_must(root, "build @/net.pb -o @/net.PLAN --timing-cache=@/cache.txt --threads=1");
    tool_must(root, "build @/pic.pbtxt -o @/pic.PLAN --opt-level=0 --threads=1");

    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    n_slots = processors < 1 ? 1 : processors > SLOTS ? SLOTS : (size_t)processors;
    for (size_t i = 0; i < n_slots; i++) {
        const char digit[] = {(char)('0' + i), '\0'};
        tool_path(slots[i].folder, sizeof slots[i].folder, work, digit);
        assert_in_range(snprintf(command, sizeof command, "cp -r '%s' '%s'", root, slots[i].folder), 1, 1299);
        assert_int_equal(system(command), 0);
    }
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_slots; i++)
        tool_close(&slots[i].run);
    tool_remove(work);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_on_damaged_checkpoints),
        cmocka_unit_test(tools_on_damaged_graphs),
        cmocka_unit_test(tools_on_damaged_uff_files),
        cmocka_unit_test(tools_on_damaged_plans),
        cmocka_unit_test(tools_on_damaged_timing_caches),
        cmocka_unit_test(tools_on_damaged_pictures),
        cmocka_unit_test(tools_on_damaged_arrays_and_labels),
        cmocka_unit_test(tools_on_foreign_missing_and_unreadable_files),
        cmocka_unit_test(plans_for_other_machines_are_named),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
