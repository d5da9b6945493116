/* SPDX-License-Identifier: MIT
 * system(3) and popen(3) start a shell with the environment as it is, inside the C library. */

/* As POSIX describes it: https://pubs.opengroup.org/onlinepubs/9799919799/functions/system.html */
SHOWN int system(const char *command) {
    if (!ready) find_functions();
    if (!head || !command || !real_sigaction || !real_waitpid || !real_sigprocmask)
        return ((int (*)(const char *))real_system)(command);
    int (*action)(int, const struct sigaction *, struct sigaction *) = real_sigaction;
    int (*mask)(int, const sigset_t *, sigset_t *) = real_sigprocmask;
    struct sigaction ignore = {0}, interrupt, quit;
    sigset_t block = {0}, before, defaults = {0};
    posix_spawnattr_t attributes;
    char *words[] = {"sh", "-c", (char *)command, 0};
    int pid, status = -1, problem;
    ignore.sa_handler = SIG_IGN;
    ((unsigned long *)&block)[0] = 1ul << (SIGCHLD - 1);
    mask(SIG_BLOCK, &block, &before);
    action(SIGINT, &ignore, &interrupt);
    action(SIGQUIT, &ignore, &quit);
    if (interrupt.sa_handler != SIG_IGN) ((unsigned long *)&defaults)[0] |= 1ul << (SIGINT - 1);
    if (quit.sa_handler != SIG_IGN) ((unsigned long *)&defaults)[0] |= 1ul << (SIGQUIT - 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &before);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    problem = posix_spawn(&pid, "/bin/sh", 0, &attributes, words, environ);
    if (problem) {
        status = 127 << 8;
    } else {
        int (*wait)(int, int *, int) = real_waitpid;
        int done;
        do done = wait(pid, &status, 0);
        while (done < 0 && errno == 4 /* EINTR */);
        if (done < 0) status = -1;
    }
    int error = errno;
    action(SIGINT, &interrupt, 0);
    action(SIGQUIT, &quit, 0);
    mask(SIG_SETMASK, &before, 0);
    errno = error;
    return status;
}

/* The variables that popen's shell gets. They stay where they are: another thread may still read them. */
static char *handed[4096], handed_preload[8192];
static int handed_busy;

SHOWN void *popen(const char *command, const char *mode) {
    if (!ready) find_functions();
    void *(*real)(const char *, const char *) = real_popen;
    if (!head || !watchable("/bin/sh")) return real(command, mode);
    while (__atomic_exchange_n(&handed_busy, 1, __ATOMIC_ACQUIRE)) {}
    if (count(environ) + 3 > 4096 || preload_size(environ) > sizeof handed_preload) {
        cannot(VARIABLES, "/bin/sh");
        __atomic_store_n(&handed_busy, 0, __ATOMIC_RELEASE);
        return real(command, mode);
    }
    char **before = environ;
    with_ours(before, handed, handed_preload);
    environ = handed;
    void *stream = real(command, mode);
    int error = errno;
    if (environ == handed) environ = before; /* else another thread has set a variable meanwhile */
    __atomic_store_n(&handed_busy, 0, __ATOMIC_RELEASE);
    errno = error;
    return stream;
}
