/* The guardian: a nest, and one shim for each child of the supervisor.
 *
 * What it promises
 * ----------------
 * 1. When a child is stopped, its whole tree of processes is gone, whatever it forked, renamed or daemonised.
 * 2. When the supervisor dies, at any instant and in any way, all trees are gone.
 * 3. Both hold although one guardian is killed as well: the nest, or a shim.
 *
 * Without privileges. Beyond its reach is a descendant that changed its user id (said, never hidden), and the death of
 * several guardians at once. With privileges, or where the machine has been set up for that, there is more: a cgroup of
 * its own reaches the first, and nothing in a pid namespace of its own outlives its guardians.
 *
 * The shape
 * ---------
 *
 *      supervisor ---> nest ---> shim ---> main process ---> its descendants
 *                          |---> shim ---> ...
 *                          `---> spare     (a shim that waits for its start, which is so much the quicker)
 *
 * The kernel hands an orphan to the nearest ancestor that asked to be a *subreaper*. Each shim is one, for one tree. So
 * a descendant may leave its session, its name and its environment behind, but never its shim; and a process that kills
 * its own children again and again until the kernel says "you have no child" (ECHILD) has ended its tree, provably.
 * A process id in that loop is safe: the number of our own child cannot be given away before we reap it. The nest is
 * a subreaper too: what a killed shim leaves falls to it, and it ends all of its children that are not shims.
 *
 * Who notices whose death
 * -----------------------
 * Nest and shims look at the supervisor in two ways, because each alone can be fooled: a pidfd (blind to a supervisor
 * that executes another program: it keeps its pid) and the read end of the *life pipe*, whose write end only the
 * supervisor has (blind when a forked copy of the supervisor holds it as well). A shim looks at the nest by a pidfd,
 * and by its parent's number. Besides, the kernel sends a dead parent's child what it asked for (PR_SET_PDEATHSIG):
 * SIGCONT to nest and shims, which wakes one that was stopped; SIGKILL to a main process, which is not to outlive its
 * shim.
 *
 * How it waits
 * ------------
 * All signals are blocked, for ever: nothing interrupts, nothing is ignored (an ignored signal would be inherited by
 * the child), and terminal signals do nothing. The few that mean something are read from one signalfd, which the nest
 * makes and all shims share: it shows each reader his own signals. Everybody sleeps in one ppoll without a time limit.
 *
 *      SIGCHLD        somebody is dead
 *      SIGCONT        perhaps the parent is dead; where there are pidfds, it is let through, and only wakes the stopped
 *      SIGNAL_ORDER   from the nest: pass on a signal, or end the tree. Queued by the kernel: none is lost
 *      SIGUSR1        from the nest: end the tree. For when that queue is full; a plain signal can always be sent
 *
 * The nest holds no descriptor for each shim, so that the cost of a start does not grow with their number.
 *
 * What it tells
 * -------------
 * Records of one small size, through one pipe that all of them write to; a write of so few bytes is never mixed with
 * another. The pipe does not block: when it is full, a record waits in the memory of its writer, who goes on
 * guarding. Nobody depends on telling: a dead supervisor reads nothing.
 *
 * One file, no library, because it is to be small (a shim for each child), to start fast, and to be compiled once for
 * each kind of machine. The protocol is described in wire.py, the same in Python is guardian.py.
 */

#include <stddef.h>
#include <stdint.h>

#ifndef DELAY_BEFORE_EXEC_MS
#define DELAY_BEFORE_EXEC_MS 0 /* tests widen the window between fork and exec */
#endif
#ifndef SLOW_INIT
#define SLOW_INIT 0 /* the same, until an init has asked for a signal at its shim's death */
#endif
#ifndef NO_SPARE
#define NO_SPARE 0 /* tests see to it that we can do without, as in a burst of starts */
#endif
#ifndef NO_CLONE3 /* and without what older kernels do not have */
#define NO_CLONE3 0
#endif
#ifndef NO_PIDFD
#define NO_PIDFD 0
#endif
#ifndef NO_CHILDREN_FILE
#define NO_CHILDREN_FILE 0
#endif

/* ---- The kernel -------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
enum {
    NR_read = 0, NR_write = 1, NR_close = 3, NR_mmap = 9, NR_munmap = 11, NR_rt_sigaction = 13,
    NR_rt_sigprocmask = 14, NR_ioctl = 16, NR_madvise = 28, NR_getpid = 39, NR_sendmsg = 46, NR_recvmsg = 47,
    NR_socketpair = 53, NR_clone = 56, NR_execve = 59, NR_wait4 = 61, NR_kill = 62, NR_fcntl = 72, NR_chdir = 80,
    NR_umask = 95, NR_getrusage = 98, NR_geteuid = 107, NR_getegid = 108, NR_setpgid = 109, NR_getppid = 110,
    NR_setsid = 112, NR_setgroups = 116, NR_setresuid = 117, NR_setresgid = 119, NR_rt_sigqueueinfo = 129,
    NR_setpriority = 141, NR_prctl = 157, NR_sched_setaffinity = 203, NR_getdents64 = 217, NR_clock_gettime = 228,
    NR_exit_group = 231, NR_waitid = 247, NR_ioprio_set = 251, NR_openat = 257, NR_readlinkat = 267, NR_ppoll = 271,
    NR_unshare = 272, NR_signalfd4 = 289, NR_dup3 = 292, NR_pipe2 = 293, NR_prlimit64 = 302,
    NR_pidfd_send_signal = 424, NR_pidfd_open = 434, NR_clone3 = 435, NR_close_range = 436,
};

static long call(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Call clone or clone3 with `a` and `b`, and nothing else. The child calls `entry`, on a stack of its own, and must not
 * return from it. */
static long clone_calling(void (*entry)(void), long number, long a, long b) {
    long result;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "call *%[entry]\n"
                     "1:"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(0L), "r"(r10), "r"(r8), [entry] "r"(entry)
                     : "rcx", "r11", "cc", "memory");
    return result;
}

__asm__(".globl _start\n"
        "_start:\n\t"
        "xor %ebp, %ebp\n\t"
        "mov %rsp, %rdi\n\t"
        "and $-16, %rsp\n\t"
        "call begin\n");

#elif defined(__aarch64__)
enum {
    NR_dup3 = 24, NR_fcntl = 25, NR_ioctl = 29, NR_ioprio_set = 30, NR_chdir = 49, NR_openat = 56, NR_close = 57,
    NR_pipe2 = 59, NR_getdents64 = 61, NR_read = 63, NR_write = 64, NR_ppoll = 73, NR_signalfd4 = 74,
    NR_readlinkat = 78, NR_exit_group = 94, NR_waitid = 95, NR_unshare = 97, NR_clock_gettime = 113,
    NR_sched_setaffinity = 122, NR_kill = 129, NR_rt_sigaction = 134, NR_rt_sigprocmask = 135,
    NR_rt_sigqueueinfo = 138, NR_setpriority = 140, NR_setresuid = 147, NR_setresgid = 149, NR_setpgid = 154,
    NR_setsid = 157, NR_setgroups = 159, NR_getrusage = 165, NR_umask = 166, NR_prctl = 167, NR_getpid = 172,
    NR_getppid = 173, NR_geteuid = 175, NR_getegid = 177, NR_socketpair = 199, NR_sendmsg = 211, NR_recvmsg = 212,
    NR_munmap = 215, NR_clone = 220, NR_execve = 221, NR_mmap = 222, NR_madvise = 233, NR_wait4 = 260,
    NR_prlimit64 = 261, NR_pidfd_send_signal = 424, NR_pidfd_open = 434, NR_clone3 = 435, NR_close_range = 436,
};

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
    return x0;
}

static long clone_calling(void (*entry)(void), long number, long a, long b) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "blr %[entry]\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), [entry] "r"(entry)
                     : "x30", "memory", "cc");
    return x0;
}

__asm__(".globl _start\n"
        "_start:\n\t"
        "mov x29, #0\n\t"
        "mov x0, sp\n\t"
        "bl begin\n");

#else
#error "this machine is not described here yet; guardian.py serves it"
#endif

#define CALL0(n) call(NR_##n, 0, 0, 0, 0, 0, 0)
#define CALL1(n, a) call(NR_##n, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(n, a, b) call(NR_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(n, a, b, c) call(NR_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(n, a, b, c, d) call(NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL5(n, a, b, c, d, e) call(NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define CALL6(n, a, b, c, d, e, f) call(NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

enum { EPERM = 1, ENOENT = 2, ESRCH = 3, EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, ENOTDIR = 20,
       EINVAL = 22, EMFILE = 24, ENOTTY = 25, ENOSYS = 38, EPROTO = 71 };
enum { SIGKILL = 9, SIGUSR1 = 10, SIGCHLD = 17, SIGCONT = 18, SIGNAL_ORDER = 40, SIGNALS = 64, SI_QUEUE = -1 };
enum { O_WRONLY = 1, O_RDWR = 2, O_NONBLOCK = 04000, O_CLOEXEC = 02000000, O_PATH = 010000000, AT_FDCWD = -100,
       FD_CLOEXEC = 1 };
enum { F_DUPFD_CLOEXEC = 1030, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_SETPIPE_SZ = 1031, CLOSE_RANGE_CLOEXEC = 4 };
enum { PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32, MADV_DONTNEED = 4, MADV_DONTFORK = 10 };
enum { POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, POLLNVAL = 32 };
enum { WNOHANG = 1, WEXITED = 4, WNOWAIT = 0x01000000, P_ALL = 0, P_PID = 1, RUSAGE_CHILDREN = -1 };
enum { PR_SET_PDEATHSIG = 1, PR_SET_DUMPABLE = 4, PR_SET_NAME = 15, PR_SET_CHILD_SUBREAPER = 36,
       PR_SET_NO_NEW_PRIVS = 38 };
enum { CLONE_NEWUSER = 0x10000000, CLONE_NEWPID = 0x20000000 };
#define CLONE_INTO_CGROUP 0x200000000u
enum { SIG_UNBLOCK = 1, SIG_SETMASK = 2, CLOCK_MONOTONIC = 1, CLONE_VM = 0x100, CLONE_VFORK = 0x4000 };
enum { SCM_RIGHTS = 1, SOL_SOCKET = 1, AF_UNIX = 1, SOCK_SEQPACKET = 5 };
enum { TIOCSCTTY = 0x540e, IOPRIO_WHO_PROCESS = 1 };
enum { MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000 };

struct pollfd { int fd; short events, revents; };
struct timespec { int64_t seconds, nanoseconds; };
struct signal_news { uint32_t number; int32_t error, code; uint32_t pid; uint8_t other[28]; int32_t value;
                     uint8_t rest[80]; };
struct signal_order { int32_t number, error, code, pad; uint32_t pid, uid; int64_t value; uint8_t rest[96]; };
struct death_news { int32_t number, error, code, pad, pid; uint8_t rest[108]; };
struct kernel_usage { int64_t user_s, user_us, system_s, system_us, maximum, unused[3], minor, major, swaps, blocks_in,
                      blocks_out, messages[2], signals, voluntary, involuntary; };
struct clone_wish { uint64_t flags, pidfd, child, parent, signal, stack, stack_size, tls, pids, n_pids, cgroup; };
struct vector { void *base; size_t length; };
struct message { void *name; uint32_t name_length, pad; struct vector *parts; size_t n_parts; void *control;
                 size_t control_length; uint32_t flags, pad2; };
struct control { size_t length; int32_t level, type; int32_t fds[]; };

_Static_assert(sizeof(struct signal_news) == 128 && offsetof(struct signal_news, value) == 44, "signalfd_siginfo");
_Static_assert(sizeof(struct signal_order) == 128, "siginfo_t");
_Static_assert(sizeof(struct death_news) == 128, "siginfo_t");
_Static_assert(sizeof(struct kernel_usage) == 144, "struct rusage");
_Static_assert(sizeof(struct clone_wish) == 88, "struct clone_args");
_Static_assert(sizeof(struct message) == 56, "struct msghdr");

/* ---- What goes over the wire (wire.py is its twin) --------------------------------------------------------------- */

enum { VERSION = 1, INLINE_LIMIT = 64 * 1024, MOST_FDS = 253, STANDARD = 3 };
enum request_kind { START = 1, SIGNAL = 2, KILL = 3, DESTROY = 4 };
enum record_kind { HELLO = 1, LAUNCHED = 2, FAILED = 3, EXITED = 4, GONE = 5, OUT_OF_REACH = 6, STUCK = 7, LOST = 8,
                   REFUSED = 9 };
enum start_flag { NO_NEW_PRIVS = 1, STRINGS_IN_MEMFD = 2, TELL_LISTEN_PID = 4, SET_UMASK = 8, SET_NICE = 16,
                  SET_USER = 32, SET_GROUP = 64, SET_GROUPS = 128, SET_IO_PRIORITY = 256, TERMINAL = 512,
                  NAMESPACE = 1024, CGROUP = 2048 };
enum stage { AT_REQUEST = 1, AT_DESCRIPTORS = 2, AT_FORK = 3, AT_PRIVILEGES = 4, AT_NICE = 5, AT_DIRECTORY = 6,
             AT_EXEC = 7, AT_RLIMIT = 8, AT_IO_PRIORITY = 9, AT_AFFINITY = 10, AT_GROUPS = 11, AT_GROUP = 12,
             AT_USER = 13, AT_TERMINAL = 14, AT_CGROUP = 15, AT_NAMESPACE = 16 };
enum target { TO_MAIN = 0, TO_GROUP = 1, TO_TREE = 2, AND_CONTINUE = 4 };
enum record_flag { HAS_CHILDREN_FILE = 1, HAS_PIDFD = 2, WAS_STOPPED = 4, LEFT_SOME = 8 };
static const uint32_t FOR_EVER = 0xffffffff; /* as `linger_ms`: the strays are kept */

struct request { uint16_t version, kind; uint32_t length; uint64_t id; };
struct start {
    struct request head;
    uint32_t fixed, flags, linger_ms, stuck_ms, fds, candidates, arguments, variables;
    uint32_t umask;
    int32_t nice;
    uint64_t bytes;
};
struct settings { uint32_t user, group, io_priority, rlimits, cpus, groups; }; /* behind a start, or all zero */
struct rlimit { uint32_t resource, pad; uint64_t soft, hard; };
struct order { struct request head; uint32_t signal, to; };
struct usage { uint64_t user_us, system_us, maximum_kib, minor, major, blocks_in, blocks_out, voluntary, involuntary; };
struct record {
    uint16_t version, kind;
    uint32_t flags;
    uint64_t id;
    int32_t pid, shim, status;
    uint32_t stage, count, pad;
    struct usage usage;
    uint64_t reserved[2];
};

_Static_assert(sizeof(struct start) == 64, "as in wire.py");
_Static_assert(sizeof(struct settings) == 24, "as in wire.py");
_Static_assert(sizeof(struct rlimit) == 24, "as in wire.py");
_Static_assert(sizeof(struct order) == 24, "as in wire.py");
_Static_assert(sizeof(struct record) == 128, "as in wire.py; divides a page, so no record lies across two");

/* ---- Small tools ------------------------------------------------------------------------------------------------- */

/* The compiler calls these two by itself. */
void *memset(void *to, int value, size_t length) {
    for (volatile char *p = to; length--; p++) *p = (char)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    volatile char *p = to;
    for (const char *q = from; length--;) *p++ = *q++;
    return to;
}

static int64_t now_ms(void) {
    struct timespec now;
    CALL2(clock_gettime, CLOCK_MONOTONIC, &now);
    return now.seconds * 1000 + now.nanoseconds / 1000000;
}

static void nap(int64_t ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    CALL5(ppoll, NULL, 0, &time, NULL, 0);
}

static int write_file_at(int directory, const char *name, const char *text, size_t length) {
    long fd = CALL4(openat, directory, name, O_WRONLY | O_CLOEXEC, 0), done = fd;
    if (fd >= 0) done = CALL3(write, fd, text, length), CALL1(close, fd);
    return done < 0 ? (int)done : 0;
}

static void *pages(size_t bytes) {
    long at = CALL6(mmap, NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at < 0 && at > -4096 ? NULL : (void *)at;
}

static char *append(char *to, const char *from) {
    while ((*to = *from++)) to++;
    return to;
}

static char *append_number(char *to, uint64_t number) {
    char digits[24], *first = digits + sizeof digits;
    *--first = 0;
    do *--first = (char)('0' + number % 10); while (number /= 10);
    return append(to, first);
}

static long open_file(const char *path, long flags) { return CALL4(openat, AT_FDCWD, path, flags | O_CLOEXEC, 0); }

static int open_pidfd(int32_t pid) { return NO_PIDFD ? -ENOSYS : (int)CALL2(pidfd_open, pid, 0); }

static void close_fd(int fd) {
    if (fd >= 0) CALL1(close, fd);
}

__attribute__((noreturn)) static void leave(int code) {
    for (;;) CALL1(exit_group, code);
}

/* ---- What every guardian knows ----------------------------------------------------------------------------------- */

/* Made by the nest, inherited by each shim, never changed there (`control`: closed). */
static struct {
    int control, events, life, signals; /* descriptors */
    int supervisor_fd, nest_fd;         /* pidfds; -1: this kernel has none, and the rest must do */
    int32_t supervisor, nest;           /* process ids */
    int has_children_file;
    int32_t last_pid; /* the highest number a process can have */
} common;

static struct { int32_t self, parent; } process; /* ids of this very guardian */

enum { SIGNALFD = 0, LIFE, SUPERVISOR, NEST, EVENTS, CONTROL, WATCHED };

/* ---- Records: told when there is room, kept until then ----------------------------------------------------------- */

enum { OUTBOX = 8 }; /* more than the records of one life, and few enough for one atomic write */

static struct { struct record records[OUTBOX]; int length; } outbox;

static struct record *tell(enum record_kind kind, uint64_t id) {
    struct record *record = &outbox.records[outbox.length < OUTBOX ? outbox.length++ : OUTBOX - 1];
    *record = (struct record){.version = VERSION, .kind = (uint16_t)kind, .id = id};
    return record;
}

/* All or nothing, because so few bytes are written at once or not at all. */
static void flush(void) {
    if (!outbox.length) return;
    long written = CALL3(write, common.events, outbox.records, sizeof *outbox.records * (size_t)outbox.length);
    if (written != -EAGAIN) outbox.length = 0; /* told; or nobody reads any more, and then nobody minds */
}

static void report_usage(struct usage *to, const struct kernel_usage *from) {
    to->user_us = (uint64_t)(from->user_s * 1000000 + from->user_us);
    to->system_us = (uint64_t)(from->system_s * 1000000 + from->system_us);
    to->maximum_kib = (uint64_t)from->maximum;
    to->minor = (uint64_t)from->minor;
    to->major = (uint64_t)from->major;
    to->blocks_in = (uint64_t)from->blocks_in;
    to->blocks_out = (uint64_t)from->blocks_out;
    to->voluntary = (uint64_t)from->voluntary;
    to->involuntary = (uint64_t)from->involuntary;
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

static int has_parent(void) { return CALL0(getppid) == process.parent; }

/* A guardian's parent is gone, or may be: nothing else ever ends with a guardian still alive. */
static int is_over(const struct pollfd *watched) {
    if (watched[LIFE].revents || watched[SUPERVISOR].revents || watched[NEST].revents) return 1;
    return !has_parent();
}

/* Sleep until there is something to do, at most `ms` (-1: for ever); `control` may be -1. Whether it is over. */
static int wait_for_news(struct pollfd watched[WATCHED], int control, int64_t ms) {
    static int was_over; /* what has ended stays ready for ever: once seen, it must not keep us awake */
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    watched[SIGNALFD] = (struct pollfd){common.signals, POLLIN, 0};
    watched[LIFE] = (struct pollfd){was_over ? -1 : common.life, 0, 0};
    watched[SUPERVISOR] = (struct pollfd){was_over ? -1 : common.supervisor_fd, POLLIN, 0};
    watched[NEST] = (struct pollfd){was_over || process.self == common.nest ? -1 : common.nest_fd, POLLIN, 0};
    watched[EVENTS] = (struct pollfd){outbox.length ? common.events : -1, POLLOUT, 0};
    watched[CONTROL] = (struct pollfd){control, POLLIN, 0};
    CALL5(ppoll, watched, WATCHED, ms < 0 ? NULL : &time, NULL, 0);
    return was_over = was_over || is_over(watched);
}

enum { SIGNALS_AT_ONCE = 4 };

/* Returns the end of what was read. Whoever gets less than he has room for got all. */
static struct signal_news *read_signals(struct signal_news news[SIGNALS_AT_ONCE], int *more) {
    long length = CALL3(read, common.signals, news, sizeof *news * SIGNALS_AT_ONCE);
    *more = length == (long)sizeof *news * SIGNALS_AT_ONCE;
    return length > 0 ? news + length / (long)sizeof *news : news;
}

/* ---- One's own children ------------------------------------------------------------------------------------------ */

/* The kernel's list of one's own children, read piece by piece; where it has none, each number is tried: waitid knows
 * whether it is a child of ours. That is slow, needs nothing mounted, and is never wrong. */
struct listing { int fd; int32_t next; int at, length; char text[1024]; };

static void list_children_of(struct listing *listing, const char *path) {
    listing->fd = (int)open_file(path, 0);
    listing->next = listing->at = listing->length = 0;
}

static void list_own_children(struct listing *listing) {
    if (common.has_children_file)
        list_children_of(listing, "/proc/thread-self/children");
    else
        listing->fd = -1, listing->next = 1;
}

static int next_character(struct listing *listing) {
    if (listing->at == listing->length) {
        listing->at = 0;
        listing->length = (int)CALL3(read, listing->fd, listing->text, sizeof listing->text);
        if (listing->length <= 0) return -1;
    }
    return listing->text[listing->at++];
}

static int32_t next_listed(struct listing *listing) {
    int32_t pid = 0;
    int character;
    while (listing->length >= 0 && (character = next_character(listing)) >= 0) {
        if (character >= '0' && character <= '9') pid = pid * 10 + (character - '0');
        else if (pid) return pid;
    }
    listing->length = -1; /* the end, also when asked again */
    return pid;
}

static int32_t next_tried(struct listing *listing) {
    for (int32_t pid = listing->next; pid && pid <= common.last_pid; pid++) {
        struct death_news ignored;
        if (CALL5(waitid, P_PID, pid, &ignored, WEXITED | WNOHANG | WNOWAIT, NULL) == 0) {
            listing->next = pid + 1;
            return pid;
        }
    }
    return 0;
}

/* The next child, or 0. Nobody is reaped meanwhile, so the number is still his. */
static int32_t next_child(struct listing *listing) {
    return listing->fd >= 0 ? next_listed(listing) : next_tried(listing);
}

struct blow { uint32_t found, refused; int32_t refused_pid; };

/* Kill every own child but those that `is_spared`. */
static struct blow kill_children(int (*is_spared)(int32_t)) {
    struct blow blow = {0, 0, 0};
    struct listing listing;
    int32_t pid;
    list_own_children(&listing);
    while ((pid = next_child(&listing))) {
        if (is_spared && is_spared(pid)) continue;
        blow.found++;
        if (CALL2(kill, pid, SIGKILL) == -EPERM) blow.refused++, blow.refused_pid = pid;
    }
    close_fd(listing.fd);
    return blow;
}

/* ---- A whole tree: best effort, for polite signals --------------------------------------------------------------- */

/* A descendant that is no child of ours may die, and its number be given away, at any time. So it is held by a pidfd,
 * and then asked for its parent: a process known to be ours, and, looked at again, still the same (pid and start time).
 * What is found to be ours in this way is signalled through the pidfd, and no stranger ever. */

enum { MEMBERS = 4096, PASSES = 16 };

struct member { int32_t pid, group; uint64_t since; };
struct facts { int32_t parent, group; uint64_t since; };

_Alignas(4096) static struct { struct member known[MEMBERS]; int length, signal; int32_t only_group; } walk;

static const char *skip_fields(const char *at, int fields) {
    while (fields && *at)
        if (*at++ == ' ') fields--;
    return at;
}

static uint64_t number_at(const char *at) {
    uint64_t number = 0;
    while (*at >= '0' && *at <= '9') number = number * 10 + (uint64_t)(*at++ - '0');
    return number;
}

/* From /proc/PID/stat: `pid (name) state parent group ... start time ...`; the name may contain anything. */
static int look_up(int32_t pid, struct facts *facts) {
    char path[48], text[1024];
    append(append_number(append(path, "/proc/"), (uint64_t)pid), "/stat");
    long fd = open_file(path, 0);
    if (fd < 0) return 0;
    long length = CALL3(read, fd, text, sizeof text - 1);
    close_fd((int)fd);
    if (length <= 0) return 0;
    text[length] = 0;
    const char *at = text + length;
    while (at > text && *at != ')') at--;
    facts->parent = (int32_t)number_at(skip_fields(at, 2));
    facts->group = (int32_t)number_at(skip_fields(at, 3));
    facts->since = number_at(skip_fields(at, 20));
    return 1;
}

static int is_known(int32_t pid) {
    for (int i = 0; i < walk.length; i++)
        if (walk.known[i].pid == pid) return 1;
    return 0;
}

static int is_still(const struct member *member) {
    struct facts facts;
    return look_up(member->pid, &facts) && facts.since == member->since;
}

static void send_through(int pidfd, int32_t pid) {
    if (pidfd >= 0)
        CALL4(pidfd_send_signal, pidfd, walk.signal, NULL, 0);
    else
        CALL2(kill, pid, walk.signal);
}

static void visit(const struct member *parent, int32_t pid) {
    struct facts facts;
    if (is_known(pid) || walk.length == MEMBERS) return;
    int pidfd = open_pidfd(pid);
    if (pidfd == -ESRCH) return;
    if (look_up(pid, &facts) && facts.parent == parent->pid && is_still(parent)) {
        walk.known[walk.length++] = (struct member){pid, facts.group, facts.since};
        if (!walk.only_group || facts.group == walk.only_group) send_through(pidfd, pid);
    }
    close_fd(pidfd);
}

static void visit_children_of_thread(const struct member *parent, const char *task, const char *thread) {
    char path[96];
    struct listing listing;
    int32_t pid;
    append(append(append(path, task), thread), "/children");
    list_children_of(&listing, path);
    if (listing.fd < 0) return;
    while ((pid = next_listed(&listing))) visit(parent, pid);
    close_fd(listing.fd);
}

struct directory_entry { uint64_t inode, offset; uint16_t length; uint8_t type; char name[]; };

/* A child is listed with the thread that made it. */
static void visit_children_of(const struct member *parent) {
    char task[48];
    _Alignas(8) char text[1024];
    long length;
    append(append_number(append(task, "/proc/"), (uint64_t)parent->pid), "/task/");
    long fd = open_file(task, 0);
    while (fd >= 0 && (length = CALL3(getdents64, fd, text, sizeof text)) > 0)
        for (char *at = text; at < text + length; at += ((struct directory_entry *)(void *)at)->length) {
            struct directory_entry *entry = (struct directory_entry *)(void *)at;
            if (entry->name[0] != '.') visit_children_of_thread(parent, task, entry->name);
        }
    close_fd((int)fd);
}

/* Send `signal` to all descendants (of one group, unless 0), again until nobody new is found. */
static void signal_descendants(int signal, int32_t only_group) {
    struct facts facts = {0, 0, 0};
    int before = 0;
    look_up(process.self, &facts);
    walk.known[0] = (struct member){process.self, facts.group, facts.since};
    walk.length = 1, walk.signal = signal, walk.only_group = only_group;
    for (int pass = 0; pass < PASSES && before < walk.length; pass++) {
        before = walk.length;
        for (int i = 0; i < walk.length; i++) visit_children_of(&walk.known[i]);
    }
    CALL3(madvise, walk.known, sizeof walk.known, MADV_DONTNEED);
}

/* ---- Orders, from guardian to guardian --------------------------------------------------------------------------- */

enum { END_TREE = 0 }; /* where other orders have a signal */

static long queue_order(int32_t pid, int value) {
    struct signal_order order = {.code = SI_QUEUE, .pid = (uint32_t)process.self, .value = value};
    return CALL3(rt_sigqueueinfo, pid, SIGNAL_ORDER, &order);
}

/* ---- The start of a child ---------------------------------------------------------------------------------------- */

enum { BUFFER = 128 * 1024, SCRATCH = 20 * 1024, STACK = 16 * 1024 };

/* What was asked for, in the shim that does it. `error` and `stage` are written by the main process before it executes
 * its program: until then it runs in our memory, and we stand still. */
static struct {
    char *buffer; /* what the nest receives, and behind it some room for the shim that a request makes */
    const struct start *request;
    const struct settings *settings; /* and behind it: */
    const struct rlimit *rlimits;
    const uint64_t *cpus; /* a bit each */
    const uint32_t *groups;
    int fds[MOST_FDS], n_fds;
    const char *directory;
    const char **candidates, **arguments, **variables;
    void *scratch;
    size_t scratch_size;
    char *strings;
    int32_t init;
    int leash[2]; /* a pipe: whoever reads it sees the shim's end */
    int cgroup, is_inside; /* the directory, or -1; whether the main process is there from its birth on */
    int error, stage, candidate;
} task;

__attribute__((noreturn)) static void give_up(int stage, long error) {
    task.stage = stage;
    task.error = (int)-error;
    leave(127);
}

static void must(int stage, long done) {
    if (done < 0) give_up(stage, done);
}

static const char **take_strings(const char ***to, uint32_t count, const char **at, const char *end) {
    const char **first = *to;
    for (uint32_t i = 0; i < count; i++) {
        if (*at >= end) return NULL;
        *(*to)++ = *at;
        while (*(*at)++) continue;
    }
    *(*to)++ = NULL;
    return first;
}

/* Where the strings are: behind the request, or in a memory file that came as the last descriptor. */
static char *find_strings(void) {
    if (!(task.request->flags & STRINGS_IN_MEMFD)) return (char *)(uintptr_t)task.request + task.request->fixed;
    int fd = task.fds[--task.n_fds];
    long at = CALL6(mmap, NULL, task.request->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close_fd(fd);
    return at < 0 && at > -4096 ? NULL : (char *)at;
}

static int is_sound(const struct start *request, uint32_t length) {
    int is_inline = !(request->flags & STRINGS_IN_MEMFD);
    if (length < sizeof *request || request->head.length != length || request->fixed < sizeof *request) return 0;
    if (request->fixed > length || !request->bytes || !request->arguments || !request->candidates) return 0;
    return !is_inline || request->bytes == length - request->fixed;
}

/* Whether they are all between the start and its strings. */
static int find_settings(void) {
    static const struct settings none;
    uint64_t room = task.request->fixed - sizeof *task.request;
    task.settings = room ? (const struct settings *)(const void *)(task.request + 1) : &none;
    if (room && room < sizeof none) return 0;
    task.rlimits = (const struct rlimit *)(const void *)(task.settings + 1);
    task.cpus = (const uint64_t *)(const void *)(task.rlimits + task.settings->rlimits);
    task.groups = (const uint32_t *)(const void *)(task.cpus + task.settings->cpus);
    uint64_t needed = (uint64_t)task.settings->rlimits * sizeof *task.rlimits +
                      (uint64_t)task.settings->cpus * sizeof *task.cpus +
                      (uint64_t)task.settings->groups * sizeof *task.groups;
    return !room || needed <= room - sizeof none;
}

/* Behind the request there is room for as much as is usual. */
static void find_scratch(size_t strings) {
    size_t size = (strings + 8) * sizeof(char *) + STACK;
    task.scratch_size = size <= SCRATCH ? SCRATCH : (size + 4095) & ~(size_t)4095;
    task.scratch = size <= SCRATCH ? task.buffer + BUFFER : pages(task.scratch_size);
}

/* Pointers to all strings, and the stack of the main process, in one mapping: it is given back after the launch. */
static int prepare(void) {
    const struct start *request = task.request;
    size_t strings = (size_t)request->candidates + request->arguments + request->variables;
    if (strings > request->bytes) return -EINVAL;
    if (request->flags & STRINGS_IN_MEMFD && !task.n_fds) return -EINVAL;
    find_scratch(strings);
    task.strings = find_strings();
    if (!task.scratch || !task.strings) return -ENOMEM;
    task.cgroup = request->flags & CGROUP && task.n_fds ? task.fds[--task.n_fds] : -1;
    if (request->flags & CGROUP && task.cgroup < 0) return -EINVAL;
    const char *at = task.strings, *end = at + request->bytes, **to = task.scratch;
    if (end[-1] || !find_settings()) return -EINVAL;
    task.directory = at;
    while (*at++) continue;
    task.candidates = take_strings(&to, request->candidates, &at, end);
    task.arguments = take_strings(&to, request->arguments, &at, end);
    task.variables = take_strings(&to, request->variables, &at, end);
    return task.candidates && task.arguments && task.variables && task.n_fds == (int)request->fds ? 0 : -EINVAL;
}

/* Descriptor i of the request becomes the number i, and nothing else stays open; 0 to 2 are /dev/null until then. One
 * that is no more than a place (O_PATH) leaves its number free. */
/* The numbers in `task` stay as they are: they are the shim's, whose memory this is, and which closes them. */
static void arrange_descriptors(void) {
    long fds[MOST_FDS];
    for (int i = 0; i < task.n_fds; i++) { /* first out of each other's way */
        fds[i] = task.n_fds > STANDARD ? CALL3(fcntl, task.fds[i], F_DUPFD_CLOEXEC, task.n_fds) : task.fds[i];
        must(AT_DESCRIPTORS, fds[i]);
    }
    for (int i = 0; i < task.n_fds; i++) {
        long is_place = CALL2(fcntl, fds[i], F_GETFL) & O_PATH;
        must(AT_DESCRIPTORS, CALL3(dup3, fds[i], i, is_place ? O_CLOEXEC : 0));
    }
    /* An old kernel has no such call: then they are closed by the exec, as all that we open are. */
    CALL3(close_range, task.n_fds < STANDARD ? STANDARD : task.n_fds, ~0U, 0);
}

static void set_limits(void) {
    for (uint32_t i = 0; i < task.settings->rlimits; i++) {
        task.candidate = (int)i;
        must(AT_RLIMIT, CALL4(prlimit64, 0, task.rlimits[i].resource, &task.rlimits[i].soft, NULL));
    }
    task.candidate = 0;
}

static void set_priorities(void) {
    const struct settings *wanted = task.settings;
    uint32_t flags = task.request->flags;
    if (flags & SET_UMASK) CALL1(umask, task.request->umask);
    if (flags & SET_NICE) must(AT_NICE, CALL3(setpriority, 0, 0, task.request->nice));
    if (flags & SET_IO_PRIORITY) must(AT_IO_PRIORITY, CALL3(ioprio_set, IOPRIO_WHO_PROCESS, 0, wanted->io_priority));
    if (wanted->cpus) must(AT_AFFINITY, CALL3(sched_setaffinity, 0, wanted->cpus * sizeof *task.cpus, task.cpus));
}

static void die_with_the_shim(void) {
    CALL5(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (task.init) return; /* our parent has no number here; whether it lives is the init's concern */
    if (CALL0(getppid) != process.self) leave(127); /* it died before we asked; its memory is what we see here */
}

/* Groups first: who is no longer root cannot change them. The kernel forgets what is to happen at the parent's death
 * when a process becomes somebody else. */
static void become_user(void) {
    const struct settings *wanted = task.settings;
    uint32_t flags = task.request->flags;
    if (!(flags & (SET_USER | SET_GROUP | SET_GROUPS))) return;
    if (flags & SET_GROUPS) must(AT_GROUPS, CALL2(setgroups, wanted->groups, task.groups));
    if (flags & SET_GROUP) must(AT_GROUP, CALL3(setresgid, wanted->group, wanted->group, wanted->group));
    if (flags & SET_USER) must(AT_USER, CALL3(setresuid, wanted->user, wanted->user, wanted->user));
    die_with_the_shim();
}

static void enter_cgroup(void) {
    if (task.cgroup >= 0 && !task.is_inside) must(AT_CGROUP, write_file_at(task.cgroup, "cgroup.procs", "0", 1));
}

/* Whoever may raise a limit or a priority may do so only before it becomes another user, and a directory is entered
 * as the one that it will be. The limit of descriptors is for those that the program opens: ours are there before it.
 * All of this belongs to a process, although memory is still shared; what does not is put right by the shim. */
static void apply_settings(void) {
    if (task.request->flags & TERMINAL)
        must(AT_TERMINAL, task.n_fds ? CALL3(ioctl, task.fds[0], TIOCSCTTY, 0) : -ENOTTY);
    arrange_descriptors();
    set_limits();
    set_priorities();
    become_user();
    if (task.request->flags & NO_NEW_PRIVS) must(AT_PRIVILEGES, CALL5(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    if (*task.directory) must(AT_DIRECTORY, CALL1(chdir, task.directory));
}

/* The last variable is replaced: only the process itself knows its number in time (sd_listen_fds asks for it). */
static void tell_listen_pid(void) {
    static char variable[40];
    append_number(append(variable, "LISTEN_PID="), (uint64_t)CALL0(getpid));
    if (task.request->variables) task.variables[task.request->variables - 1] = variable;
}

/* As execvp: what is not there, or not allowed, leads on to the next; EACCES is what it says if there was one. */
__attribute__((noreturn)) static void execute(void) {
    long error = -ENOENT;
    for (uint32_t i = 0; i < task.request->candidates; i++) {
        long now = CALL3(execve, task.candidates[i], task.arguments, task.variables);
        if (error != -EACCES || (now != -ENOENT && now != -ENOTDIR)) error = now, task.candidate = (int)i;
        if (now != -ENOENT && now != -ENOTDIR && now != -EACCES) break;
    }
    give_up(AT_EXEC, error);
}

/* The main process, from its first instruction to its program. It shares our memory until then. */
__attribute__((noreturn)) static void become_main(void) {
    uint64_t nothing = 0;
    die_with_the_shim();
    enter_cgroup();
    CALL0(setsid);
    apply_settings();
    if (task.request->flags & TELL_LISTEN_PID) tell_listen_pid();
    if (DELAY_BEFORE_EXEC_MS) nap(DELAY_BEFORE_EXEC_MS);
    CALL4(rt_sigprocmask, SIG_SETMASK, &nothing, NULL, sizeof nothing);
    execute();
}

/* In its cgroup from its first moment on, where the kernel can do that; else it goes there before its program runs.
 * Whatever else is wrong with the cgroup is found out in the same way, and told. */
static long clone_main(void) {
    char *top = (char *)task.scratch + task.scratch_size;
    struct clone_wish wish = {.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP, .signal = SIGCHLD,
                              .stack = (uintptr_t)top - STACK, .stack_size = STACK, .cgroup = (uint64_t)task.cgroup};
    task.is_inside = task.cgroup >= 0 && !NO_CLONE3;
    if (task.is_inside) {
        long pid = clone_calling(become_main, NR_clone3, (long)&wish, sizeof wish);
        if (pid >= 0 || pid == -EAGAIN || pid == -ENOMEM) return pid;
        task.is_inside = 0;
    }
    return clone_calling(become_main, NR_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, (long)top);
}

/* What the launch needed is given back, so that an idle shim is small; the child's descriptors must not stay open
 * here, or the reader of its output would never see the end. */
static void tidy(void) {
    for (int i = 0; i < task.n_fds; i++) close_fd(task.fds[i]);
    if (task.strings && task.request->flags & STRINGS_IN_MEMFD) CALL2(munmap, task.strings, task.request->bytes);
    if (task.scratch_size > SCRATCH) CALL2(munmap, task.scratch, task.scratch_size);
    CALL2(munmap, task.buffer, BUFFER + SCRATCH);
}

/* ---- A pid namespace --------------------------------------------------------------------------------------------- */

/* Who is killed together with all guardians guards nobody. But the kernel ends a pid namespace with its first process,
 * the *init*, and that one is bound to the shim: when the shim dies, so does the init, and with it the whole tree.
 *
 *      shim ---> init            number 1 inside; orphans fall to it instead of the shim
 *         `----> main process    number 2: a process with number 1 would be deaf to signals that it does not handle
 *
 * The main process is the shim's own child as ever, and is started, signalled and reaped as ever. The shim itself does
 * not live in the namespace. It gives orders to the init by signals; as they come from outside, their sender has no
 * number there, by which they are told from the signals of those inside.
 *
 *      SIGUSR1        the main process is reaped: end as soon as you have no child
 *      SIGNAL_ORDER   send this signal to everybody; or END_TREE: kill all, and count them
 *
 * The init exits with the number of strays that it has killed. If it does not, the shim kills it.
 *
 * Without privileges, only a user namespace may make a pid namespace. Only our own user and group exist in it. */

enum { AT_ONCE = 2048 }; /* reaped in one pass: a fork bomb must not keep us from killing */
enum { MOST_STRAYS = 255 };

static struct { int is_released, is_ending, strays; } init;

static long map_to_itself(const char *file, uint64_t id) {
    char text[64];
    char *end = append(append_number(append(append_number(text, id), " "), id), " 1\n");
    return write_file_at(AT_FDCWD, file, text, (size_t)(end - text));
}

static long enter_user_namespace(void) {
    uint64_t user = (uint64_t)CALL0(geteuid), group = (uint64_t)CALL0(getegid);
    long done = CALL1(unshare, CLONE_NEWUSER | CLONE_NEWPID);
    if (done < 0) return done;
    write_file_at(AT_FDCWD, "/proc/self/setgroups", "deny", 4); /* else no group may be mapped, from Linux 3.19 */
    done = map_to_itself("/proc/self/uid_map", user);
    return done < 0 ? done : map_to_itself("/proc/self/gid_map", group);
}

static void init_obey(void) {
    struct signal_news news[SIGNALS_AT_ONCE];
    for (int more = 1; more;)
        for (struct signal_news *one = news, *end = read_signals(news, &more); one < end; one++) {
            if (one->pid) continue; /* from inside */
            if (one->number == SIGUSR1) init.is_released = 1;
            if (one->number == SIGNAL_ORDER && one->value == END_TREE) init.is_ending = 1;
            if (one->number == SIGNAL_ORDER && one->value != END_TREE) CALL2(kill, -1, one->value);
        }
}

/* Returns whether there may be more to reap. */
static int init_reap(void) {
    for (int i = 0; i < AT_ONCE; i++) {
        int status;
        long pid = CALL4(wait4, -1, &status, WNOHANG, NULL);
        if (pid == -ECHILD && init.is_released) leave(init.strays);
        if (pid <= 0) return 0;
        if ((status & 0x7f) != SIGKILL) continue;
        init_obey(); /* the order to end all comes before the blow, and may not be read yet */
        if (init.is_ending && init.strays < MOST_STRAYS) init.strays++;
    }
    return 1;
}

/* Its own copy of the writing end has to be closed first, or the pipe would never end. The main process has one, too,
 * until it executes its program: so late may the end of a shim be seen that died before we could ask for a signal. */
__attribute__((noreturn)) static void be_init(void) {
    struct pollfd watched[] = {{common.signals, POLLIN, 0}, {task.leash[0], 0, 0}};
    struct timespec no_time = {0, 0};
    int more = 0;
    close_fd(task.leash[1]);
    close_fd(task.cgroup);
    tidy();
    if (SLOW_INIT) nap(300);
    CALL5(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    CALL5(prctl, PR_SET_NAME, "regrow-init", 0, 0, 0);
    for (;;) {
        CALL5(ppoll, watched, 2, more ? &no_time : NULL, NULL, 0);
        if (watched[1].revents) leave(0); /* the kernel kills the others */
        init_obey();
        if (init.is_ending) CALL2(kill, -1, SIGKILL);
        more = init_reap();
    }
}

static long make_namespace(void) {
    long done = CALL1(unshare, CLONE_NEWPID);
    if (done == -EPERM) done = enter_user_namespace();
    if (done >= 0) done = CALL2(pipe2, task.leash, O_CLOEXEC);
    if (done < 0) return done;
    long pid = CALL5(clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) be_init();
    close_fd(task.leash[0]);
    task.init = pid > 0 ? (int32_t)pid : 0;
    return pid;
}

static void end_init(void) {
    if (!task.init) return;
    CALL2(kill, task.init, SIGKILL);
    CALL4(wait4, task.init, NULL, 0, NULL);
    task.init = 0;
}

static long launch(void) {
    int stage = AT_REQUEST;
    long pid = prepare();
    if (pid >= 0 && task.request->flags & NAMESPACE) stage = AT_NAMESPACE, pid = make_namespace();
    if (pid >= 0) stage = AT_FORK, pid = clone_main();
    /* Who becomes somebody else closes its memory to debuggers, and that was ours, too. */
    if (task.request->flags & (SET_USER | SET_GROUP)) CALL5(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (pid < 0) task.stage = stage, task.error = (int)-pid;
    return pid;
}

/* ---- The shim ---------------------------------------------------------------------------------------------------- */

enum { FIRST_PAUSE = 1, LAST_PAUSE = 50, SLOW_PAUSE = 1000 }; /* ms between two blows */
enum { INIT_BLOWS = 12 };                                     /* so many (0.36 s) until an init is killed, too */

enum phase { RUNNING, LINGERING, ENDING, EMPTY };

static struct {
    uint64_t id;
    int32_t main;
    int main_is_reaped, main_is_told;
    int status; /* of the main process, as wait gives it */
    enum phase phase;
    uint32_t linger_ms, stuck_ms;
    int64_t linger_until, stuck_at; /* moments */
    int64_t pause;                  /* before the next blow */
    uint32_t blows, strays;
    int was_stopped, is_over, told_out_of_reach, told_stuck;
    struct blow last;
} shim;

/* Reaches also members who became somebody whom we may not kill; at once, and no fork escapes it (from Linux 5.14). */
static void strike_cgroup(void) {
    if (task.cgroup >= 0) write_file_at(task.cgroup, "cgroup.kill", "1", 1);
}

static void end_tree(void) {
    if (shim.phase >= ENDING) return;
    shim.phase = ENDING;
    shim.blows = (uint32_t)shim.main_is_reaped; /* the first one is below */
    shim.stuck_at = now_ms() + shim.stuck_ms;
    shim.pause = FIRST_PAUSE;
    if (task.init && (shim.is_over || queue_order(task.init, END_TREE) < 0)) CALL2(kill, task.init, SIGKILL);
    /* Atomic: no fork escapes it. Only while the main process is not reaped: until then the number is its group's. */
    if (!shim.main_is_reaped) {
        CALL2(kill, -shim.main, SIGKILL);
        CALL2(kill, shim.main, SIGKILL);
    }
    strike_cgroup();
}

static void after_main(void) {
    if (shim.phase != RUNNING) return;
    if (!shim.linger_ms) {
        end_tree();
        return;
    }
    shim.phase = LINGERING;
    shim.linger_until = now_ms() + shim.linger_ms;
}

static void tell_exit(const struct kernel_usage *usage) {
    struct record *record = tell(EXITED, shim.id);
    record->pid = shim.main;
    record->shim = process.self;
    record->status = shim.status;
    record->flags = shim.was_stopped ? WAS_STOPPED : 0;
    report_usage(&record->usage, usage);
    shim.main_is_told = 1;
}

/* Who is dead but not reaped, or 0, or -ECHILD. While the main process lives, one looks before one reaps: its group
 * has to be killed first. */
static int32_t next_dead(void) {
    if (shim.main_is_reaped) return -1;
    struct death_news news = {.pid = 0};
    long error = CALL5(waitid, P_ALL, 0, &news, WEXITED | WNOHANG | WNOWAIT, NULL);
    return error < 0 ? (int32_t)error : news.pid;
}

static int reap_one(void) {
    struct kernel_usage usage;
    int status = 0;
    int32_t dead = next_dead();
    if (dead == 0 || dead == -ECHILD) return dead;
    if (dead == shim.main && !shim.main_is_reaped) after_main();
    long pid = CALL4(wait4, dead, &status, WNOHANG, &usage);
    if (pid <= 0) return (int)pid;
    if (pid == shim.main && !shim.main_is_reaped) {
        shim.main_is_reaped = 1;
        shim.status = status;
        tell_exit(&usage);
        if (task.init) CALL2(kill, task.init, SIGUSR1);
    } else if (pid == task.init) {
        task.init = 0;
        shim.strays += (uint32_t)(status >> 8);
    } else if (shim.phase == ENDING && (status & 0x7f) == SIGKILL)
        shim.strays++;
    return (int)pid;
}

/* Returns whether there may be more to reap. */
static int reap(void) {
    for (int i = 0; i < AT_ONCE; i++) {
        int done = reap_one();
        if (done == -ECHILD) shim.phase = EMPTY;
        if (done <= 0) return 0;
    }
    return 1;
}

static void tell_trouble(enum record_kind kind, int32_t pid, uint32_t count) {
    struct record *record = tell(kind, shim.id);
    record->pid = pid;
    record->shim = process.self;
    record->count = count;
}

/* The init, which ends all by itself; if it does not, its death ends them. */
static int is_to_count(int32_t pid) { return pid == task.init && shim.blows < INIT_BLOWS && !shim.is_over; }

static void strike(void) {
    if (!shim.blows++) return; /* the group's death is often all it takes */
    strike_cgroup();
    shim.last = kill_children(is_to_count);
    if (shim.last.refused) {
        signal_descendants(SIGKILL, 0); /* below what we may not kill there may be somebody whom we may */
        if (!shim.told_out_of_reach && shim.last.refused == shim.last.found && shim.blows > 8) {
            tell_trouble(OUT_OF_REACH, shim.last.refused_pid, shim.last.refused);
            shim.told_out_of_reach = 1;
        }
    }
    if (now_ms() >= shim.stuck_at) {
        if (!shim.told_stuck) tell_trouble(STUCK, shim.last.refused_pid, shim.last.found);
        shim.told_stuck = 1;
    }
}

/* Without a supervisor, nobody waits for what we may not even kill. */
static int is_hopeless(void) {
    return shim.is_over && shim.told_stuck && shim.last.found && shim.last.refused == shim.last.found;
}

static int64_t time_to_wait(int more) {
    if (more) return 0;
    if (shim.phase == LINGERING && shim.linger_ms != FOR_EVER) {
        int64_t left = shim.linger_until - now_ms();
        return left > 0 ? left : 0;
    }
    if (shim.phase != ENDING) return -1;
    if (shim.told_stuck) return SLOW_PAUSE;
    int64_t pause = shim.pause;
    if (shim.pause < LAST_PAUSE) shim.pause *= 2;
    return pause;
}

static void pass_on(int signal, int to) {
    if (to & AND_CONTINUE) { /* one that is stopped does not hear it before it goes on */
        pass_on(signal, to & ~AND_CONTINUE);
        pass_on(SIGCONT, to & ~AND_CONTINUE);
        return;
    }
    if (!shim.main_is_reaped && to == TO_MAIN) CALL2(kill, shim.main, signal);
    if (!shim.main_is_reaped && to == TO_GROUP) CALL2(kill, -shim.main, signal);
    if (shim.main_is_reaped && to == TO_GROUP) signal_descendants(signal, shim.main);
    if (to == TO_TREE && task.init) queue_order(task.init, signal);
    if (to == TO_TREE && !task.init) signal_descendants(signal, 0);
}

static void take_orders(void) {
    struct signal_news news[SIGNALS_AT_ONCE];
    for (int more = 1; more;)
        for (struct signal_news *one = news, *end = read_signals(news, &more); one < end; one++) {
            if ((int32_t)one->pid != common.nest || one->number == SIGCHLD || one->number == SIGCONT) continue;
            if (one->number == SIGUSR1) shim.was_stopped = 1, end_tree();
            else if (one->value == END_TREE) shim.was_stopped = 1, end_tree();
            else pass_on(one->value & 0xff, one->value >> 8);
        }
}

__attribute__((noreturn)) static void finish(void) {
    struct pollfd watched[WATCHED];
    struct kernel_usage usage;
    struct record *record = tell(GONE, shim.id);
    CALL2(getrusage, RUSAGE_CHILDREN, &usage);
    record->pid = shim.main;
    record->shim = process.self;
    record->status = shim.status;
    record->count = shim.strays;
    record->flags = (shim.was_stopped ? WAS_STOPPED : 0) | (shim.phase == EMPTY ? 0 : LEFT_SOME);
    report_usage(&record->usage, &usage);
    flush();
    while (outbox.length && !shim.is_over) { /* the pipe is full: wait for room, but not for the dead */
        shim.is_over = wait_for_news(watched, -1, -1);
        take_orders();
        flush();
    }
    leave(0);
}

/* Until the tree is gone. */
__attribute__((noreturn)) static void guard(void) {
    struct pollfd watched[WATCHED];
    int more = 1; /* it may have ended already */
    for (;;) {
        shim.is_over = wait_for_news(watched, -1, time_to_wait(more));
        if (shim.is_over) end_tree();
        take_orders();
        more = reap();
        if (shim.phase == EMPTY || is_hopeless()) finish();
        if (shim.phase == LINGERING && shim.linger_ms != FOR_EVER && now_ms() >= shim.linger_until) end_tree();
        if (shim.phase == ENDING) strike();
        flush();
    }
}

__attribute__((noreturn)) static void fail(uint64_t id) {
    struct pollfd watched[WATCHED];
    struct record *record = tell(FAILED, id);
    record->shim = process.self;
    record->status = task.error;
    record->stage = (uint32_t)task.stage;
    record->count = (uint32_t)task.candidate;
    flush();
    while (outbox.length && !wait_for_news(watched, -1, -1)) {
        take_orders();
        flush();
    }
    leave(0);
}

/* All of a shim that does not depend on what it is to start. */
static void settle_in(const char *name) {
    CALL5(prctl, PR_SET_PDEATHSIG, SIGCONT, 0, 0, 0);
    process.self = (int32_t)CALL0(getpid), process.parent = common.nest;
    if (!has_parent()) leave(0); /* nothing was started yet */
    CALL5(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    CALL5(prctl, PR_SET_NAME, name, 0, 0, 0);
    CALL2(setpgid, 0, 0); /* a session is dear: the scheduler has an account for each */
    close_fd(common.control);
    outbox.length = 0;
}

__attribute__((noreturn)) static void be_shim(void) {
    shim.id = task.request->head.id;
    shim.linger_ms = task.request->linger_ms;
    shim.stuck_ms = task.request->stuck_ms;
    long pid = launch();
    if (task.error) {
        if (pid > 0) CALL4(wait4, pid, NULL, 0, NULL);
        end_init();
        fail(shim.id);
    }
    shim.main = (int32_t)pid;
    struct record *record = tell(LAUNCHED, shim.id);
    record->pid = shim.main;
    record->shim = process.self;
    flush();
    tidy();
    guard();
}

/* ---- The nest: a table of shims ---------------------------------------------------------------------------------- */

/* Open addressing, linear probing; a key is never 0. Not inherited by shims: each would keep a copy of what the nest
 * changes later. */
struct map { uint64_t *slots, mask, length; }; /* a slot is a key and a value */

static struct map ids, pids; /* id -> pid of its shim, and the other way round */

static uint64_t place(const struct map *map, uint64_t key) {
    uint64_t at = (key * 0x9e3779b97f4a7c15u >> 20) & map->mask;
    while (map->slots[2 * at] && map->slots[2 * at] != key) at = (at + 1) & map->mask;
    return at;
}

static uint64_t get(const struct map *map, uint64_t key) { return map->slots[2 * place(map, key) + 1]; }

static void put(struct map *map, uint64_t key, uint64_t value) {
    uint64_t at = place(map, key);
    if (!map->slots[2 * at]) map->length++;
    map->slots[2 * at] = key;
    map->slots[2 * at + 1] = value;
}

static int make_map(struct map *map, uint64_t size) {
    uint64_t *slots = pages(size * 16);
    if (!slots) return 0;
    CALL3(madvise, slots, size * 16, MADV_DONTFORK);
    *map = (struct map){slots, size - 1, 0};
    return 1;
}

/* Room for one more, before it is needed: a shim that cannot be noted is not made. */
static int grow(struct map *map) {
    struct map bigger, old = *map;
    if (map->length * 2 < map->mask) return 1;
    if (!make_map(&bigger, (old.mask + 1) * 2)) return 0;
    for (uint64_t i = 0; i <= old.mask; i++)
        if (old.slots[2 * i]) put(&bigger, old.slots[2 * i], old.slots[2 * i + 1]);
    *map = bigger;
    CALL2(munmap, old.slots, (old.mask + 1) * 16);
    return 1;
}

/* Those behind it move up, so that none is cut off from the place where it is looked for. */
static void drop(struct map *map, uint64_t key) {
    uint64_t at = place(map, key);
    if (!map->slots[2 * at]) return;
    map->length--;
    map->slots[2 * at] = map->slots[2 * at + 1] = 0;
    for (uint64_t next = (at + 1) & map->mask; map->slots[2 * next]; next = (next + 1) & map->mask) {
        uint64_t moved = map->slots[2 * next], value = map->slots[2 * next + 1];
        map->slots[2 * next] = map->slots[2 * next + 1] = 0;
        map->length--;
        put(map, moved, value);
    }
}

/* ---- The nest: what is asked of it ------------------------------------------------------------------------------- */

enum { REQUESTS = 64 };
enum { LOST_SHIM = 1, STUCK_SHIM = 2 };      /* in `ids` instead of a pid: no shim can have these */
enum { PATIENCE = 500, NEST_STUCK = 5000, SWEEP = 50 }; /* ms */

static struct {
    int is_over, is_ending; /* the supervisor is gone; it, or its control socket */
    int lost;               /* shims that were killed, and whose children are not all ended yet */
    int64_t impatient_at, stuck_at, pause;
    int64_t sweep_at; /* or 0: nobody has died since the last time */
    struct blow last;
} nest;

static void refuse(enum record_kind kind, uint64_t id, int stage, long error) {
    struct record *record = tell(kind, id);
    record->stage = (uint32_t)stage;
    record->status = (int)-error;
}

/* A message with descriptors, which are in `task`; the rest is in the buffer. */
struct letter {
    struct message message;
    struct vector part;
    union { struct control head; char room[sizeof(struct control) + 4 * (MOST_FDS + 1)]; } control;
};

static void write_letter(struct letter *letter, uint32_t length) {
    letter->part = (struct vector){task.buffer, length};
    letter->message = (struct message){.parts = &letter->part, .n_parts = 1, .control = &letter->control,
                                       .control_length = sizeof letter->control};
}

static long receive(struct letter *letter, int from, long flags) {
    const struct control *head = &letter->control.head;
    write_letter(letter, BUFFER);
    task.n_fds = 0;
    long length = CALL3(recvmsg, from, &letter->message, flags | MSG_CMSG_CLOEXEC);
    if (length <= 0 || letter->message.control_length < sizeof *head) return length;
    if (head->level != SOL_SOCKET || head->type != SCM_RIGHTS) return length;
    task.n_fds = (int)((head->length - sizeof *head) / sizeof *head->fds);
    for (int i = 0; i < task.n_fds; i++) task.fds[i] = head->fds[i];
    return length;
}

static long forward_start(int to, uint32_t length) {
    struct letter letter;
    struct control *head = &letter.control.head;
    write_letter(&letter, length);
    *head = (struct control){sizeof *head + sizeof *head->fds * (size_t)task.n_fds, SOL_SOCKET, SCM_RIGHTS};
    for (int i = 0; i < task.n_fds; i++) head->fds[i] = task.fds[i];
    letter.message.control_length = task.n_fds ? head->length : 0;
    return CALL3(sendmsg, to, &letter.message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- The nest: a shim in store ----------------------------------------------------------------------------------- */

/* To fork a shim takes longer than all the rest of a start. So one is forked in advance, when there is nothing else to
 * do, and waits for a start at a socket whose other end only the nest has. One start is quick, then; of many in a row,
 * most are by forks as if there were no spare. A spare that is killed is no loss: nothing depends on it. */

static struct { int32_t pid; int fd, is_used_up; } spare = {0, -1, 1};

/* What is touched now need not be given to us when there is a hurry. */
static void have_memory_ready(void) {
    volatile char *request = task.buffer, *pointers = request + BUFFER, *stack = pointers + SCRATCH - 1;
    *request = *pointers = *stack = 0;
}

__attribute__((noreturn)) static void be_spare(int from) {
    struct letter letter;
    settle_in("regrow-spare");
    have_memory_ready();
    if (receive(&letter, from, 0) <= 0) leave(0); /* the nest is ending, or dead */
    close_fd(from);
    CALL5(prctl, PR_SET_NAME, "regrow-shim", 0, 0, 0);
    task.request = (const struct start *)(const void *)task.buffer;
    if (letter.message.flags & MSG_CTRUNC) { /* our table is full */
        task.stage = AT_DESCRIPTORS, task.error = EMFILE;
        fail(task.request->head.id);
    }
    be_shim();
}

static void make_spare(void) {
    int ends[2];
    spare.is_used_up = 0;
    if (NO_SPARE || CALL4(socketpair, AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC, 0, ends) < 0) return;
    long pid = CALL5(clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) close_fd(ends[0]), be_spare(ends[1]);
    close_fd(ends[1]);
    if (pid < 0)
        close_fd(ends[0]);
    else
        spare.pid = (int32_t)pid, spare.fd = ends[0];
}

static void forget_spare(void) {
    close_fd(spare.fd);
    spare.pid = 0, spare.fd = -1;
}

/* Returns its pid, or 0: there is none. */
static int32_t use_spare(uint32_t length) {
    int32_t pid = spare.pid;
    spare.is_used_up = 1;
    if (!pid || forward_start(spare.fd, length) != length) pid = 0; /* without its socket, it ends */
    forget_spare();
    return pid;
}

static void hatch(const struct start *request, uint32_t length) {
    if (!is_sound(request, length)) {
        refuse(FAILED, request->head.id, AT_REQUEST, -EINVAL);
        return;
    }
    task.request = request;
    if (!grow(&ids) || !grow(&pids)) {
        refuse(FAILED, request->head.id, AT_FORK, -ENOMEM);
        return;
    }
    long pid = use_spare(length);
    if (!pid) pid = CALL5(clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) settle_in("regrow-shim"), be_shim();
    if (pid < 0) {
        refuse(FAILED, request->head.id, AT_FORK, pid);
        return;
    }
    put(&ids, request->head.id, (uint64_t)pid);
    put(&pids, (uint64_t)pid, request->head.id);
}

static void order_end(int32_t pid) {
    CALL2(kill, pid, SIGCONT); /* somebody may have stopped it */
    if (queue_order(pid, END_TREE) < 0) CALL2(kill, pid, SIGUSR1);
}

/* To a shim that is ours and not reaped: its number cannot mean another. */
static void forward(const struct order *order, uint32_t length) {
    int32_t pid = (int32_t)get(&ids, order->head.id);
    long error = 0;
    if (pid <= STUCK_SHIM) return; /* gone, or lost: the supervisor is told, or will be */
    if (order->head.kind == KILL) order_end(pid);
    if (order->head.kind == DESTROY) CALL2(kill, pid, SIGKILL);
    if (order->head.kind != SIGNAL) return;
    uint32_t to = order->to & ~(uint32_t)AND_CONTINUE;
    if (length < sizeof *order || !order->signal || order->signal > SIGNALS || to > TO_TREE)
        error = -EINVAL;
    else
        error = queue_order(pid, (int)(order->signal | order->to << 8));
    if (error < 0 && outbox.length < OUTBOX) refuse(REFUSED, order->head.id, AT_REQUEST, error);
}

static void answer(const struct request *request, uint32_t length) {
    if (length < sizeof *request || !request->id) return;
    if (request->version != VERSION)
        refuse(request->kind == START ? FAILED : REFUSED, request->id, AT_REQUEST, -EPROTO);
    else if (request->kind == START)
        hatch((const struct start *)(const void *)request, length);
    else
        forward((const struct order *)(const void *)request, length);
}

/* One start, or any number of orders, one behind the other. */
static void answer_all(uint32_t length) {
    uint32_t at = 0;
    do {
        const struct request *request = (const struct request *)(const void *)(task.buffer + at);
        uint32_t left = length - at, size = left;
        if (left >= sizeof *request && request->kind != START && request->length >= sizeof *request)
            size = request->length < left ? request->length : left;
        answer(request, size);
        flush();
        at += (size + 7) & ~7U;
    } while (at < length);
}

enum taken { NOTHING, CLOSED, TAKEN };

static enum taken take_request(void) {
    struct letter letter;
    long length = receive(&letter, common.control, MSG_DONTWAIT);
    if (length == -EAGAIN) return NOTHING;
    if (length <= 0) return CLOSED;
    const struct request *request = (const struct request *)(const void *)task.buffer;
    if (letter.message.flags & MSG_CTRUNC)
        refuse(FAILED, request->id, AT_DESCRIPTORS, -EMFILE); /* our table was full */
    else
        answer_all(letter.message.flags & MSG_TRUNC ? 0 : (uint32_t)length);
    for (int i = 0; i < task.n_fds; i++) close_fd(task.fds[i]);
    return TAKEN;
}

/* Some of them; more only when what there is to tell has been told. Returns whether there may be more, ever. */
static int take_requests(void) {
    enum taken taken = TAKEN;
    for (int i = 0; i < REQUESTS && !outbox.length && taken == TAKEN; i++) {
        taken = take_request();
        flush();
    }
    return taken != CLOSED;
}

/* ---- The nest: what becomes of the shims ------------------------------------------------------------------------- */

static int is_shim(int32_t pid) { return get(&pids, (uint64_t)pid) != 0 || pid == spare.pid; }

static void bury(int32_t pid, int status) {
    uint64_t id = get(&pids, (uint64_t)pid);
    if (pid == spare.pid) spare.is_used_up = 1, forget_spare();
    if (!id) return; /* or what a killed shim left */
    drop(&pids, (uint64_t)pid);
    if (status == 0) { /* it has told everything itself */
        drop(&ids, id);
        return;
    }
    put(&ids, id, LOST_SHIM);
    if (!nest.lost++) nest.pause = FIRST_PAUSE, nest.stuck_at = now_ms() + NEST_STUCK;
}

/* Returns whether no child is left at all. */
static int nest_reap(int *more) {
    nest.sweep_at = 0;
    for (int i = 0; i < AT_ONCE; i++) {
        int status;
        long pid = CALL4(wait4, -1, &status, WNOHANG, NULL);
        *more = 0;
        if (pid <= 0) return pid == -ECHILD;
        bury((int32_t)pid, status);
    }
    *more = 1;
    return 0;
}

static uint64_t find_id(uint64_t value) {
    for (uint64_t i = 0; i <= ids.mask; i++)
        if (ids.slots[2 * i] && ids.slots[2 * i + 1] == value) return ids.slots[2 * i];
    return 0;
}

static void tell_lost(enum record_kind kind, uint64_t id) {
    struct record *record = tell(kind, id);
    record->pid = nest.last.refused_pid;
    record->count = nest.last.found;
}

/* What a killed shim leaves falls to the nest. It is lost when all of that is ended, not before: until then nothing
 * may take its place. */
static void end_leftovers(void) {
    uint64_t id;
    nest.last = kill_children(is_shim);
    if (nest.last.refused && nest.is_over) signal_descendants(SIGKILL, 0); /* below what we may not kill */
    if (!nest.last.found) {
        while (nest.lost && outbox.length < OUTBOX) {
            if (!(id = find_id(LOST_SHIM))) id = find_id(STUCK_SHIM);
            tell_lost(LOST, id);
            drop(&ids, id);
            nest.lost--;
        }
    } else if (now_ms() >= nest.stuck_at)
        while (outbox.length < OUTBOX && (id = find_id(LOST_SHIM))) {
            tell_lost(STUCK, id);
            put(&ids, id, STUCK_SHIM);
        }
}

static void kill_shims(void) {
    for (uint64_t i = 0; i <= pids.mask; i++)
        if (pids.slots[2 * i]) CALL2(kill, pids.slots[2 * i], SIGKILL);
}

/* Nobody may start any more, and all is to end: the supervisor is gone, or has closed the control socket. */
static void begin_to_end(void) {
    nest.impatient_at = nest.stuck_at = now_ms() + PATIENCE;
    nest.is_ending = 1;
    close_fd(common.control);
    common.control = -1;
    if (spare.pid) CALL2(kill, spare.pid, SIGKILL), forget_spare();
    for (uint64_t i = 0; i <= pids.mask; i++)
        if (pids.slots[2 * i]) order_end((int32_t)pids.slots[2 * i]);
}

static int64_t time_to_sweep(void) {
    if (!nest.sweep_at) return -1;
    int64_t left = nest.sweep_at - now_ms();
    return left > 0 ? left : 0;
}

static int64_t nest_time_to_wait(int more) {
    if (more) return 0;
    if (!nest.lost && !nest.is_over) return time_to_sweep();
    int64_t pause = nest.pause ? nest.pause : LAST_PAUSE;
    if (nest.pause < LAST_PAUSE) nest.pause *= 2;
    return nest.lost && now_ms() >= nest.stuck_at ? SLOW_PAUSE : pause;
}

/* Only the unreachable are left, and nobody waits for them. */
static int nest_is_hopeless(void) {
    return nest.is_over && !pids.length && now_ms() >= nest.stuck_at && nest.last.refused == nest.last.found;
}

__attribute__((noreturn)) static void nest_finish(void) {
    struct pollfd watched[WATCHED];
    flush();
    while (outbox.length && !nest.is_over) {
        nest.is_over = wait_for_news(watched, -1, -1);
        flush();
    }
    leave(0);
}

/* To wait for "anybody" looks at every shim that lives: at 5,000 that is 125 us, for each death. So who is named in a
 * signal is reaped by number. But signals of one kind that come at once are told once, so soon after one, all are
 * looked at. */
static void hear_of_deaths(void) {
    struct signal_news news[SIGNALS_AT_ONCE];
    int status;
    for (int more = 1; more;) {
        struct signal_news *end = read_signals(news, &more);
        for (struct signal_news *one = news; one < end; one++) {
            if (one->number != SIGCHLD) continue;
            if (!nest.sweep_at) nest.sweep_at = now_ms() + SWEEP;
            if (CALL4(wait4, one->pid, &status, WNOHANG, NULL) > 0) bury((int32_t)one->pid, status);
        }
    }
}

static int is_time_to_sweep(void) {
    return nest.is_ending || nest.lost || (nest.sweep_at && now_ms() >= nest.sweep_at);
}

__attribute__((noreturn)) static void be_nest(void) {
    struct pollfd watched[WATCHED];
    int more = 0, was_closed = 0, is_empty = 0;
    for (;;) {
        if (spare.is_used_up && !nest.is_ending) make_spare();
        nest.is_over = wait_for_news(watched, outbox.length ? -1 : common.control, nest_time_to_wait(more));
        hear_of_deaths();
        if (watched[CONTROL].revents && !nest.is_over) was_closed = !take_requests();
        if ((nest.is_over || was_closed) && !nest.is_ending) begin_to_end();
        if (nest.is_over && now_ms() >= nest.impatient_at) kill_shims(); /* stopped, or caught in an exec */
        if (more || is_time_to_sweep()) is_empty = nest_reap(&more);
        if (nest.lost) end_leftovers();
        if (nest.is_ending && (is_empty || nest_is_hopeless())) nest_finish();
        flush();
    }
}

/* ---- From a program to a nest ------------------------------------------------------------------------------------ */

enum { EVENTS_SIZE = 1024 * 1024 };

/* What we were given by mistake is not kept open. */
static void close_all_but(const int *kept, int n_kept) {
    for (int from = STANDARD;;) {
        int next = 0x7fffffff;
        for (int i = 0; i < n_kept; i++)
            if (kept[i] >= from && kept[i] < next) next = kept[i];
        if (next > from) CALL3(close_range, from, next - 1, 0);
        if (next == 0x7fffffff) return;
        from = next + 1;
    }
}

static void take_over_descriptors(void) {
    int kept[] = {common.control, common.events, common.life};
    close_all_but(kept, 3);
    for (int i = 0; i < 3; i++) CALL3(fcntl, kept[i], F_SETFD, FD_CLOEXEC);
    CALL3(fcntl, common.events, F_SETFL, O_WRONLY | O_NONBLOCK);
    CALL3(fcntl, common.events, F_SETPIPE_SZ, EVENTS_SIZE); /* more is better, the usual size will do */
    long null = open_file("/dev/null", O_RDWR);
    for (int i = 0; i < STANDARD; i++) CALL3(dup3, null, i, 0);
    close_fd((int)null);
}

static uint64_t set_of(int signal) { return (uint64_t)1 << (signal - 1); }

static void block_signals(void) {
    uint64_t as_usual[4] = {0}; /* the default: what our parent ignored, the child must not */
    uint64_t all = ~(uint64_t)0, ours = set_of(SIGCHLD) | set_of(SIGCONT) | set_of(SIGUSR1) | set_of(SIGNAL_ORDER);
    CALL4(rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    for (int signal = 1; signal <= SIGNALS; signal++) CALL4(rt_sigaction, signal, as_usual, NULL, sizeof all);
    common.signals = (int)CALL4(signalfd4, -1, &ours, sizeof ours, O_CLOEXEC | O_NONBLOCK);
}

/* With pidfds, SIGCONT has nothing to tell. As it is, it does nothing but to wake us if we are stopped; and a guardian
 * that gets it before an order does not wake up twice. */
static void let_through(int signal) {
    uint64_t set = set_of(signal);
    CALL4(rt_sigprocmask, SIG_UNBLOCK, &set, NULL, sizeof set);
}

/* The pid of a dead supervisor may be another's by now; but as long as it is our parent's, it was the right one. */
static void watch_each_other(void) {
    common.nest = process.self = (int32_t)CALL0(getpid);
    process.parent = common.supervisor;
    CALL5(prctl, PR_SET_PDEATHSIG, SIGCONT, 0, 0, 0);
    common.supervisor_fd = open_pidfd(common.supervisor);
    if (!has_parent()) leave(0);
    common.nest_fd = open_pidfd(common.nest);
    if (common.supervisor_fd >= 0 && common.nest_fd >= 0) let_through(SIGCONT);
}

/* /proc may be missing, or (in another pid namespace) speak of others: then its numbers must not be used. */
static void look_at_proc(void) {
    char self[24] = {0}, text[24] = {0};
    CALL4(readlinkat, AT_FDCWD, "/proc/self", self, sizeof self - 1);
    long fd = open_file("/proc/thread-self/children", 0);
    common.has_children_file = !NO_CHILDREN_FILE && fd >= 0 && (int32_t)number_at(self) == common.nest;
    close_fd((int)fd);
    fd = open_file("/proc/sys/kernel/pid_max", 0);
    if (fd >= 0) CALL3(read, fd, text, sizeof text - 1);
    close_fd((int)fd);
    common.last_pid = number_at(text) ? (int32_t)number_at(text) : 4 * 1024 * 1024;
}

static void say_hello(void) {
    struct record *record = tell(HELLO, 0);
    record->pid = common.nest;
    record->flags = (common.has_children_file ? HAS_CHILDREN_FILE : 0) | (common.supervisor_fd >= 0 ? HAS_PIDFD : 0);
    flush();
}

/* ---- What there is on this machine ------------------------------------------------------------------------------- */

static int can_unshare(long what) {
    int status = -1;
    long pid = CALL5(clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) leave(CALL1(unshare, what) < 0);
    return pid > 0 && CALL4(wait4, pid, &status, 0, NULL) == pid && status == 0;
}

static int can_be_born_in_cgroup(void) {
    struct clone_wish wish = {.flags = CLONE_INTO_CGROUP, .signal = SIGCHLD, .cgroup = (uint32_t)-1};
    return !NO_CLONE3 && CALL2(clone3, &wish, sizeof wish) == -EBADF; /* who does not know it says something else */
}

__attribute__((noreturn)) static void probe(void) {
    char words[96], *end = words;
    common.nest = (int32_t)CALL0(getpid);
    look_at_proc();
    if (open_pidfd(common.nest) >= 0) end = append(end, "pidfd ");
    if (common.has_children_file) end = append(end, "children-file ");
    if (can_unshare(CLONE_NEWPID)) end = append(end, "namespace ");
    if (can_unshare(CLONE_NEWUSER | CLONE_NEWPID)) end = append(end, "userns-namespace ");
    if (can_be_born_in_cgroup()) end = append(end, "cgroup-into ");
    end = append(end, "\n");
    leave(CALL3(write, 1, words, end - words) < 0);
}

/* ---- The beginning ----------------------------------------------------------------------------------------------- */

static int is_probe(const char *word) {
    for (const char *other = "--probe"; *word == *other; word++, other++)
        if (!*word) return 1;
    return 0;
}

/* guardian CONTROL EVENTS LIFE SUPERVISOR: three descriptors and a process id
 * guardian --probe: what there is */
__attribute__((noreturn, used)) void begin(const long *stack) {
    const char *const *arguments = (const char *const *)(stack + 1);
    if (stack[0] == 2 && is_probe(arguments[1])) probe();
    if (stack[0] != 5) leave(2);
    common.control = (int)number_at(arguments[1]);
    common.events = (int)number_at(arguments[2]);
    common.life = (int)number_at(arguments[3]);
    common.supervisor = (int32_t)number_at(arguments[4]);
    take_over_descriptors();
    block_signals();
    watch_each_other();
    CALL0(setsid);
    CALL5(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    CALL5(prctl, PR_SET_NAME, "regrow-nest", 0, 0, 0);
    look_at_proc();
    task.buffer = pages(BUFFER + SCRATCH);
    if (!task.buffer || !make_map(&ids, 256) || !make_map(&pids, 256)) leave(1);
    say_hello();
    be_nest();
}
