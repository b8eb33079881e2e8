/* The empty program: static, no library, one page of code. It says that it runs, then does next to nothing.
 *
 *     program FIFO MODE
 *
 * Its first act is to open FIFO, its second to write a record into it: its process id, then the time of CLOCK_MONOTONIC
 * in nanoseconds, eight bytes each. It keeps FIFO open: when the last one has ended, whoever reads FIFO sees its end.
 * MODE is one letter:
 *
 *     r  rest: sleep for ever
 *     p  print a line, then rest
 *     c  crash: exit with code 1
 *     d  deaf: ignore SIGTERM, then rest
 *     f  family: have a child in a session of its own, which says that it runs too; both rest
 */

#if defined(__x86_64__)
enum { NR_write = 1, NR_rt_sigaction = 13, NR_getpid = 39, NR_clone = 56, NR_exit = 60, NR_setsid = 112,
       NR_clock_gettime = 228, NR_openat = 257, NR_ppoll = 271 };

static long call(long number, long a, long b, long c, long d, long e) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");

#elif defined(__aarch64__)
enum { NR_openat = 56, NR_write = 64, NR_ppoll = 73, NR_exit = 93, NR_clock_gettime = 113, NR_rt_sigaction = 134,
       NR_setsid = 157, NR_getpid = 172, NR_clone = 220 };

static long call(long number, long a, long b, long c, long d, long e) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl begin\n");
#else
#error "this machine is not known here"
#endif

enum { CWD = -100, WRITE_ONLY = 1, MONOTONIC = 1, SIGNAL_CHILD = 17, SIGNAL_TERM = 15, MASK_SIZE = 8 };

static const char line[] = "a line of a common length, as a program prints it when it has just been started ...\n";

static void say_that_it_runs(long fifo) {
    long now[2], record[2];
    call(NR_clock_gettime, MONOTONIC, (long)now, 0, 0, 0);
    record[0] = call(NR_getpid, 0, 0, 0, 0, 0);
    record[1] = now[0] * 1000000000 + now[1];
    call(NR_write, fifo, (long)record, sizeof record, 0, 0);
}

static void ignore_term(void) {
    long action[4] = {1, 0, 0, 0}; /* SIG_IGN */
    call(NR_rt_sigaction, SIGNAL_TERM, (long)action, 0, MASK_SIZE, 0);
}

__attribute__((noreturn, used)) void begin(long *stack) {
    char **arguments = (char **)(stack + 1);
    char mode = stack[0] > 2 ? arguments[2][0] : 'r';
    long fifo = call(NR_openat, CWD, (long)arguments[1], WRITE_ONLY, 0, 0);
    if (mode == 'd')
        ignore_term();
    if (mode == 'f' && call(NR_clone, SIGNAL_CHILD, 0, 0, 0, 0) == 0)
        call(NR_setsid, 0, 0, 0, 0, 0);
    say_that_it_runs(fifo);
    if (mode == 'p')
        call(NR_write, 1, (long)line, sizeof line - 1, 0, 0);
    while (mode != 'c')
        call(NR_ppoll, 0, 0, 0, 0, 0);
    for (;;)
        call(NR_exit, 1, 0, 0, 0, 0);
}
