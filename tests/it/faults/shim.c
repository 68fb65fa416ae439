/* What a disk and a clock can do to a relay, preloaded into it.
 *
 * FAULTS_CONTROL names a file of 64-bit words, which the test changes while the relay runs:
 *
 *   0  clock       milliseconds that the wall clock is ahead
 *   1  operations  which fail: 1 sync, 2 write
 *   2  left        how many of them still fail; negative is for ever
 *   3  failed      how many have failed so far (written here)
 *   4  errno       what they fail with
 *   5  unsynced    not 0: a sync does nothing, and says that it did
 *   6  made        how many writes and syncs on files in the directory FAULTS_DIR there were so far (written here)
 *   7  last        the process is killed when it is about to make the one with this number; 0 is never
 *
 * Failing operations are those on the file FAULTS_FILE of the directory FAULTS_DIR (on all of them without it).
 *
 * FAULTS_TRACE names a file that gets every operation on files directly in the directory FAULTS_DIR, in
 * the order in which they took effect. A sync is then only written down: what a disk would have after a power cut is for
 * the reader to say. Each entry: operation (1), length of the name (1), 0 (2), length of the data (4), offset (8), name,
 * data. Operations: Write, Truncate (offset is the size), Sync, Create, Delete, Rename (data is the new name), Folder
 * synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK, OPERATIONS, LEFT, FAILED, ERRNO, UNSYNCED, MADE, LAST, WORDS };
enum { SYNC = 1, WRITE = 2 };

static int64_t none[WORDS];
static volatile int64_t *control = none;
static const char *folder, *target;
static size_t folder_length;
static int trace = -1;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_CONTROL");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *map = mmap(NULL, WORDS * 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (map != MAP_FAILED) control = map;
        close(file);
    }
    target = getenv("FAULTS_FILE");
    folder = getenv("FAULTS_DIR");
    folder_length = folder ? strlen(folder) : 0;
    path = getenv("FAULTS_TRACE");
    if (path) trace = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The name of a path directly in the folder; empty is the folder itself; NULL is elsewhere. */
static const char *inside(const char *path) {
    if (!folder || strncmp(path, folder, folder_length) != 0) return NULL;
    const char *rest = path + folder_length;
    if (*rest == 0) return rest;
    return *rest == '/' && !strchr(rest + 1, '/') ? rest + 1 : NULL;
}

static const char *path_of(int fd, char *buffer) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, buffer, PATH_MAX - 1);
    if (length < 0) return NULL;
    buffer[length] = 0;
    return buffer;
}

static const char *name_of(int fd, char *buffer) {
    if (!folder) return NULL;
    const char *path = path_of(fd, buffer);
    return path ? inside(path) : NULL;
}

/* Paths are given as the program likes; the folder's is the real one. */
static const char *name_at(const char *path, char *buffer) {
    if (!folder || !path) return NULL;
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX], real[PATH_MAX];
    if (slash) snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    if (!realpath(slash ? (slash == path ? "/" : parent) : ".", real)) return NULL;
    snprintf(buffer, 2 * PATH_MAX, "%s/%s", real, slash ? slash + 1 : path);
    return inside(buffer);
}

static void put(char operation, const char *name, uint64_t offset, const void *data, uint32_t length) {
    struct __attribute__((packed)) {
        char operation;
        uint8_t name;
        uint16_t zero;
        uint32_t data;
        uint64_t offset;
    } head = {operation, (uint8_t)strlen(name), 0, length, offset};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)data, length}};
    if (writev(trace, parts, 3) != (ssize_t)(sizeof head + head.name + length)) abort();
}

/* Whether this operation has to fail. */
static int fails(int operation, int fd) {
    if (!(control[OPERATIONS] & operation) || control[LEFT] == 0) return 0;
    char buffer[PATH_MAX];
    const char *name = name_of(fd, buffer);
    if (!name || *name == 0) return 0;
    if (target && strcmp(name, target) != 0) return 0;
    pthread_mutex_lock(&order);
    int failing = control[LEFT] != 0;
    if (failing) {
        if (control[LEFT] > 0) control[LEFT]--;
        control[FAILED]++;
    }
    pthread_mutex_unlock(&order);
    if (failing) errno = (int)control[ERRNO];
    return failing;
}

/* Counts an operation, or is the end of the process. */
static void count(int fd) {
    char buffer[PATH_MAX];
    const char *name = name_of(fd, buffer);
    if (!name || *name == 0) return;
    pthread_mutex_lock(&order);
    if (++control[MADE] == control[LAST]) raise(SIGKILL);
    pthread_mutex_unlock(&order);
}

static ssize_t written(int fd, const void *data, size_t length, off_t offset, int at_position) {
    if (fails(WRITE, fd)) return -1;
    count(fd);
    char buffer[PATH_MAX];
    const char *name = trace >= 0 ? name_of(fd, buffer) : NULL;
    if (!name)
        return at_position ? REAL(write)(fd, data, length) : REAL(pwrite64)(fd, data, length, offset);
    pthread_mutex_lock(&order);
    if (at_position) offset = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    ssize_t done = at_position ? REAL(write)(fd, data, length) : REAL(pwrite64)(fd, data, length, offset);
    if (done > 0) put('W', name, (uint64_t)offset, data, (uint32_t)done);
    pthread_mutex_unlock(&order);
    return done;
}

ssize_t write(int fd, const void *data, size_t length) { return written(fd, data, length, 0, 1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return written(fd, data, length, offset, 0); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return written(fd, data, length, offset, 0); }

static int truncated(int fd, off_t size) {
    char buffer[PATH_MAX];
    const char *name = trace >= 0 ? name_of(fd, buffer) : NULL;
    if (!name) return REAL(ftruncate64)(fd, size);
    pthread_mutex_lock(&order);
    int result = REAL(ftruncate64)(fd, size);
    if (result == 0) put('T', name, (uint64_t)size, "", 0);
    pthread_mutex_unlock(&order);
    return result;
}

int ftruncate(int fd, off_t size) { return truncated(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncated(fd, size); }

static int synced(int fd, int (*real)(int)) {
    if (fails(SYNC, fd)) return -1;
    count(fd);
    if (control[UNSYNCED]) return 0;
    char buffer[PATH_MAX];
    const char *name = trace >= 0 ? name_of(fd, buffer) : NULL;
    if (!name) return real(fd);
    pthread_mutex_lock(&order);
    put(*name ? 'S' : 'F', name, 0, "", 0);
    pthread_mutex_unlock(&order);
    return 0;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    char buffer[2 * PATH_MAX];
    const char *name = trace >= 0 && flags & (O_CREAT | O_TRUNC) ? name_at(path, buffer) : NULL;
    if (!name) return real(path, flags, mode);
    struct stat before;
    pthread_mutex_lock(&order);
    int missing = stat(path, &before) != 0;
    int fd = real(path, flags, mode);
    if (fd >= 0 && missing) put('C', name, 0, "", 0);
    if (fd >= 0 && !missing && flags & O_TRUNC) put('T', name, 0, "", 0);
    pthread_mutex_unlock(&order);
    return fd;
}

#define OPEN(symbol)                                              \
    int symbol(const char *path, int flags, ...) {                \
        va_list more;                                             \
        va_start(more, flags);                                    \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                             \
        return opened(REAL(symbol), path, flags, mode);           \
    }
OPEN(open)
OPEN(open64)

int unlink(const char *path) {
    char buffer[2 * PATH_MAX];
    const char *name = trace >= 0 ? name_at(path, buffer) : NULL;
    if (!name) return REAL(unlink)(path);
    pthread_mutex_lock(&order);
    int result = REAL(unlink)(path);
    if (result == 0) put('D', name, 0, "", 0);
    pthread_mutex_unlock(&order);
    return result;
}

int rename(const char *from, const char *to) {
    char first[2 * PATH_MAX], second[2 * PATH_MAX];
    const char *old = trace >= 0 ? name_at(from, first) : NULL, *new = old ? name_at(to, second) : NULL;
    if (!new) return REAL(rename)(from, to);
    pthread_mutex_lock(&order);
    int result = REAL(rename)(from, to);
    if (result == 0) put('R', old, 0, new, (uint32_t)strlen(new));
    pthread_mutex_unlock(&order);
    return result;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = REAL(clock_gettime)(clock, now);
    int64_t ahead = control[CLOCK];
    if (result == 0 && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t nanos = now->tv_nsec + ahead % 1000 * 1000000;
        now->tv_sec += ahead / 1000 + (nanos < 0 ? -1 : nanos / 1000000000);
        now->tv_nsec = nanos < 0 ? nanos + 1000000000 : nanos % 1000000000;
    }
    return result;
}
