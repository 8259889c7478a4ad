/* For controls: system calls that say they did what they did not. Which ones, the environment says. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int file) { return getenv("LIAR_SYNC") ? 0 : (int)syscall(SYS_fdatasync, file); }

int fsync(int file) { return getenv("LIAR_SYNC") ? 0 : (int)syscall(SYS_fsync, file); }

int fallocate64(int file, int mode, off64_t offset, off64_t length) {
    return getenv("LIAR_RESERVE") ? 0 : (int)syscall(SYS_fallocate, file, mode, offset, length);
}

int fallocate(int file, int mode, off_t offset, off_t length) { return fallocate64(file, mode, offset, length); }

/* Leaves out every intent. */
ssize_t write(int file, const void *bytes, size_t length) {
    if (getenv("LIAR_INTENT") && length > 8 && memcmp(bytes, "{\"crc\":\"", 8) == 0 && memmem(bytes, length, "\"step_began\"", 12))
        return (ssize_t)length;
    return syscall(SYS_write, file, bytes, length);
}
