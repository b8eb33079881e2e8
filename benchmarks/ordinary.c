/* An ordinary program, as far as starting it goes: a dynamic executable with the C library. It says that it runs, as
 * `program.c` does, and exits with code 1.
 *
 *     ordinary FIFO
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **argument) {
    struct timespec now;
    int64_t record[2];
    int fifo = count > 1 ? open(argument[1], O_WRONLY) : -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    record[0] = getpid();
    record[1] = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    return write(fifo, record, sizeof record) == sizeof record ? 1 : 2;
}
