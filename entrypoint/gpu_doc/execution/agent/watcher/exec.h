/* SPDX-License-Identifier: MIT
 * Programs that a program starts: whether they can be watched, and the environment that makes them so. */
#ifndef EXEC_H
#define EXEC_H

#include "log.h"

#define PRELOAD "LD_PRELOAD"
#define MANY 30000 /* variables */

extern char **environ;

/* Why a program can't be watched; the second letter of a record. */
enum Why { STATIC = 's', FOREIGN = 'c', PRIVILEGED = 'S', GO = 'g', NO_LIBRARY = 'l', NO_LOG = 'x', SANDBOX = 'q',
           VARIABLES = 'v', SANITIZED = 'a' };

HIDDEN void cannot(enum Why why, const char *program) {
    char text[LONGEST + 2];
    size_t n = length(program);
    if (!head || n >= LONGEST) return;
    text[0] = (char)why;
    copy(text + 1, program, n + 1);
    record('u', text, n + 1);
}

HIDDEN uint32_t word(const char *at) {
    return (uint32_t)(unsigned char)at[0] | (uint32_t)(unsigned char)at[1] << 8 | (uint32_t)(unsigned char)at[2] << 16 |
           (uint32_t)(unsigned char)at[3] << 24;
}

/* Whether the kernel gives the program rights that its starter lacks: the loader then takes no library from us. */
HIDDEN int privileged(const char *path, const char *status) {
    uint32_t mode = word(status + MODE_AT);
    long user = CALL(GETUID, 0, 0, 0, 0), group = CALL(GETGID, 0, 0, 0, 0);
    char capabilities[64];
    if (CALL(PRCTL, 39 /* PR_GET_NO_NEW_PRIVS */, 0, 0, 0) == 1) return 0;
    if (mode & 04000 && word(status + OWNER_AT) != (uint32_t)user) return 1;
    if ((mode & 02010) == 02010 && word(status + GROUP_AT) != (uint32_t)group) return 1;
    return user && CALL(GETXATTR, path, "security.capability", capabilities, sizeof capabilities) > 0;
}

HIDDEN uint64_t quad(const char *at) { return word(at) | (uint64_t)word(at + 4) << 32; }

/* Whether a program needs the runtime of AddressSanitizer, which ends it unless it is loaded before all others.
 * `table` is where its `count` program headers are. https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html */
HIDDEN int sanitized(long file, uint64_t table, int count) {
    char part[56], entry[16], name[17];
    uint64_t dynamic = 0, strings = 0, at = 0;
    for (int i = 0; i < count && CALL(PREAD, file, part, 56, table + (uint64_t)i * 56) == 56; i++)
        if (word(part) == 2) dynamic = quad(part + 8); /* PT_DYNAMIC */
    if (!dynamic) return 0;
    for (int i = 0; i < 512 && CALL(PREAD, file, entry, 16, dynamic + (uint64_t)i * 16) == 16 && quad(entry); i++)
        if (quad(entry) == 5) strings = quad(entry + 8); /* DT_STRTAB, an address */
    for (int i = 0; i < count && CALL(PREAD, file, part, 56, table + (uint64_t)i * 56) == 56; i++)
        if (word(part) == 1 && strings >= quad(part + 16) && strings < quad(part + 16) + quad(part + 32)) /* PT_LOAD */
            at = strings - quad(part + 16) + quad(part + 8);
    for (int i = 0; at && i < 512 && CALL(PREAD, file, entry, 16, dynamic + (uint64_t)i * 16) == 16 && quad(entry); i++)
        if (quad(entry) == 1 && CALL(PREAD, file, name, 16, at + quad(entry + 8)) > 8) { /* DT_NEEDED */
            name[16] = 0;
            if (begins(name, "libasan.so") || begins(name, "libclang_rt.asan")) return 1;
        }
    return 0;
}

/* Why an ELF file can't be watched; 0 if it can. `file` is open and its first `size` bytes are `bytes`. */
HIDDEN int elf(long file, const char *bytes, long size, const char *path) {
    if (size < 64 || bytes[4] != 2 || ((unsigned char)bytes[18] | (unsigned char)bytes[19] << 8) != MACHINE)
        return FOREIGN;
    uint64_t table = word(bytes + 32);
    int entry = bytes[54], count = (unsigned char)bytes[56], loads = 0, go = 0;
    for (int i = 0; i < count && i < 64; i++) {
        char part[56], named[16];
        if (entry != 56 || CALL(PREAD, file, part, 56, table + (uint64_t)i * 56) != 56) break;
        if (word(part) == 3) loads = 1; /* PT_INTERP */
        if (word(part) == 4 && CALL(PREAD, file, named, 16, word(part + 8)) == 16 && word(named) == 4 &&
            same(named + 12, "Go\0", 4))
            go = 1; /* Go makes its own system calls: https://go.dev/src/cmd/link/internal/ld/elf.go, ELF_NOTE_GO_NAME */
    }
    if (!loads && !begins(last_name(path), "ld-")) return STATIC;
    if (sanitized(file, table, count < 64 ? count : 64)) return SANITIZED;
    return go ? GO : 0;
}

/* Notes that a program is read; gives whether it can be watched. */
HIDDEN int watchable_at(const char *path, int depth) {
    char bytes[256], status[256];
    long file = CALL(OPENAT, CWD, path, RDONLY | CLOEXEC, 0);
    if (file < 0) return 1; /* it can't be started, or may be executed but not read */
    long size = CALL(READ, file, bytes, sizeof bytes - 1, 0);
    int why = 0, script = size > 2 && bytes[0] == '#' && bytes[1] == '!';
    if (CALL(FSTAT, file, status, 0, 0) < 0) status[MODE_AT] = 0;
    else if (!script && privileged(path, status)) why = PRIVILEGED;
    if (!why && size >= 4 && same(bytes, "\177ELF", 4)) why = elf(file, bytes, size, path);
    CALL(CLOSE, file, 0, 0, 0);
    if (script && depth < 5) {
        char *begin = bytes + 2, *end;
        bytes[size] = 0;
        while (*begin == ' ' || *begin == '\t') begin++;
        for (end = begin; *end && *end != ' ' && *end != '\t' && *end != '\n';) end++;
        *end = 0;
        return watchable_at(begin, depth + 1);
    }
    if (why) cannot(why, path);
    return !why || why == GO;
}

HIDDEN int watchable(const char *path) {
    if (!head) return 0;
    if (CALL(FACCESSAT, CWD, path, 0, 0) < 0) return 1; /* the real function says so */
    if (!watchable_at(path, 0)) return 0;
    if (CALL(FACCESSAT, CWD, library, 4, 0) < 0) return cannot(NO_LIBRARY, path), 0;
    if (CALL(FACCESSAT, CWD, log_path, 6, 0) < 0) return cannot(NO_LOG, path), 0;
    return 1;
}

HIDDEN const char *variable(char *const *variables, const char *name) {
    size_t n = length(name);
    for (; variables && *variables; variables++)
        if (same(*variables, name, n) && (*variables)[n] == '=') return *variables + n + 1;
    return 0;
}

HIDDEN size_t count(char *const *words) {
    size_t n = 0;
    while (words && words[n]) n++;
    return n;
}

/* Fills `into` with the variables and ours, `preload` with LD_PRELOAD; a library of the user's own stays, after ours. */
HIDDEN void with_ours(char *const *variables, char **into, char *preload) {
    const char *own = variable(variables, PRELOAD);
    char *to = preload;
    copy(to, PRELOAD "=", sizeof PRELOAD);
    to += sizeof PRELOAD;
    copy(to, library, length(library));
    to += length(library);
    if (own && *own) {
        *to++ = ':';
        copy(to, own, length(own));
        to += length(own);
    }
    *to = 0;
    for (; variables && *variables; variables++)
        if (!begins(*variables, PRELOAD "=") && !begins(*variables, SETTINGS "=")) *into++ = *variables;
    *into++ = preload;
    *into++ = settings;
    *into = 0;
}

HIDDEN size_t preload_size(char *const *variables) {
    const char *own = variable(variables, PRELOAD);
    return sizeof PRELOAD + sizeof library + 2 + (own ? length(own) : 0);
}

/* Takes our variables out of the program's environment, in place: it shows what it would show without us. */
HIDDEN void hide(void) {
    char **to = environ;
    for (char **from = environ; from && *from; from++) {
        if (begins(*from, SETTINGS "=")) continue;
        if (begins(*from, PRELOAD "=")) {
            char *value = *from + sizeof PRELOAD;
            size_t n = length(library);
            if (same(value, library, n) && !value[n]) continue;
            if (same(value, library, n) && value[n] == ':') {
                char *rest = value + n + 1;
                memmove(value, rest, length(rest) + 1);
            }
        }
        *to++ = *from;
    }
    if (to) *to = 0;
}

/* The file that a name without a slash means; gives 0 if there is none. */
HIDDEN int searched(const char *name, char *into) {
    const char *folders = variable(environ, "PATH");
    size_t n = length(name);
    if (!folders) folders = "/bin:/usr/bin";
    for (;;) {
        size_t size = 0;
        while (folders[size] && folders[size] != ':') size++;
        if (size + n + 3 < LONGEST) {
            copy(into, size ? folders : ".", size ? size : 1);
            into[size ? size : 1] = '/';
            copy(into + (size ? size : 1) + 1, name, n + 1);
            if (CALL(FACCESSAT, CWD, into, 1, 0) == 0) return 1;
            note_program(CWD, into);
        }
        if (!folders[size]) return 0;
        folders += size + 1;
    }
}

#endif
