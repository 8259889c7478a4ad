/* The least that a journaled step can cost: a line appended and synced, a command, a line appended and synced.
 *
 * floor FILE COUNT COMMAND   does it so many times, without a shell
 * floor FILE                 appends one line and syncs it, for a shell that does the rest
 *
 * Each command reads the file that LETTER names, if it is set, else nothing.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void record(int file) {
    char line[700];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    if (write(file, line, sizeof line) != sizeof line || fdatasync(file) != 0)
        _exit(1);
}

int main(int argc, char **argv) {
    int file = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return 1;
    if (argc < 4) {
        record(file);
        return 0;
    }
    const char *letter = getenv("LETTER");
    posix_spawn_file_actions_t input;
    if (posix_spawn_file_actions_init(&input) != 0 ||
        posix_spawn_file_actions_addopen(&input, 0, letter ? letter : "/dev/null", O_RDONLY, 0) != 0)
        return 1;
    for (int count = atoi(argv[2]); count > 0; count--) {
        pid_t pid;
        int status;
        record(file);
        if (posix_spawn(&pid, argv[3], &input, NULL, argv + 3, environ) != 0 || waitpid(pid, &status, 0) < 0 || status != 0)
            return 1;
        record(file);
    }
    return 0;
}
