/* A child that says once a second that it is alive, in the words of sd_notify(3), each at a moment of its own. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");
    size_t length = name ? strlen(name) : sizeof to;
    if (length >= sizeof to.sun_path) return 1;
    memcpy(to.sun_path, name, length);
    if (*name == '@') to.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timespec second = {1, 0}, moment = {0, getpid() % 1000 * 1000000L};
    for (nanosleep(&moment, NULL);; nanosleep(&second, NULL))
        sendto(fd, "WATCHDOG=1", 10, 0, (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path) + length);
}
