/* emulate_run.cpp - the emulator's machine: one block at a time, its threads as fibers on stacks of their own.
 *
 * A thread runs until it must wait: at a barrier for the block, or at a warp operation for the lanes of its mask. Who
 * comes last does the work for all (perform, or the barrier's sum), makes the others runnable and goes on. Who waits
 * hands over to the next runnable thread: of the same warp first, then of the next warp; descending instead where the
 * launch says reverse, so that a race that one order hides shows in the other. Where nobody can run and not all have
 * ended, the threads wait for one another: that is a broken kernel, and the report lists who waits where.
 *
 * Blocks run one after another, but for one: the first stops right after its first atomic on global memory, runs on
 * when all others have ended, and so meets the worst that the protocol of a "last block" must stand (a ticket taken,
 * and nothing else done yet).
 *
 * Threads that ended count as arrived, as on the hardware (CUDA C++ Programming Guide, "Synchronization Functions").
 *
 * Everything here is guarded by the fake driver's lock: one launch at a time in the process.
 */
#include "emulate_run.h"

#include <execinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#if defined __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

fl_emu_index threadIdx, blockIdx, blockDim, gridDim;

namespace {

/* ---- the switch between fibers. Signal masks and floating-point modes are the same for all, so only the registers
 * that a call keeps are saved. */

#if defined __x86_64__
extern "C" void fl_emu_switch(void **save, void *load);
asm(".text\n.hidden fl_emu_switch\n.globl fl_emu_switch\n.type fl_emu_switch,@function\nfl_emu_switch:\n"
    "push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
    "mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
    "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n"
    ".size fl_emu_switch, .-fl_emu_switch\n");
/* A new fiber: six registers, the address to go to, and a word that makes the stack what a call would. */
void *new_context(char *top, void (*entry)())
{
    void **sp = (void **)((uintptr_t)top & ~(uintptr_t)63) - 8;
    memset(sp, 0, 8 * sizeof *sp);
    sp[6] = (void *)entry;
    return sp;
}
#elif defined __aarch64__
extern "C" void fl_emu_switch(void **save, void *load);
asm(".text\n.hidden fl_emu_switch\n.globl fl_emu_switch\n.type fl_emu_switch,%function\nfl_emu_switch:\n"
    "sub sp, sp, #160\n"
    "stp x19, x20, [sp]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n stp x25, x26, [sp, #48]\n"
    "stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n"
    "stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
    "mov x9, sp\n str x9, [x0]\n mov sp, x1\n"
    "ldp x19, x20, [sp]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n ldp x25, x26, [sp, #48]\n"
    "ldp x27, x28, [sp, #64]\n ldp x29, x30, [sp, #80]\n"
    "ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
    "add sp, sp, #160\n ret\n"
    ".size fl_emu_switch, .-fl_emu_switch\n");
void *new_context(char *top, void (*entry)())
{
    void **sp = (void **)((uintptr_t)top & ~(uintptr_t)63) - 20;
    memset(sp, 0, 20 * sizeof *sp);
    sp[11] = (void *)entry; /* x30 */
    return sp;
}
#else
#error "the emulator's fibers are written for x86-64 and aarch64"
#endif

/* ---- state */

constexpr unsigned MAX_THREADS = 1024;
constexpr size_t PAGE = 4096, STACK = 128 * 1024, SHARED = 232448;

struct copy {
    void       *dst;
    const void *src;
    int         bytes;
    bool        valid;
    unsigned    group;
};

struct alignas(64) thread {
    void        *sp;
    fl_emu_index index;
    unsigned     warp, lane;
    /* what it waits at */
    const char    *what, *file;
    int            line;
    unsigned       mask; /* 0: at a barrier */
    fl_emu_perform perform;
    void          *slot;
    int            predicate;

    std::vector<copy> copies; /* under way, in order */
    unsigned          groups; /* committed */
    void             *fake_stack; /* AddressSanitizer's */
};

struct warp {
    unsigned alive, runnable, at_warp, at_barrier; /* bit per lane */
};

struct block {
    fl_emu_index index;
    thread   threads[MAX_THREADS];
    warp     warps[MAX_THREADS / 32];
    unsigned alive, at_barrier;
    int      predicates;                 /* of the barrier being waited at */
    int      barrier_sum, barrier_alive; /* of the barrier passed last */
    thread  *current;
    char    *stacks;                     /* each with a page below it that faults */
};

struct machine {
    const fl_emu_launch *launch; /* NULL: idle */
    block    blocks[2];          /* the one that was stopped at an atomic, and the one that runs */
    block   *b;                  /* runs now */
    unsigned n_threads, n_warps;
    bool     may_hold, held;     /* whether the next atomic stops its block; whether a block is stopped */
    std::vector<char> held_shared;
    unsigned long long waited;   /* threads that called fl_wait_previous */
    void    *main_sp;
    char    *shared, *shared_map;
    /* AddressSanitizer's picture of the caller's stack */
    void       *main_fake;
    const void *main_bottom;
    size_t      main_size;
} m;

char *stack_bottom(const block *b, unsigned i) { return b->stacks + i * (STACK + PAGE) + PAGE; }

/* ---- reports */

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void print_place()
{
    if (!m.launch)
        return;
    fprintf(stderr, "emulator: kernel %s, grid (%u,%u,%u), block (%u,%u,%u) of (%u,%u,%u) threads",
            m.launch->kernel->name, gridDim.x, gridDim.y, gridDim.z, blockIdx.x, blockIdx.y, blockIdx.z, blockDim.x,
            blockDim.y, blockDim.z);
    if (m.b->current)
        fprintf(stderr, ", thread (%u,%u,%u)", threadIdx.x, threadIdx.y, threadIdx.z);
    fprintf(stderr, ":\n");
}

/* Who waits where, places with many threads as one line each. */
[[noreturn]] void report_standstill()
{
    std::vector<bool> told(m.n_threads, false);
    m.b->current = nullptr;
    print_place();
    fprintf(stderr, "emulator: threads wait for one another:\n");
    for (unsigned i = 0; i < m.n_threads; i++) {
        const thread &t = m.b->threads[i];
        unsigned same = 0;
        if (told[i] || !(m.b->warps[t.warp].alive >> t.lane & 1))
            continue;
        for (unsigned k = i; k < m.n_threads; k++) {
            const thread &u = m.b->threads[k];
            if (!(m.b->warps[u.warp].alive >> u.lane & 1) || u.mask != t.mask || u.line != t.line ||
                strcmp(u.file, t.file) || u.perform != t.perform || (u.mask && u.warp != t.warp))
                continue;
            told[k] = true;
            same++;
        }
        fprintf(stderr, "    %u thread%s, first %u, at %s, %s:%d", same, same > 1 ? "s" : "", i, t.what,
                base_name(t.file), t.line);
        if (t.mask)
            fprintf(stderr, ", mask %08x of warp %u", t.mask, t.warp);
        fprintf(stderr, "\n");
    }
    if (m.b->alive < m.n_threads)
        fprintf(stderr, "    %u threads have ended\n", m.n_threads - m.b->alive);
    abort();
}

void on_fault(int signal, siginfo_t *info, void *)
{
    static void *frames[32];
    const char *about = fl_emu_about_address(info->si_addr);
    const char *p = (const char *)info->si_addr;
    print_place();
    if (m.shared && p >= m.shared_map && p < m.shared_map + 2 * PAGE + (SHARED + PAGE - 1) / PAGE * PAGE)
        fprintf(stderr, "emulator: %s: outside the %zu bytes of dynamic shared memory (offset %td)\n",
                strsignal(signal), m.launch->dynamic_shared, p - m.shared);
    else if (p >= m.b->stacks && p < m.b->stacks + MAX_THREADS * (STACK + PAGE))
        fprintf(stderr, "emulator: %s: a thread's stack of %zu bytes is not enough\n", strsignal(signal), STACK);
    else
        fprintf(stderr, "emulator: %s at address %p%s%s\n", strsignal(signal), info->si_addr, about ? ", " : "",
                about ? about : "");
    backtrace_symbols_fd(frames, backtrace(frames, 32), 2);
    fprintf(stderr, "emulator: `addr2line -e <library> <offset>` gives the lines\n");
    abort();
}

/* ---- scheduling */

/* The next of the set bits after (or before) one, around the end. */
unsigned next_bit(unsigned bits, unsigned at, bool reverse)
{
    const unsigned above = at < 31 ? bits & ~((2u << at) - 1) : 0, below = bits & ((1u << at) - 1);
    return reverse ? 31 - (unsigned)__builtin_clz(below ? below : bits) : (unsigned)__builtin_ctz(above ? above : bits);
}

thread *pick(const thread *from)
{
    const bool reverse = m.launch->reverse;
    unsigned w = from->warp;
    if (m.b->warps[w].runnable)
        return &m.b->threads[w * 32 + next_bit(m.b->warps[w].runnable, from->lane, reverse)];
    for (unsigned i = 1; i < m.n_warps; i++) {
        w = reverse ? (w ? w - 1 : m.n_warps - 1) : (w + 1 < m.n_warps ? w + 1 : 0);
        if (m.b->warps[w].runnable)
            return &m.b->threads[w * 32 + next_bit(m.b->warps[w].runnable, reverse ? 0 : 31, reverse)];
    }
    return nullptr;
}

/* Leaves the fiber `from` for `to`, or for the caller's stack where that is NULL. `last`: it does not come back. */
void leave(thread *from, thread *to, bool last)
{
#if defined __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(last ? nullptr : &from->fake_stack,
                                   to ? stack_bottom(m.b, (unsigned)(to - m.b->threads)) : m.main_bottom,
                                   to ? STACK : m.main_size);
#else
    (void)last;
#endif
    if (to) {
        m.b->current = to;
        threadIdx = to->index;
    }
    fl_emu_switch(&from->sp, to ? to->sp : m.main_sp);
#if defined __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(from->fake_stack, nullptr, nullptr);
#endif
}

/* Hands over to the next that can run. */
void go_on_elsewhere(thread *from, bool last)
{
    thread *to = pick(from);
    if (!to && m.b->alive)
        report_standstill();
    if (to != from)
        leave(from, to, last);
}

/* All that have not ended are at the barrier: lets them go, provided that it is the same one. */
bool finish_barrier()
{
    const thread *first = nullptr;
    if (!m.b->alive || m.b->at_barrier < m.b->alive)
        return false;
    for (unsigned i = 0; i < m.n_threads; i++) {
        const thread &t = m.b->threads[i];
        if (!(m.b->warps[t.warp].at_barrier >> t.lane & 1))
            continue;
        if (!first)
            first = &t;
        else if (t.line != first->line || strcmp(t.file, first->file))
            report_standstill();
    }
    for (unsigned w = 0; w < m.n_warps; w++) {
        m.b->warps[w].runnable |= m.b->warps[w].at_barrier;
        m.b->warps[w].at_barrier = 0;
    }
    m.b->barrier_sum = m.b->predicates;
    m.b->barrier_alive = (int)m.b->alive;
    m.b->predicates = 0;
    m.b->at_barrier = 0;
    return true;
}

/* If the group that t waits with is complete, does its operation and lets it go. */
bool finish_group(const thread &t)
{
    warp &w = m.b->warps[t.warp];
    const unsigned group = t.mask & w.alive;
    void *slots[32] = {};
    if ((w.at_warp & group) != group)
        return false;
    for (unsigned rest = group; rest; rest &= rest - 1) {
        const thread &u = m.b->threads[t.warp * 32 + (unsigned)__builtin_ctz(rest)];
        if (u.perform != t.perform || u.mask != t.mask || u.line != t.line)
            return false;
        slots[u.lane] = u.slot;
    }
    t.perform(slots);
    w.at_warp &= ~group;
    w.runnable |= group;
    return true;
}

void thread_end(thread *t)
{
    warp &w = m.b->warps[t->warp];
    w.alive &= ~(1u << t->lane);
    w.runnable &= ~(1u << t->lane);
    m.b->alive--;
    finish_barrier();
    for (unsigned rest = w.at_warp; rest; rest &= rest - 1)
        if (w.at_warp >> __builtin_ctz(rest) & 1)
            finish_group(m.b->threads[t->warp * 32 + (unsigned)__builtin_ctz(rest)]);
}

void thread_main()
{
    thread *t = m.b->current;
#if defined __SANITIZE_ADDRESS__
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
    if (!m.main_bottom) { /* the first fiber comes from there */
        m.main_bottom = bottom;
        m.main_size = size;
    }
#endif
    m.launch->kernel->call(m.launch->args);
    t = m.b->current;
    thread_end(t);
    go_on_elsewhere(t, true);
    abort();
}

/* ---- blocks */

void *map_pages(size_t bytes)
{
    void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        fl_emu_fail("no memory for the emulator");
    return p;
}

void make_stacks(block *b)
{
    b->stacks = (char *)map_pages(MAX_THREADS * (STACK + PAGE));
    for (unsigned i = 0; i < MAX_THREADS; i++)
        mprotect(stack_bottom(b, i) - PAGE, PAGE, PROT_NONE);
}

/* Dynamic shared memory ends where a page that faults begins, as nearly as its alignment of 128 allows. */
void make_shared(size_t bytes)
{
    const size_t pages = (SHARED + PAGE - 1) / PAGE * PAGE;
    if (!m.shared_map) {
        m.shared_map = (char *)map_pages(pages + 2 * PAGE);
        mprotect(m.shared_map, PAGE, PROT_NONE);
        mprotect(m.shared_map + PAGE + pages, PAGE, PROT_NONE);
    }
    m.shared = m.shared_map + PAGE + pages - (bytes + 127) / 128 * 128;
}

void check_shared_end()
{
    const size_t bytes = m.launch->dynamic_shared;
    for (size_t i = bytes; i < (bytes + 127) / 128 * 128; i++)
        if ((unsigned char)m.shared[i] != FL_EMU_POISON)
            fl_emu_fail("byte %zu of dynamic shared memory was written; it has %zu", i, bytes);
}

/* From the caller's stack into the block's current thread; comes back when all have ended or the block is stopped. */
void enter_block()
{
    thread *t = m.b->current;
    blockIdx = m.b->index;
    threadIdx = t->index;
#if defined __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&m.main_fake, stack_bottom(m.b, (unsigned)(t - m.b->threads)), STACK);
#endif
    fl_emu_switch(&m.main_sp, t->sp);
#if defined __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(m.main_fake, nullptr, nullptr);
#endif
}

void start_block(block *b, fl_emu_index index)
{
    const fl_emu_kernel *k = m.launch->kernel;
    const unsigned n = m.n_threads;
    if (!b->stacks)
        make_stacks(b);
    memset(m.shared, FL_EMU_POISON, (m.launch->dynamic_shared + 127) / 128 * 128);
    if (k->shared_begin)
        memset(k->shared_begin, FL_EMU_POISON, (size_t)(k->shared_end - k->shared_begin));
    m.b = b;
    b->index = index;
    b->alive = n;
    b->at_barrier = 0;
    b->predicates = 0;
    for (unsigned i = 0; i < n; i++) {
        thread &t = b->threads[i];
        t.index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        t.warp = i / 32;
        t.lane = i % 32;
        t.copies.clear();
        t.groups = 0;
        t.fake_stack = nullptr;
        /* Tops at different places of a cache's sets. */
        t.sp = new_context(stack_bottom(b, i) + STACK - i % 32 * 192, thread_main);
    }
    for (unsigned w = 0; w < m.n_warps; w++) {
        const unsigned lanes = n - w * 32 >= 32 ? 0xffffffffu : (1u << (n - w * 32)) - 1;
        b->warps[w] = {lanes, lanes, 0, 0};
    }
    b->current = &b->threads[m.launch->reverse ? n - 1 : 0];
    enter_block();
    if (!b->alive)
        check_shared_end();
}

/* ---- the block that is stopped. Static and dynamic shared memory belong to who runs, so its own are put away. */

size_t fixed_shared() { return (size_t)(m.launch->kernel->shared_end - m.launch->kernel->shared_begin); }

void hold_block()
{
    const size_t fixed = fixed_shared();
    m.may_hold = false;
    m.held = true;
    m.held_shared.resize(fixed + m.launch->dynamic_shared);
    if (fixed)
        memcpy(m.held_shared.data(), m.launch->kernel->shared_begin, fixed);
    memcpy(m.held_shared.data() + fixed, m.shared, m.launch->dynamic_shared);
    leave(m.b->current, nullptr, false);
}

void let_go()
{
    const size_t fixed = fixed_shared();
    m.held = false;
    if (fixed)
        memcpy(m.launch->kernel->shared_begin, m.held_shared.data(), fixed);
    memcpy(m.shared, m.held_shared.data() + fixed, m.launch->dynamic_shared);
    m.b = &m.blocks[0];
    enter_block();
    check_shared_end();
}

const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

void catch_faults(struct sigaction *old)
{
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_RESETHAND;
    for (size_t i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
        sigaction(fault_signals[i], &action, &old[i]);
}

void leave_faults(const struct sigaction *old)
{
    for (size_t i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
        sigaction(fault_signals[i], &old[i], nullptr);
}

fl_emu_kernel *kernels;

} // namespace

/* ---- what emulate_run.h promises */

void fl_emu_register(fl_emu_kernel *kernel)
{
    kernel->next = kernels;
    kernels = kernel;
}

fl_emu_kernel *fl_emu_find(const char *name)
{
    fl_emu_kernel *k = kernels;
    while (k && strcmp(k->name, name))
        k = k->next;
    return k;
}

void fl_emu_run(const fl_emu_launch *launch)
{
    struct sigaction old[4];
    const unsigned long long blocks = (unsigned long long)launch->grid.x * launch->grid.y * launch->grid.z;
    m.launch = launch;
    m.b = &m.blocks[1];
    m.b->current = nullptr;
    m.waited = 0;
    m.n_threads = launch->block.x * launch->block.y * launch->block.z;
    m.n_warps = (m.n_threads + 31) / 32;
    m.main_bottom = nullptr;
    gridDim = launch->grid;
    blockDim = launch->block;
    make_shared(launch->dynamic_shared);
    catch_faults(old);
    m.may_hold = blocks > 1;
    for (unsigned long long i = 0; i < blocks; i++) {
        const unsigned long long b = launch->reverse ? blocks - 1 - i : i;
        start_block(&m.blocks[i > 0], {(unsigned)(b % gridDim.x), (unsigned)(b / gridDim.x % gridDim.y),
                                       (unsigned)(b / gridDim.x / gridDim.y)});
        m.may_hold = false;
    }
    if (m.held)
        let_go();
    leave_faults(old);
    m.b->current = nullptr;
    if (launch->must_wait && !m.waited)
        fl_emu_fail("no thread called fl_wait_previous(), so the kernels after it do not wait for those before it");
    m.launch = nullptr;
}

void fl_emu_warp(unsigned mask, fl_emu_perform perform, void *slot, const char *what, const char *file, int line)
{
    thread *t = m.b->current;
    warp &w = m.b->warps[t->warp];
    if (!(mask >> t->lane & 1))
        fl_emu_fail("%s, %s:%d: lane %u is not in the mask %08x", what, base_name(file), line, t->lane, mask);
    t->what = what;
    t->file = file;
    t->line = line;
    t->mask = mask;
    t->perform = perform;
    t->slot = slot;
    w.runnable &= ~(1u << t->lane);
    w.at_warp |= 1u << t->lane;
    if (!finish_group(*t))
        go_on_elsewhere(t, false);
}

int fl_emu_barrier(int predicate, int *alive, const char *what, const char *file, int line)
{
    thread *t = m.b->current;
    warp &w = m.b->warps[t->warp];
    t->what = what;
    t->file = file;
    t->line = line;
    t->mask = 0;
    t->perform = nullptr;
    m.b->at_barrier++;
    m.b->predicates += predicate != 0;
    w.runnable &= ~(1u << t->lane);
    w.at_barrier |= 1u << t->lane;
    if (!finish_barrier())
        go_on_elsewhere(t, false);
    if (alive)
        *alive = m.b->barrier_alive;
    return m.b->barrier_sum;
}

unsigned char *fl_emu_dynamic_shared(void) { return (unsigned char *)m.shared; }

namespace {
/* Static shared memory first; false where it is not shared. */
bool shared_offset(const void *p, unsigned *out)
{
    const char *c = (const char *)p;
    const fl_emu_kernel *k = m.launch->kernel;
    if (c >= m.shared && c < m.shared + m.launch->dynamic_shared)
        *out = (unsigned)(fixed_shared() + (size_t)(c - m.shared));
    else if (c >= (const char *)k->shared_begin && c < (const char *)k->shared_end)
        *out = (unsigned)(c - (const char *)k->shared_begin);
    else
        return false;
    return true;
}
} // namespace

unsigned fl_emu_shared_address(const void *p)
{
    const char *c = (const char *)p;
    unsigned offset;
    if (shared_offset(p, &offset))
        return offset;
    fl_emu_fail("%p is not in shared memory (%td bytes from the start of the %zu dynamic ones)", p, c - m.shared,
                m.launch->dynamic_shared);
}

void fl_emu_copy_async(void *dst, const void *src, int bytes, bool valid)
{
    thread *t = m.b->current;
    fl_emu_shared_address(dst);
    const uintptr_t low = (uintptr_t)bytes - 1; /* 4 or 16 */
    if (((uintptr_t)dst & low) || (valid && ((uintptr_t)src & low)))
        fl_emu_fail("fl_copy_async_%d from %p to %p: not aligned to %d bytes", bytes, src, dst, bytes);
    if (bytes == 16)
        memset(dst, FL_EMU_POISON, 16);
    else
        memset(dst, FL_EMU_POISON, 4);
    t->copies.push_back({dst, src, bytes, valid, t->groups});
}

void fl_emu_copy_commit(void) { m.b->current->groups++; }

void fl_emu_copy_wait(int groups)
{
    static const char zeros[16] = {};
    thread *t = m.b->current;
    size_t done = 0;
    for (; done < t->copies.size() && t->copies[done].group + (unsigned)groups < t->groups; done++) {
        const copy &c = t->copies[done];
        if (c.bytes == 16)
            memcpy(c.dst, c.valid ? c.src : zeros, 16);
        else
            memcpy(c.dst, c.valid ? c.src : zeros, 4);
    }
    t->copies.erase(t->copies.begin(), t->copies.begin() + (ptrdiff_t)done);
}

void fl_emu_atomic(const void *p)
{
    unsigned offset;
    if (m.may_hold && !shared_offset(p, &offset))
        hold_block();
}

void fl_emu_wait_previous(void) { m.waited++; }

void fl_emu_fail(const char *format, ...)
{
    va_list args;
    print_place();
    fprintf(stderr, "emulator: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    abort();
}
