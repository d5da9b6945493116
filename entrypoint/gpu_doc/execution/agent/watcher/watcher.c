/* SPDX-License-Identifier: MIT
 * Records which files a process uses, and hands itself on to what it starts. The loader puts it before the C library
 * (LD_PRELOAD); it needs glibc 2.17 or musl. Each function here does what its namesake does, and notes it.
 *
 * It never changes how a program ends: what fails here is a flag in the log (log.h). `scripts/watcher` builds it. */
#include "exec.h"
#include "log.h"
#include "python.h"
#include "system.h"

#include <signal.h>
#include <spawn.h>

#define SHOWN __attribute__((visibility("default")))

void *dlsym(void *, const char *);
int *__errno_location(void);
#define errno (*__errno_location())
#define NEXT ((void *)-1l)

/* The real functions; those that are missing are never called. */
#define FUNCTIONS(each) \
    each(open) each(open64) each(__open_2) each(__open64_2) each(openat) each(openat64) each(__openat_2) \
    each(__openat64_2) each(creat) each(creat64) each(fopen) each(fopen64) each(freopen) each(freopen64) \
    each(opendir) each(fdopendir) each(scandir) each(scandir64) each(glob) each(glob64) \
    each(stat) each(stat64) each(lstat) each(lstat64) each(fstatat) each(fstatat64) each(statx) \
    each(__xstat) each(__xstat64) each(__lxstat) each(__lxstat64) each(__fxstatat) each(__fxstatat64) \
    each(access) each(eaccess) each(euidaccess) each(faccessat) each(readlink) each(readlinkat) each(realpath) \
    each(__realpath_chk) each(canonicalize_file_name) \
    each(rename) each(renameat) each(renameat2) each(unlink) each(unlinkat) each(remove) each(rmdir) each(mkdir) \
    each(mkdirat) each(link) each(linkat) each(symlink) each(symlinkat) each(truncate) each(truncate64) \
    each(mkstemp) each(mkstemp64) each(mkostemp) each(mkostemp64) each(mkstemps) each(mkstemps64) each(mkdtemp) \
    each(execve) each(execvpe) each(fexecve) each(execveat) each(posix_spawn) each(posix_spawnp) each(popen) \
    each(system) each(dlopen) each(prctl) each(syscall) each(waitpid) each(sigaction) \
    each(sigprocmask) each(chdir) each(fchdir) each(chroot) each(daemon) each(fts_open) each(fts64_open) \
    each(nftw) each(nftw64) each(dl_iterate_phdr)
#define POINTER(name) static void *real_##name;
FUNCTIONS(POINTER)
#define FIND(name) real_##name = dlsym(NEXT, #name);
static int ready;

static void *in_process(const char *name) { return dlsym(0, name); }

static void find_functions(void) {
    FUNCTIONS(FIND)
    ready = 1;
}

/* Calls the real function; another library's constructor may come before ours. */
#define REAL(type, name, ...) (ready ? (void)0 : find_functions(), ((type)real_##name)(__VA_ARGS__))

static int library_seen(void *info, size_t size, void *data) {
    const char *name = *(const char **)((char *)info + sizeof(void *));
    (void)size, (void)data;
    if (name && name[0] == '/' && !same(name, library, length(library) + 1)) note_absolute('r', name);
    return 0;
}

static void note_libraries(void) {
    if (head && real_dl_iterate_phdr) ((int (*)(int (*)(void *, size_t, void *), void *))real_dl_iterate_phdr)(library_seen, 0);
}

__attribute__((constructor)) static void begin(void) {
    const char *found = variable(environ, SETTINGS);
    if (!ready) find_functions();
    if (!found || !read_settings(found - sizeof SETTINGS)) return;
    hide();
    open_log();
    if (!head) return;
    note_libraries();
    watch_python(in_process);
}

__attribute__((destructor)) static void end(void) { note_libraries(); }

/* --- what is read ------------------------------------------------------------------------------------------------ */

/* Notes how an attempt to use a file ended. */
static void asked(char kind, int folder, const char *path, int well) {
    if (!head) return;
    int error = errno;
    if (well) note(kind, folder, path);
    else if (displays_text) return;
    else if (error == NOENT || error == NOTDIR) note('m', folder, path);
    else note('p', folder, path);
}

static void opened(int folder, const char *path, int flags, int well) {
    if (!head) return;
    int source = of_importer(path);
    char kind = flags & (OPATH | DIRECTORY) && (flags & TMPFILE) != TMPFILE ? 'p'
                : (flags & ACCMODE) == RDONLY                             ? (source ? 'i' : 'r')
                : (flags & ACCMODE) == RDWR && !(flags & (TRUNC | EXCL))  ? 'b'
                                                                          : 'w';
    if (kind == 'r' && flags & (CREAT | TRUNC)) kind = 'b';
    if (source && !well && kind == 'i' && ends(path, length(path), ".pyc")) return; /* it compiles the source */
    asked(kind, folder, path, well);
}

#define MODE(flags) \
    unsigned mode = 0; \
    if ((flags) & CREAT || ((flags) & TMPFILE) == TMPFILE) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, unsigned); \
        va_end(rest); \
    }

#define OPEN(name) \
    SHOWN int name(const char *path, int flags, ...) { \
        MODE(flags) \
        int file = REAL(int (*)(const char *, int, ...), name, path, flags, mode); \
        opened(CWD, path, flags, file >= 0); \
        return file; \
    }
#define OPEN_2(name) \
    SHOWN int name(const char *path, int flags) { \
        int file = REAL(int (*)(const char *, int), name, path, flags); \
        opened(CWD, path, flags, file >= 0); \
        return file; \
    }
#define OPENAT_(name) \
    SHOWN int name(int folder, const char *path, int flags, ...) { \
        MODE(flags) \
        int file = REAL(int (*)(int, const char *, int, ...), name, folder, path, flags, mode); \
        opened(folder, path, flags, file >= 0); \
        return file; \
    }
#define OPENAT_2(name) \
    SHOWN int name(int folder, const char *path, int flags) { \
        int file = REAL(int (*)(int, const char *, int), name, folder, path, flags); \
        opened(folder, path, flags, file >= 0); \
        return file; \
    }
#define CREAT_(name) \
    SHOWN int name(const char *path, unsigned mode) { \
        int file = REAL(int (*)(const char *, unsigned), name, path, mode); \
        opened(CWD, path, WRONLY | CREAT | TRUNC, file >= 0); \
        return file; \
    }
OPEN(open) OPEN(open64) OPEN_2(__open_2) OPEN_2(__open64_2)
OPENAT_(openat) OPENAT_(openat64) OPENAT_2(__openat_2) OPENAT_2(__openat64_2)
CREAT_(creat) CREAT_(creat64)

static int flags_of(const char *mode) {
    int flags = 0;
    if (!mode) return RDONLY;
    for (const char *at = mode; *at && *at != ','; at++) flags |= *at == '+' ? RDWR : 0;
    if (mode[0] == 'w') return (flags ? RDWR : WRONLY) | TRUNC;
    return mode[0] == 'a' && !flags ? WRONLY : flags;
}

#define FOPEN(name) \
    SHOWN void *name(const char *path, const char *mode) { \
        void *file = REAL(void *(*)(const char *, const char *), name, path, mode); \
        opened(CWD, path, flags_of(mode), file != 0); \
        return file; \
    }
#define FREOPEN(name) \
    SHOWN void *name(const char *path, const char *mode, void *stream) { \
        void *file = REAL(void *(*)(const char *, const char *, void *), name, path, mode, stream); \
        opened(CWD, path, flags_of(mode), file != 0); \
        return file; \
    }
FOPEN(fopen) FOPEN(fopen64) FREOPEN(freopen) FREOPEN(freopen64)

/* --- what is listed ---------------------------------------------------------------------------------------------- */

SHOWN void *opendir(const char *path) {
    void *stream = REAL(void *(*)(const char *), opendir, path);
    int importer = lists_for_import;
    lists_for_import = 0;
    if (!importer) asked('l', CWD, path, stream != 0);
    return stream;
}

SHOWN void *fdopendir(int file) {
    void *stream = REAL(void *(*)(int), fdopendir, file);
    lists_for_import = 0;
    if (stream) note_open('l', file);
    return stream;
}

#define SCANDIR(name) \
    SHOWN int name(const char *path, void *names, void *filter, void *order) { \
        int n = REAL(int (*)(const char *, void *, void *, void *), name, path, names, filter, order); \
        asked('l', CWD, path, n >= 0); \
        return n; \
    }
SCANDIR(scandir) SCANDIR(scandir64)

/* The C library lists folders from the one before the first wildcard on; deeper ones can't be seen from here. */
static void globbed(const char *pattern) {
    char folder[LONGEST];
    size_t slash = 0, n = 0;
    for (; pattern[n] && pattern[n] != '*' && pattern[n] != '?' && pattern[n] != '[' && n < LONGEST - 2; n++)
        if (pattern[n] == '/') slash = n + 1;
    if (!pattern[n]) {
        note('p', CWD, pattern);
        return;
    }
    copy(folder, slash ? pattern : ".", slash ? slash : 1);
    folder[slash ? slash : 1] = 0;
    note('l', CWD, folder);
}

#define GLOB(name) \
    SHOWN int name(const char *pattern, int flags, void *failed, void *found) { \
        if (pattern) globbed(pattern); \
        return REAL(int (*)(const char *, int, void *, void *), name, pattern, flags, failed, found); \
    }
GLOB(glob) GLOB(glob64)

/* --- the working folder ------------------------------------------------------------------------------------------ */

#define MOVES(name, type) \
    SHOWN int name(type where) { \
        working_changed(); \
        int result = REAL(int (*)(type), name, where); \
        working_changed(); \
        return result; \
    }
MOVES(chdir, const char *) MOVES(fchdir, int) MOVES(chroot, const char *)

/* These change it inside the C library. */
SHOWN int daemon(int stay, int open) {
    int result = REAL(int (*)(int, int), daemon, stay, open);
    working_changed();
    return result;
}

#define FTS(name) \
    SHOWN void *name(void *paths, int options, void *order) { \
        working_unsure = 1; \
        return REAL(void *(*)(void *, int, void *), name, paths, options, order); \
    }
#define NFTW(name) \
    SHOWN int name(const char *path, void *each, int many, int flags) { \
        working_unsure = 1; \
        note('l', CWD, path); \
        return REAL(int (*)(const char *, void *, int, int), name, path, each, many, flags); \
    }
FTS(fts_open) FTS(fts64_open) NFTW(nftw) NFTW(nftw64)

/* --- what is asked about ----------------------------------------------------------------------------------------- */

#define STAT(name) \
    SHOWN int name(const char *path, void *status) { \
        int result = REAL(int (*)(const char *, void *), name, path, status); \
        asked('p', CWD, path, result == 0); \
        return result; \
    }
#define XSTAT(name) \
    SHOWN int name(int version, const char *path, void *status) { \
        int result = REAL(int (*)(int, const char *, void *), name, version, path, status); \
        asked('p', CWD, path, result == 0); \
        return result; \
    }
#define STATAT(name) \
    SHOWN int name(int folder, const char *path, void *status, int flags) { \
        int result = REAL(int (*)(int, const char *, void *, int), name, folder, path, status, flags); \
        asked('p', folder, path, result == 0); \
        return result; \
    }
#define XSTATAT(name) \
    SHOWN int name(int version, int folder, const char *path, void *status, int flags) { \
        int result = REAL(int (*)(int, int, const char *, void *, int), name, version, folder, path, status, flags); \
        asked('p', folder, path, result == 0); \
        return result; \
    }
#define ACCESS(name) \
    SHOWN int name(const char *path, int mode) { \
        int result = REAL(int (*)(const char *, int), name, path, mode); \
        asked('p', CWD, path, result == 0); \
        return result; \
    }
STAT(stat) STAT(stat64) STAT(lstat) STAT(lstat64) STATAT(fstatat) STATAT(fstatat64)
XSTAT(__xstat) XSTAT(__xstat64) XSTAT(__lxstat) XSTAT(__lxstat64) XSTATAT(__fxstatat) XSTATAT(__fxstatat64)
ACCESS(access) ACCESS(eaccess) ACCESS(euidaccess)

SHOWN int statx(int folder, const char *path, int flags, unsigned mask, void *status) {
    int result = REAL(int (*)(int, const char *, int, unsigned, void *), statx, folder, path, flags, mask, status);
    asked('p', folder, path, result == 0);
    return result;
}

SHOWN int faccessat(int folder, const char *path, int mode, int flags) {
    int result = REAL(int (*)(int, const char *, int, int), faccessat, folder, path, mode, flags);
    asked('p', folder, path, result == 0);
    return result;
}

SHOWN long readlink(const char *path, char *into, size_t size) {
    long result = REAL(long (*)(const char *, char *, size_t), readlink, path, into, size);
    asked('p', CWD, path, result >= 0);
    return result;
}

SHOWN long readlinkat(int folder, const char *path, char *into, size_t size) {
    long result = REAL(long (*)(int, const char *, char *, size_t), readlinkat, folder, path, into, size);
    asked('p', folder, path, result >= 0);
    return result;
}

SHOWN char *realpath(const char *path, char *into) {
    char *result = REAL(char *(*)(const char *, char *), realpath, path, into);
    asked('p', CWD, path, result != 0);
    return result;
}

SHOWN char *__realpath_chk(const char *path, char *into, size_t size) {
    char *result = REAL(char *(*)(const char *, char *, size_t), __realpath_chk, path, into, size);
    asked('p', CWD, path, result != 0);
    return result;
}

SHOWN char *canonicalize_file_name(const char *path) {
    char *result = REAL(char *(*)(const char *), canonicalize_file_name, path);
    asked('p', CWD, path, result != 0);
    return result;
}

/* --- what is written, made, renamed, removed ----------------------------------------------------------------------- */

#define ONE(name, parameters, folder, path, ...) \
    SHOWN int name parameters { \
        int result = REAL(int (*) parameters, name, __VA_ARGS__); \
        asked('w', folder, path, result >= 0); \
        return result; \
    }
#define TWO(name, parameters, from, old, to, new, ...) \
    SHOWN int name parameters { \
        int result = REAL(int (*) parameters, name, __VA_ARGS__); \
        asked('w', from, old, result == 0); \
        if (result == 0) note('w', to, new); \
        return result; \
    }
#define MADE(name, parameters, ...) \
    SHOWN int name parameters { \
        int result = REAL(int (*) parameters, name, __VA_ARGS__); \
        if (result >= 0) note('w', CWD, path); \
        return result; \
    }
ONE(unlink, (const char *path), CWD, path, path)
ONE(unlinkat, (int folder, const char *path, int flags), folder, path, folder, path, flags)
ONE(remove, (const char *path), CWD, path, path)
ONE(rmdir, (const char *path), CWD, path, path)
ONE(mkdir, (const char *path, unsigned mode), CWD, path, path, mode)
ONE(mkdirat, (int folder, const char *path, unsigned mode), folder, path, folder, path, mode)
ONE(truncate, (const char *path, long size), CWD, path, path, size)
ONE(truncate64, (const char *path, long size), CWD, path, path, size)
TWO(rename, (const char *old, const char *new), CWD, old, CWD, new, old, new)
TWO(renameat, (int from, const char *old, int to, const char *new), from, old, to, new, from, old, to, new)
TWO(renameat2, (int from, const char *old, int to, const char *new, unsigned flags), from, old, to, new, from, old, to, new, flags)
/* What a link names is not looked at. */
#define LINK(name, parameters, folder, path, old, ...) \
    SHOWN int name parameters { \
        int result = REAL(int (*) parameters, name, __VA_ARGS__); \
        if (result == 0) note('w', folder, path); \
        return result; \
    }
LINK(symlink, (const char *old, const char *path), CWD, path, old, old, path)
LINK(symlinkat, (const char *old, int folder, const char *path), folder, path, old, old, folder, path)
SHOWN int link(const char *old, const char *path) {
    int result = REAL(int (*)(const char *, const char *), link, old, path);
    asked('r', CWD, old, result == 0);
    if (result == 0) note('w', CWD, path);
    return result;
}
SHOWN int linkat(int from, const char *old, int to, const char *path, int flags) {
    int result = REAL(int (*)(int, const char *, int, const char *, int), linkat, from, old, to, path, flags);
    asked('r', from, old, result == 0);
    if (result == 0) note('w', to, path);
    return result;
}
MADE(mkstemp, (char *path), path) MADE(mkstemp64, (char *path), path)
MADE(mkostemp, (char *path, int flags), path, flags) MADE(mkostemp64, (char *path, int flags), path, flags)
MADE(mkstemps, (char *path, int after), path, after) MADE(mkstemps64, (char *path, int after), path, after)
SHOWN char *mkdtemp(char *path) {
    char *result = REAL(char *(*)(char *), mkdtemp, path);
    if (result) note('w', CWD, path);
    return result;
}

/* --- what is started --------------------------------------------------------------------------------------------- */

/* Declares `variables`: those to hand on, with ours if the program can be watched. */
#define HANDED(program, given) \
    char *const *variables = (given); \
    size_t many = count(variables), \
           tell = many <= MANY && !variable(variables, "LD_TRACE_LOADED_OBJECTS") && watchable(program); /* not for ldd */ \
    if (head && many > MANY) cannot(VARIABLES, program); \
    char *own[tell ? many + 3 : 1], preload[tell ? preload_size(variables) : 1]; \
    if (tell) { \
        with_ours(variables, own, preload); \
        variables = own; \
    }

typedef int (*exec_function)(const char *, char *const *, char *const *);

SHOWN int execve(const char *path, char *const words[], char *const given[]) {
    if (!ready) find_functions();
    note_program(CWD, path);
    HANDED(path, given)
    return ((exec_function)real_execve)(path, words, variables);
}

SHOWN int execvpe(const char *name, char *const words[], char *const given[]) {
    char found[LONGEST];
    const char *path = name;
    if (!ready) find_functions();
    if (last_name(name) == name && searched(name, found)) path = found;
    note_program(CWD, path);
    HANDED(path, given)
    return ((exec_function)real_execvpe)(name, words, variables);
}

SHOWN int execv(const char *path, char *const words[]) { return execve(path, words, environ); }
SHOWN int execvp(const char *name, char *const words[]) { return execvpe(name, words, environ); }

/* Declares `words`: the arguments from `first` to NULL; `rest` stands behind it. */
#define WORDS \
    va_list rest, again; \
    size_t n = 1; \
    va_start(rest, first); \
    va_copy(again, rest); \
    while (first && va_arg(again, char *)) n++; \
    va_end(again); \
    char *words[n + 1]; \
    words[0] = (char *)first; \
    for (size_t i = 1; i <= n; i++) words[i] = first ? va_arg(rest, char *) : 0;

SHOWN int execl(const char *path, const char *first, ...) {
    WORDS
    va_end(rest);
    return execve(path, words, environ);
}

SHOWN int execlp(const char *name, const char *first, ...) {
    WORDS
    va_end(rest);
    return execvpe(name, words, environ);
}

SHOWN int execle(const char *path, const char *first, ...) {
    WORDS
    char *const *given = va_arg(rest, char *const *);
    va_end(rest);
    return execve(path, words, given);
}

SHOWN int fexecve(int file, char *const words[], char *const given[]) {
    char link[32] = "/proc/self/fd/";
    if (!ready) find_functions();
    decimal(link + 14, file);
    note_open('r', file);
    HANDED(link, given)
    return ((int (*)(int, char *const *, char *const *))real_fexecve)(file, words, variables);
}

SHOWN int execveat(int folder, const char *path, char *const words[], char *const given[], int flags) {
    char whole[LONGEST];
    const char *program = path;
    if (!ready) find_functions();
    if (path && path[0] != '/') program = absolute(folder, path, whole, 0) ? whole : path;
    note_program(CWD, program);
    HANDED(program, given)
    return ((int (*)(int, const char *, char *const *, char *const *, int))real_execveat)(folder, path, words, variables, flags);
}

typedef int (*spawn_function)(int *, const char *, const void *, const void *, char *const *, char *const *);

SHOWN int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *restrict actions,
                      const posix_spawnattr_t *restrict attributes, char *const words[restrict],
                      char *const given[restrict]) {
    if (!ready) find_functions();
    note_program(CWD, path);
    HANDED(path, given)
    return ((spawn_function)real_posix_spawn)(pid, path, actions, attributes, words, variables);
}

SHOWN int posix_spawnp(pid_t *restrict pid, const char *restrict name, const posix_spawn_file_actions_t *restrict actions,
                       const posix_spawnattr_t *restrict attributes, char *const words[restrict],
                       char *const given[restrict]) {
    char found[LONGEST];
    const char *path = name;
    if (!ready) find_functions();
    if (last_name(name) == name && searched(name, found)) path = found;
    note_program(CWD, path);
    HANDED(path, given)
    return ((spawn_function)real_posix_spawnp)(pid, name, actions, attributes, words, variables);
}

#include "shell.h"

/* --- what is loaded, and what limits us ---------------------------------------------------------------------------- */

/* A library is searched for as its caller says (DT_RUNPATH), whom the loader knows by the return address: so the real
 * function is jumped to. What it loads beside is seen at the next call, or at the end. */
SHOWN void *dlopen(const char *path, int flags) {
    if (!ready) find_functions();
    note_libraries();
    if (path && last_name(path) != path) note(CALL(FACCESSAT, CWD, path, 0, 0) == 0 ? 'r' : 'm', CWD, path);
    __attribute__((musttail)) return ((void *(*)(const char *, int))real_dlopen)(path, flags);
}

static void limited(void) {
    char program[LONGEST];
    if (!head || calm) return;
    long n = CALL(READLINKAT, CWD, "/proc/self/exe", program, LONGEST - 1);
    program[n > 0 ? n : 0] = 0;
    cannot(SANDBOX, program);
    calm = 1;
}

SHOWN int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    if (option == 22 /* PR_SET_SECCOMP */) limited();
    return REAL(int (*)(int, ...), prctl, option, a, b, c, d);
}

SHOWN long syscall(long number, long a, long b, long c, long d, long e, long f) {
    if (!ready) find_functions();
    if (number == EXECVE || number == EXECVEAT) {
        const char *program = (const char *)(number == EXECVE ? a : b);
        note_program(number == EXECVE ? CWD : (int)a, program);
        HANDED(program, (char *const *)(number == EXECVE ? c : d))
        if (number == EXECVE) c = (long)variables;
        else d = (long)variables;
        return ((long (*)(long, ...))real_syscall)(number, a, b, c, d, e, f);
    }
    if (number == SECCOMP) limited();
    long result = ((long (*)(long, ...))real_syscall)(number, a, b, c, d, e, f);
    if (number == CHDIR || number == FCHDIR || number == UNSHARE) working_unsure = 1;
    if (number == OPENAT) opened((int)a, (const char *)b, (int)c, result >= 0);
    else if (number == OPENAT2) opened((int)a, (const char *)b, *(int *)c, result >= 0);
    else if (number == OPEN) opened(CWD, (const char *)a, (int)b, result >= 0);
    else if (number == STATX || number == FSTATAT) asked('p', (int)a, (const char *)b, result == 0);
    return result;
}
