/* SPDX-License-Identifier: MIT
 * System calls and words on two architectures, without the C library: it may be older or another than the one we were
 * built with, and its functions would change errno. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define HIDDEN static __attribute__((unused))
#define LONGEST 4096 /* PATH_MAX, with its NUL */

#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, CLOSE = 3, FSTAT = 5, MMAP = 9, PREAD = 17, GETCWD = 79, GETUID = 102, GETGID = 104,
       GETEUID = 107, GETEGID = 108, GETXATTR = 191, OPENAT = 257, FSTATAT = 262, READLINKAT = 267, FACCESSAT = 269,
       SECCOMP = 317, EXECVEAT = 322, STATX = 332, OPENAT2 = 437, EXECVE = 59, OPEN = 2, PRCTL = 157,
       CHDIR = 80, FCHDIR = 81, UNSHARE = 272 };
enum { MACHINE = 62, DIRECTORY = 0200000, NOFOLLOW = 0400000 };
#define MODE_AT 24
#define OWNER_AT 28
#define GROUP_AT 32
static long call6(long n, long a, long b, long c, long d, long e, long f) {
    long r;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}
#elif defined(__aarch64__)
enum { READ = 63, WRITE = 64, CLOSE = 57, FSTAT = 80, MMAP = 222, PREAD = 67, GETCWD = 17, GETUID = 174, GETGID = 176,
       GETEUID = 175, GETEGID = 177, GETXATTR = 8, OPENAT = 56, FSTATAT = 79, READLINKAT = 78, FACCESSAT = 48,
       SECCOMP = 277, EXECVEAT = 281, STATX = 291, OPENAT2 = 437, EXECVE = 221, OPEN = -2, PRCTL = 167,
       CHDIR = 49, FCHDIR = 50, UNSHARE = 97 };
enum { MACHINE = 183, DIRECTORY = 040000, NOFOLLOW = 0100000 };
#define MODE_AT 16
#define OWNER_AT 24
#define GROUP_AT 28
static long call6(long n, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#endif
#define CALL(n, a, b, c, d) call6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

enum { RDONLY = 0, WRONLY = 1, RDWR = 2, ACCMODE = 3, CREAT = 0100, EXCL = 0200, TRUNC = 01000, APPEND = 02000,
       CLOEXEC = 02000000, OPATH = 010000000, TMPFILE = 020000000, CWD = -100, EMPTY_PATH = 0x1000 };
enum { NOENT = 2, NOTDIR = 20, NOSPC = 28 };

void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
size_t strlen(const char *);

HIDDEN size_t length(const char *text) { return strlen(text); }

HIDDEN void copy(char *to, const char *from, size_t n) { memcpy(to, from, n); }

HIDDEN int same(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i]) return 0;
    return 1;
}

HIDDEN int begins(const char *text, const char *with) {
    while (*with)
        if (*text++ != *with++) return 0;
    return 1;
}

HIDDEN int ends(const char *text, size_t n, const char *with) {
    size_t m = length(with);
    return n >= m && same(text + n - m, with, m);
}

HIDDEN const char *last_name(const char *path) {
    const char *name = path;
    for (; *path; path++)
        if (*path == '/') name = path + 1;
    return name;
}

/* Writes a decimal number; gives its end. */
HIDDEN char *decimal(char *to, int n) {
    char digits[12];
    int i = 0;
    do digits[i++] = (char)('0' + n % 10);
    while (n /= 10);
    while (i) *to++ = digits[--i];
    *to = 0;
    return to;
}

#endif
