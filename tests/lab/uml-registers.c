/* A processor with AMX has eleven kilobytes of registers that a tracer must give back whole. User-mode Linux 6.1 knows the first
 * 2.7 of them, as older ones had them, and ends in a panic at its first process. Preloaded into it, this adds the rest as it is:
 * nothing in the machine uses it, since the kernel has to be asked for AMX first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

typedef long tracer(enum __ptrace_request, pid_t, void *, void *);

long ptrace(enum __ptrace_request request, ...) {
    static tracer *next;
    /* Not on the stack, of which UML has little. It traces from one thread alone. */
    static char whole[1 << 16];
    va_list words;
    va_start(words, request);
    pid_t pid = va_arg(words, pid_t);
    void *address = va_arg(words, void *), *data = va_arg(words, void *);
    va_end(words);
    if (!next) next = (tracer *)dlsym(RTLD_NEXT, "ptrace");
    if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE) {
        struct iovec *given = data, all = {whole, sizeof whole};
        long failed = next(PTRACE_GETREGSET, pid, address, &all);
        if (failed) return failed;
        if (all.iov_len > given->iov_len) {
            memcpy(whole, given->iov_base, given->iov_len);
            return next(request, pid, address, &all);
        }
    }
    return next(request, pid, address, data);
}
