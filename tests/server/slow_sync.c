/* Makes the disk of one process slow: LD_PRELOAD it, and make the file that
   SLOW_SYNC_FILE names; while it is there, fdatasync takes three seconds. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int file) {
    const char *path = getenv("SLOW_SYNC_FILE");
    if (path && access(path, F_OK) == 0) usleep(3000000);
    return (int)syscall(SYS_fdatasync, file);
}
