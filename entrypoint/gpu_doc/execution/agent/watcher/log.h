/* SPDX-License-Identifier: MIT
 * The run's log: a file that all its processes map, so that a record costs no system call, survives SIGKILL, and needs
 * no descriptor that a program could close. Its blocks are allocated beforehand: no write can end in SIGBUS for want of
 * space. What does not fit is appended to a second file.
 *
 * A record is a letter, a path, NUL; the letter is written last, so that an incomplete record is no record.
 *     r read   i read as a program's source by Python   b opened for reading and writing   w written, made or removed
 *     m looked for in vain   p only asked about   l listed   n, N name that Python's importer looks for, found nowhere
 *     v version of Python   u a program that can't be watched: a second letter says why (exec.h, `Why`) */
#ifndef LOG_H
#define LOG_H

#include "system.h"

enum { FAILED = 1, FULL = 2, LONG = 4 };
struct header {
    char magic[8];
    uint64_t tail;      /* bytes used after the header, perhaps more than there are */
    uint32_t flags;     /* what went wrong */
    uint32_t processes; /* how many were watched */
    char reserved[40];
};

#define SETTINGS "GPU_DOC_WATCH"
#define MOST (256l << 20) /* bytes of the second file */
#define SEEN (1u << 16)

static struct header *head;
static size_t room;
static int calm;           /* the program limits its own system calls: we make none any more */
static char settings[8192]; /* NAME=library \n log \n -prefix \n +prefix … */
static char library[1024], log_path[1024];
static uint64_t seen[SEEN];

static struct { const char *text; uint16_t size; char keep; } rules[64];
static int rule_count, otherwise = 1;

HIDDEN void flag(uint32_t what) {
    if (head) __atomic_fetch_or(&head->flags, what, __ATOMIC_RELAXED);
}

/* Whether a path is of interest: the longest prefix decides; one with `..` is judged by the reader. */
HIDDEN int wanted(const char *path, size_t size) {
    int keep = otherwise;
    size_t longest = 0;
    for (int i = 0; i < rule_count; i++) {
        size_t n = rules[i].size;
        if (n > longest && size >= n && path[1] == rules[i].text[1] && same(path, rules[i].text, n) && (path[n] == '/' || !path[n])) {
            longest = n;
            keep = rules[i].keep;
        }
    }
    if (!keep)
        for (const char *at = path; *at; at++)
            if (at[0] == '/' && at[1] == '.' && at[2] == '.' && (at[3] == '/' || !at[3])) return 1;
    return keep;
}

/* Whether a record is new in this process; it may say so twice. */
HIDDEN int is_new(char kind, const char *path, size_t size) {
    uint64_t hash = 14695981039346656037ull ^ (unsigned char)kind;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t part = 0;
        if (size - i >= 8) memcpy(&part, path + i, 8);
        else
            for (size_t k = i; k < size; k++) part = part << 8 | (unsigned char)path[k];
        hash = (hash ^ part) * 1099511628211ull;
        hash ^= hash >> 31;
    }
    hash ^= hash >> 29;
    hash = hash * 0xbf58476d1ce4e5b9ull | 1;
    uint32_t at = (uint32_t)(hash >> 32);
    for (int i = 0; i < 8; i++, at++) {
        uint64_t *slot = &seen[at % SEEN], had = __atomic_load_n(slot, __ATOMIC_RELAXED);
        if (had == hash) return 0;
        if (!had || i == 7) {
            __atomic_store_n(slot, hash, __ATOMIC_RELAXED);
            return 1;
        }
    }
    return 1;
}

HIDDEN void append(const char *record, size_t size) {
    char name[sizeof log_path + 8], status[256];
    if (calm) {
        flag(FAILED);
        return;
    }
    copy(name, log_path, sizeof log_path);
    copy(name + length(name), ".more", 6);
    long file = CALL(OPENAT, CWD, name, WRONLY | APPEND | CREAT | CLOEXEC | NOFOLLOW, 0600);
    if (file < 0) {
        flag(FAILED);
        return;
    }
    if (CALL(FSTAT, file, status, 0, 0) < 0 || *(long *)(status + 48) > MOST) flag(FULL);
    else if (CALL(WRITE, file, record, size, 0) != (long)size) flag(FAILED);
    CALL(CLOSE, file, 0, 0, 0);
}

HIDDEN void record(char kind, const char *path, size_t size) {
    if (!is_new(kind, path, size)) return;
    size_t need = size + 2;
    uint64_t at = __atomic_load_n(&head->tail, __ATOMIC_RELAXED);
    if (at + need <= room) at = __atomic_fetch_add(&head->tail, need, __ATOMIC_RELAXED);
    if (at + need <= room) {
        char *to = (char *)(head + 1) + at;
        copy(to + 1, path, size);
        __atomic_store_n(to, kind, __ATOMIC_RELEASE);
        return;
    }
    char whole[LONGEST + 4];
    if (size > LONGEST) return;
    whole[0] = 0;
    whole[1] = kind;
    copy(whole + 2, path, size);
    whole[size + 2] = 0;
    append(whole, size + 3);
}

HIDDEN void note_absolute(char kind, const char *path) {
    size_t size = length(path);
    if (size >= LONGEST) flag(LONG);
    else if (wanted(path, size)) record(kind, path, size);
}

/* The working folder, once asked for: the system call takes longer than all else here. Who changes it tells. */
static char working[LONGEST];
static long working_size;
static uint32_t working_of, working_now = 1, working_busy;
static int working_unsure; /* something changes it without telling */

HIDDEN void working_changed(void) { __atomic_fetch_add(&working_now, 1, __ATOMIC_SEQ_CST); }

/* Gives its length. `keep`: not in a child that shares our memory (vfork) but not our folder. */
HIDDEN long working_folder(char *into, int keep) {
    uint32_t now = __atomic_load_n(&working_now, __ATOMIC_SEQ_CST);
    long n = 0;
    if (!working_unsure && keep && !__atomic_exchange_n(&working_busy, 1, __ATOMIC_ACQUIRE)) {
        if (working_of != now) {
            working_size = CALL(GETCWD, working, LONGEST, 0, 0) - 1;
            working_of = now;
        }
        n = working_size;
        if (n > 0) memcpy(into, working, (size_t)n);
        __atomic_store_n(&working_busy, 0, __ATOMIC_RELEASE);
        return n;
    }
    return CALL(GETCWD, into, LONGEST, 0, 0) - 1;
}

/* Makes a path absolute by a folder's descriptor; gives 0 if that can't be done. `keep`: see `working_folder`. */
HIDDEN int absolute(int folder, const char *path, char *into, int keep) {
    long n;
    if (calm) {
        flag(FAILED);
        return 0;
    }
    if (folder == CWD) {
        n = working_folder(into, keep);
    } else {
        char link[32] = "/proc/self/fd/";
        decimal(link + 14, folder);
        n = CALL(READLINKAT, CWD, link, into, LONGEST - 1);
    }
    if (n <= 0 || into[0] != '/') return 0;
    size_t size = length(path);
    if ((size_t)n + size + 2 > LONGEST) {
        flag(LONG);
        return 0;
    }
    if (size) into[n++] = '/';
    copy(into + n, path, size + 1);
    return 1;
}

HIDDEN __attribute__((noinline)) void note_relative(char kind, int folder, const char *path, int keep) {
    char whole[LONGEST];
    while (path[0] == '.' && path[1] == '/') path += 2;
    if (path[0] == '.' && !path[1]) path++;
    if (absolute(folder, path, whole, keep)) note_absolute(kind, whole);
}

HIDDEN void note(char kind, int folder, const char *path) {
    if (!head || !path || !path[0]) return;
    if (path[0] == '/') note_absolute(kind, path);
    else if (folder >= 0 || folder == CWD) note_relative(kind, folder, path, 1);
}

/* The same for a program that is about to start, perhaps in a child that shares our memory. */
HIDDEN void note_program(int folder, const char *path) {
    if (!head || !path || !path[0]) return;
    char kind = CALL(FACCESSAT, folder, path, 0, 0) == 0 ? 'r' : 'm';
    if (path[0] == '/') note_absolute(kind, path);
    else note_relative(kind, folder, path, 0);
}

/* The same for what is open already. */
HIDDEN __attribute__((noinline)) void note_open(char kind, int file) {
    char whole[LONGEST], link[32] = "/proc/self/fd/";
    if (!head || calm || file < 0) return;
    decimal(link + 14, file);
    long n = CALL(READLINKAT, CWD, link, whole, LONGEST - 1);
    if (n <= 0 || whole[0] != '/') return;
    whole[n] = 0;
    note_absolute(kind, whole);
}

/* Maps the log that the settings name. */
HIDDEN void open_log(void) {
    char status[256];
    long file = CALL(OPENAT, CWD, log_path, RDWR | CLOEXEC | NOFOLLOW, 0);
    if (file < 0) return;
    if (CALL(FSTAT, file, status, 0, 0) == 0) {
        long size = *(long *)(status + 48);
        if (size > (long)sizeof *head) {
            long at = call6(MMAP, 0, size, 3 /* read, write */, 1 /* shared */, file, 0);
            if (at > 0 || at < -4095) {
                head = (struct header *)at;
                room = (size_t)size - sizeof *head;
                if (!same(head->magic, "gpu-doc1", 8)) head = 0;
            }
        }
    }
    CALL(CLOSE, file, 0, 0, 0);
    if (head) __atomic_fetch_add(&head->processes, 1, __ATOMIC_RELAXED);
}

/* Reads the settings; gives 0 if they are not ours. */
HIDDEN int read_settings(const char *text) {
    size_t size = length(text), begin;
    if (size >= sizeof settings) return 0;
    copy(settings, text, size + 1);
    begin = sizeof SETTINGS; /* NAME= */
    for (int line = 0; begin < size; line++) {
        size_t end = begin;
        while (end < size && settings[end] != '\n') end++;
        size_t n = end - begin;
        const char *word = settings + begin;
        if (line < 2) {
            if (n >= sizeof library) return 0;
            copy(line ? log_path : library, word, n);
        } else if (n == 1) {
            otherwise = *word == '+';
        } else if (n > 1 && rule_count < 64) {
            rules[rule_count].text = word + 1;
            rules[rule_count].size = (uint16_t)(n - 1);
            rules[rule_count++].keep = *word == '+';
        }
        begin = end + 1;
    }
    return library[0] && log_path[0];
}

#endif
