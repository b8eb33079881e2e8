/* The floor: what a supervisor costs that does nothing but start, wait and start again. Nobody can be much quicker.
 *
 *     floor HOW COUNT PROGRAM ARGUMENT...
 *
 * HOW is `vfork` or `spawn` (posix_spawn). Each child has a session of its own and reads and writes /dev/null. Its end
 * is seen through a pidfd in one epoll and reaped by wait4; it is replaced at once. On the descriptor 0 it is told what
 * to do, and answers there, by single letters: it says `r` when it has begun, and again when it was told `l` and has
 * got everything ready; it starts COUNT children when it is told `g`. Told `s`, or at the end of its input, it sends
 * all of them SIGTERM, SIGKILL after a second, and says `d` when all are reaped.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_MS = 1000, BATCH = 64, CONTROL = -1 };

struct child {
    pid_t pid;
    int pidfd;
};

static struct child *children;
static int count, alive, epoll, control, is_stopping;
static long kills_at; /* 0: there is no kill to come */
static char **command;
static posix_spawnattr_t attributes;
static pid_t (*start)(void);

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static pid_t start_by_vfork(void) {
    pid_t pid = vfork();
    if (pid == 0) {
        setsid();
        execv(command[0], command);
        _exit(127);
    }
    return pid;
}

static pid_t start_by_spawn(void) {
    extern char **environ;
    pid_t pid;
    return posix_spawn(&pid, command[0], NULL, &attributes, command, environ) == 0 ? pid : -1;
}

static void watch(int descriptor, int number) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = number};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
        fail("epoll_ctl");
}

static void launch(int number) {
    struct child *child = &children[number];
    if ((child->pid = start()) < 0)
        fail("start");
    if ((child->pidfd = syscall(SYS_pidfd_open, child->pid, 0)) < 0)
        fail("pidfd_open");
    watch(child->pidfd, number);
    alive++;
}

static void collect(int number) {
    struct child *child = &children[number];
    struct rusage usage;
    int status;
    /* Closing it is not enough: a child that has just executed its program may still have a copy, for a moment. */
    epoll_ctl(epoll, EPOLL_CTL_DEL, child->pidfd, NULL);
    close(child->pidfd);
    wait4(child->pid, &status, 0, &usage);
    child->pid = 0;
    alive--;
    if (!is_stopping)
        launch(number);
}

static void signal_all(int signal) {
    for (int number = 0; number < count; number++)
        if (children[number].pid > 0)
            kill(children[number].pid, signal);
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void say(char letter) {
    if (write(control, &letter, 1) != 1)
        fail("write");
}

static void obey(void) {
    char order;
    if (read(control, &order, 1) != 1)
        order = 's';
    if (order == 'l') {
        say('r');
        return;
    }
    if (order == 'g') {
        for (int number = 0; number < count; number++)
            launch(number);
        return;
    }
    epoll_ctl(epoll, EPOLL_CTL_DEL, control, NULL);
    is_stopping = 1;
    kills_at = now_ms() + GRACE_MS;
    signal_all(SIGTERM);
}

static int left_ms(void) {
    long left = kills_at - now_ms();
    return kills_at == 0 ? -1 : left < 0 ? 0 : (int)left;
}

static void serve(void) {
    struct epoll_event ready[BATCH];
    while (!is_stopping || alive > 0) {
        int found = epoll_wait(epoll, ready, BATCH, left_ms());
        for (int i = 0; i < found; i++)
            ready[i].data.fd == CONTROL ? obey() : collect(ready[i].data.fd);
        if (kills_at && now_ms() >= kills_at) {
            signal_all(SIGKILL);
            kills_at = 0;
        }
    }
}

static void keep_descriptors_to_ourselves(void) {
    control = fcntl(0, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    dup2(null, 1);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (control < 0 || null < 0 || epoll < 0)
        fail("descriptors");
}

int main(int arguments, char **argument) {
    if (arguments < 4)
        return 2;
    start = strcmp(argument[1], "spawn") == 0 ? start_by_spawn : start_by_vfork;
    count = atoi(argument[2]);
    command = argument + 3;
    children = calloc(count, sizeof *children);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    keep_descriptors_to_ourselves();
    watch(control, CONTROL);
    say('r');
    serve();
    say('d');
    return 0;
}
