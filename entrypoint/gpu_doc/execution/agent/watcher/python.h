/* SPDX-License-Identifier: MIT
 * What Python's importer does, told from what the program does: by an audit hook (PEP 578, Python 3.8), which sees who
 * opens or lists something just before it happens, and two finders in sys.meta_path, which see each name. All of
 * Python's functions are looked up in the process: where there are none, this does nothing. */
#ifndef PYTHON_H
#define PYTHON_H

#include "log.h"

typedef struct Object Object;
struct method {
    const char *name;
    Object *(*function)(Object *, Object *);
    int flags;
    const char *doc;
};

static struct {
    int (*add_hook)(int (*)(const char *, Object *, void *), void *);
    Object *(*frame)(void);
    Object *(*code)(Object *); /* from Python 3.9 on */
    Object *(*attribute)(Object *, const char *);
    const char *(*text)(Object *, long *);
    void (*release)(Object *);
    void (*hold)(Object *);
    void (*forget)(void);
    Object *(*item)(Object *, long);
    long (*size)(Object *);
    Object *(*list_item)(Object *, long);
    long (*list_size)(Object *);
    int (*insert)(Object *, long, Object *);
    int (*append)(Object *, Object *);
    Object *(*module)(const char *);
    int (*add_functions)(Object *, struct method *);
    Object *(*of_sys)(const char *);
    Object *(*iterate)(Object *);
    Object *(*next)(Object *);
    void *(*interpreter)(void);
    const char *(*version)(void);
    Object *none;
} py;

static __thread int opens_source __attribute__((tls_model("initial-exec")));
static __thread int lists_for_import __attribute__((tls_model("initial-exec")));
static __thread int inside __attribute__((tls_model("initial-exec")));
/* While IPython asks of a text that it displays whether a file has that name (ipython_shell.py tells). */
static __thread int displays_text __attribute__((tls_model("initial-exec")));

/* Code that lists each folder of sys.path to find the packages installed there, and whatever else lies in it. */
HIDDEN int looks_for_packages(const char *file, size_t n) {
    return ends(file, n, "/importlib/metadata/__init__.py") || ends(file, n, "/importlib_metadata/__init__.py") ||
           ends(file, n, "/pkgutil.py") || ends(file, n, "/pkg_resources/__init__.py");
}

/* Whether a source file says that its code is executed: what these open as source is a program, not data. */
HIDDEN int executes(const char *file, size_t n) {
    return begins(file, "<frozen importlib") || begins(file, "<frozen zipimport") || begins(file, "<frozen runpy") ||
           ends(file, n, "/runpy.py") || ends(file, n, "/IPython/utils/py3compat.py") ||
           ends(file, n, "/IPython/core/interactiveshell.py") || looks_for_packages(file, n);
}

HIDDEN int opens_for_others(const char *file, size_t n) {
    return ends(file, n, "/pathlib.py") || ends(file, n, "/pathlib/__init__.py") || ends(file, n, "/pathlib/_local.py");
}

/* What is known of code that opens something. We hold it, so that nothing else gets its address. */
enum { PROGRAM = 0, IMPORTER = 1, FOR_OTHERS = 2 };
static struct { Object *code; int is; } known[16];
static unsigned known_count;

HIDDEN int look_at(Object *code) {
    Object *file = py.attribute(code, "co_filename");
    long n;
    const char *text = file ? py.text(file, &n) : 0;
    int is = !text ? PROGRAM : opens_for_others(text, (size_t)n) ? FOR_OTHERS : executes(text, (size_t)n);
    if (!text) py.forget();
    if (file) py.release(file);
    return is;
}

HIDDEN int what_is(Object *code) {
    unsigned count = __atomic_load_n(&known_count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count && i < 16; i++)
        if (known[i].code == code) return known[i].is;
    int is = look_at(code);
    if (count < 16 && __atomic_compare_exchange_n(&known_count, &count, count, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        py.hold(code);
        known[count].code = code;
        known[count].is = is;
        __atomic_store_n(&known_count, count + 1, __ATOMIC_RELEASE);
    }
    return is;
}

/* Gives whether the calling Python code is the importer, or executes files; -1 if there is no Python code. */
HIDDEN int called_by_importer(void) {
    int is = -1, further = 1;
    Object *frame = py.frame();
    if (frame) py.hold(frame);
    while (frame && further) {
        Object *code = py.code ? py.code(frame) : py.attribute(frame, "f_code");
        int found = code ? what_is(code) : PROGRAM;
        if (code) py.release(code);
        else py.forget();
        further = found == FOR_OTHERS;
        is = found == IMPORTER;
        Object *back = further ? py.attribute(frame, "f_back") : 0;
        py.release(frame);
        frame = back;
    }
    if (frame) py.release(frame);
    return is;
}

static const char *const endings[] = {".py", "/__init__.py", ".so", ".abi3.so", ".pyc", 0};

HIDDEN int is_there(const char *stem, size_t n) {
    char path[LONGEST + 16];
    copy(path, stem, n);
    for (int i = 0; endings[i]; i++) {
        copy(path + n, endings[i], length(endings[i]) + 1);
        if (CALL(FACCESSAT, CWD, path, 0, 0) == 0) return 1;
    }
    return 0;
}

/* Records a name in one folder of the path; gives whether it is there, so that no further folder is looked at. */
HIDDEN int look_in(char kind, const char *folder, const char *name, int last) {
    char stem[LONGEST + 1];
    size_t n, m = length(name);
    if (folder[0] == '/') {
        n = length(folder);
        if (n + m + 2 > LONGEST) return 0;
        copy(stem, folder, n + 1);
    } else if (!absolute(CWD, folder, stem, 1)) {
        return 0;
    }
    n = length(stem);
    while (n > 1 && stem[n - 1] == '/') n--;
    if (n + m + 2 > LONGEST) return 0;
    stem[n] = '/';
    copy(stem + n + 1, name, m + 1);
    n += m + 1;
    if (wanted(stem, n)) record(kind, stem, n);
    return !last && kind == 'n' && is_there(stem, n);
}

#define FOLDERS 128

/* find_spec(name, path, target), which finds nothing. */
HIDDEN Object *looked_for(char kind, Object *arguments) {
    Object *folders = py.size(arguments) > 1 ? py.item(arguments, 1) : 0, *held[FOLDERS];
    const char *texts[FOLDERS], *name = py.text(py.item(arguments, 0), 0);
    int many = 0, last = -1;
    if (folders == py.none || !folders) folders = py.of_sys("path");
    Object *each = name && folders ? py.iterate(folders) : 0;
    if (each) {
        for (Object *folder; many < FOLDERS && (folder = py.next(each));) {
            texts[many] = py.text(folder, 0);
            if (!texts[many]) py.forget();
            else if (texts[many][0] != '/' || wanted(texts[many], length(texts[many]))) last = many;
            held[many++] = folder;
        }
        py.release(each);
    }
    py.forget();
    if (name) {
        const char *tail = name;
        for (const char *at = name; *at; at++)
            if (*at == '.') tail = at + 1;
        for (int i = 0; i <= last; i++)
            if (texts[i] && look_in(kind, texts[i], tail, i == last)) break;
    }
    for (int i = 0; i < many; i++) py.release(held[i]);
    py.hold(py.none);
    return py.none;
}

static Object *first(Object *self, Object *arguments) {
    (void)self;
    return looked_for('n', arguments);
}

static Object *after_all(Object *self, Object *arguments) {
    (void)self;
    return looked_for('N', arguments);
}

static struct method first_methods[] = {{"find_spec", first, 1 /* METH_VARARGS */, 0}, {0, 0, 0, 0}};
static struct method last_methods[] = {{"find_spec", after_all, 1, 0}, {0, 0, 0, 0}};
static void *our_interpreter;
static Object *our_finder;

HIDDEN Object *finder(struct method *methods) {
    Object *module = py.module("_gpu_doc_watch");
    if (module && py.add_functions(module, methods) == 0) return module;
    py.forget();
    return 0;
}

/* Puts our finders around the one for files, the last of Python's own. */
HIDDEN void add_finders(Object *finders) {
    long n = py.list_size(finders);
    void *interpreter = py.interpreter();
    if (n < 3 || (our_interpreter && interpreter != our_interpreter)) {
        if (n < 0) py.forget();
        return;
    }
    for (long i = 0; our_finder && i < n; i++)
        if (py.list_item(finders, i) == our_finder) return;
    if (our_finder) return; /* the program removed it */
    our_interpreter = interpreter;
    long at = n;
    while (at > 0) {
        Object *name = py.attribute(py.list_item(finders, at - 1), "__name__");
        const char *text = name ? py.text(name, 0) : 0;
        int files = text && same(text, "PathFinder", 11);
        if (!text) py.forget();
        if (name) py.release(name);
        at--;
        if (files) break;
    }
    Object *before = finder(first_methods), *behind = finder(last_methods);
    if (before && behind && py.insert(finders, at, before) == 0 && py.append(finders, behind) == 0) our_finder = before;
    else py.forget();
}

static int hear(const char *event, Object *arguments, void *data) {
    (void)data;
    if (inside) return 0;
    if (event[0] == 'o') {
        int opening = same(event, "open", 5), listing = same(event, "os.listdir", 11);
        if (opening || listing) {
            inside = 1;
            int importer = called_by_importer();
            inside = 0;
            if (listing) lists_for_import = importer == 1;
            else if (importer >= 0) opens_source = importer;
        } else if (same(event, "os.scandir", 11)) {
            lists_for_import = 0;
        }
    } else if (event[0] == 'i' && same(event, "import", 7)) {
        inside = 1;
        if (py.size(arguments) > 3) {
            Object *finders = py.item(arguments, 3);
            if (finders != py.none) add_finders(finders);
        }
        inside = 0;
    } else if (same(event, "gpu_doc.displays", 17)) {
        displays_text = 1;
    } else if (same(event, "gpu_doc.displayed", 18)) {
        displays_text = 0;
    } else if (same(event, "cpython.run_file", 17)) {
        opens_source = 1;
    }
    return 0;
}

/* Gives whether the next open is the importer's, of a source or what it compiled. */
HIDDEN int of_importer(const char *path) {
    int is = opens_source;
    opens_source = 0;
    if (!is || !path) return 0;
    size_t n = length(path);
    return ends(path, n, ".py") || ends(path, n, ".pyc");
}

#define PYTHON(member, name) (*(void **)&py.member = find(name)) != 0

HIDDEN void watch_python(void *(*find)(const char *)) {
    if (!(PYTHON(add_hook, "PySys_AddAuditHook"))) return;
    int all = PYTHON(frame, "PyEval_GetFrame") && PYTHON(attribute, "PyObject_GetAttrString") &&
              PYTHON(text, "PyUnicode_AsUTF8AndSize") && PYTHON(release, "Py_DecRef") && PYTHON(hold, "Py_IncRef") &&
              PYTHON(forget, "PyErr_Clear") && PYTHON(item, "PyTuple_GetItem") && PYTHON(size, "PyTuple_Size") &&
              PYTHON(list_item, "PyList_GetItem") && PYTHON(list_size, "PyList_Size") &&
              PYTHON(insert, "PyList_Insert") && PYTHON(append, "PyList_Append") && PYTHON(module, "PyModule_New") &&
              PYTHON(add_functions, "PyModule_AddFunctions") && PYTHON(of_sys, "PySys_GetObject") &&
              PYTHON(iterate, "PyObject_GetIter") && PYTHON(next, "PyIter_Next") &&
              PYTHON(version, "Py_GetVersion") && PYTHON(none, "_Py_NoneStruct") &&
              ((PYTHON(interpreter, "PyInterpreterState_Get")) || (PYTHON(interpreter, "_PyInterpreterState_Get")));
    (void)(PYTHON(code, "PyFrame_GetCode"));
    if (!all || py.add_hook(hear, 0)) return;
    const char *version = py.version();
    size_t n = 0;
    while (version[n] && version[n] != ' ') n++;
    record('v', version, n);
}

#endif
