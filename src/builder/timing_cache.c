/* timing_cache.c - what was timed before, as a text file that people can read, merge and edit.
 *
 *     # floe timing cache 1
 *     device<TAB>cpu x86-64-avx512 <processor name> threads=2
 *     conv2d f32[1,56,56,64] ...<TAB>cpu.conv2d.f32.igemm_8x32.avx512<TAB>812345
 *
 * One line per problem and tactic, nanoseconds last. Lines of another device are kept out of the way: a cache whose device
 * line differs is set aside with a warning. Entries are written sorted, so equal contents are equal bytes.
 */
#include "builder/timing_cache.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define HEADER "# floe timing cache 1\n"

floe_status fl_timing_cache_create(fl_timing_cache **out, const floe_env *env, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_timing_cache *c = fl_calloc(env, 1, sizeof *c);
    FL_NEED(c, sizeof *c, "a timing cache", err);
    c->env = env;
    fl_arena_init(&c->arena, env);
    fl_names_init(&c->index, &c->arena);
    *out = c;
done:
    return st;
}

void fl_timing_cache_free(fl_timing_cache *cache)
{
    if (!cache)
        return;
    const floe_env *env = cache->env;
    fl_arena_free(&cache->arena);
    fl_free(env, cache);
}

/* "<problem>\t<tactic>" */
static char *key_of(fl_timing_cache *c, const char *problem, const char *tactic)
{
    return fl_arena_printf(&c->arena, "%s\t%s", problem, tactic);
}

bool fl_timing_cache_find(fl_timing_cache *cache, const char *problem, const char *tactic, uint64_t *ns)
{
    const char *key = key_of(cache, problem, tactic);
    const uint32_t at = key ? fl_names_find(&cache->index, key) : FL_NAMES_NONE;
    if (at == FL_NAMES_NONE)
        return false;
    *ns = cache->entry[at].ns;
    return true;
}

floe_status fl_timing_cache_add(fl_timing_cache *cache, const char *problem, const char *tactic, uint64_t ns, floe_error *err)
{
    floe_status st = FLOE_OK;
    const char *key = key_of(cache, problem, tactic);
    FL_NEED(key, 1, "a timing", err);
    const uint32_t at = fl_names_find(&cache->index, key);
    if (at != FL_NAMES_NONE) {
        cache->entry[at].ns = ns;
        goto done;
    }
    if (cache->count == cache->capacity) {
        const size_t capacity = cache->capacity ? cache->capacity * 2 : 64;
        fl_timing *bigger = fl_arena_calloc(&cache->arena, capacity, sizeof *bigger);
        FL_NEED(bigger, capacity * sizeof *bigger, "the timing cache", err);
        if (cache->count)
            memcpy(bigger, cache->entry, cache->count * sizeof *bigger);
        cache->entry = bigger;
        cache->capacity = capacity;
    }
    cache->entry[cache->count] = (fl_timing){key, ns};
    FL_TRY(fl_names_add(&cache->index, key, (uint32_t)cache->count, err));
    cache->count++;
done:
    return st;
}

/* One line of the file without its end; empty and '#' lines say nothing. */
static floe_status read_line(fl_timing_cache *c, const char *line, size_t size, const char *path, size_t number, floe_error *err)
{
    floe_status st = FLOE_OK;
    char *text = fl_arena_strndup(&c->arena, line, size);
    FL_NEED(text, size, "a line of the timing cache", err);
    if (!*text || *text == '#')
        goto done;
    char *tab = strchr(text, '\t');
    char *second = tab ? strchr(tab + 1, '\t') : NULL;
    if (tab && !second && (size_t)(tab - text) == 6 && !memcmp(text, "device", 6)) {
        c->device = tab + 1;
        goto done;
    }
    char *end = NULL;
    const unsigned long long ns = second ? strtoull(second + 1, &end, 10) : 0;
    if (!second || end == second + 1 || *end)
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: line %zu is no '<problem><TAB><tactic><TAB><nanoseconds>'", path, number);
    *tab = *second = 0;
    FL_TRY(fl_timing_cache_add(c, text, tab + 1, ns, err));
done:
    return st;
}

floe_status fl_timing_cache_load(fl_timing_cache *cache, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_file file = {0};
    if (!fl_path_exists(path))
        return FLOE_OK;
    FL_TRY(fl_file_map(&file, path, err));
    const char *at = (const char *)file.data, *end = at + file.size;
    if (file.size && (file.size < strlen(HEADER) || memcmp(at, HEADER, strlen(HEADER))))
        FL_FAIL(err, FLOE_ERR_FORMAT, "%s: not a timing cache: its first line is not '%.*s'", path,
                (int)strlen(HEADER) - 1, HEADER);
    for (size_t number = 1; at < end; number++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const size_t size = (size_t)((line_end ? line_end : end) - at);
        FL_TRY(read_line(cache, at, size, path, number, err));
        at += size + 1;
    }
done:
    fl_file_unmap(&file);
    return st;
}

floe_status fl_timing_cache_set_device(fl_timing_cache *cache, const char *device, floe_error *err)
{
    floe_status st = FLOE_OK;
    if (cache->device && strcmp(cache->device, device)) {
        fl_log(cache->env, FLOE_SEVERITY_WARNING, "The timing cache is of '%s', this is '%s': it is not used",
               cache->device, device);
        const floe_env *env = cache->env;
        fl_arena_free(&cache->arena);
        *cache = (fl_timing_cache){.env = env};
        fl_arena_init(&cache->arena, env);
        fl_names_init(&cache->index, &cache->arena);
    }
    cache->device = fl_arena_strdup(&cache->arena, device);
    FL_NEED(cache->device, 1, "the timing cache", err);
done:
    return st;
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const fl_timing *const *)a)->key, (*(const fl_timing *const *)b)->key);
}

floe_status fl_timing_cache_save(const fl_timing_cache *cache, const char *path, floe_error *err)
{
    floe_status st = FLOE_OK;
    fl_buf text = fl_buf_make(cache->env);
    const fl_timing **sorted = fl_calloc(cache->env, cache->count + 1, sizeof *sorted);
    FL_NEED(sorted, cache->count * sizeof *sorted, "the timing cache", err);
    for (size_t i = 0; i < cache->count; i++)
        sorted[i] = &cache->entry[i];
    qsort(sorted, cache->count, sizeof *sorted, by_key);
    fl_put_text(&text, HEADER);
    if (cache->device)
        fl_put_format(&text, "device\t%s\n", cache->device);
    for (size_t i = 0; i < cache->count; i++)
        fl_put_format(&text, "%s\t%llu\n", sorted[i]->key, (unsigned long long)sorted[i]->ns);
    FL_NEED(!text.failed, text.size, "the timing cache", err);
    FL_TRY(fl_file_write(path, text.data, text.size, err));
done:
    fl_free(cache->env, sorted);
    fl_buf_free(&text);
    return st;
}
