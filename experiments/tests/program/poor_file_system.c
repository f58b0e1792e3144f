/* A file system with no locks, no hard links, and folders that cannot be synced, as network and user-space ones are.
   cc -shared -fPIC -o poor.so poor_file_system.c -ldl; LD_PRELOAD=./poor.so forethought ... */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>

static int no(int reason) {
    errno = reason;
    return -1;
}

int fsync(int file) {
    struct stat found;
    if (fstat(file, &found) == 0 && S_ISDIR(found.st_mode)) return no(EINVAL);
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return real(file);
}

int flock(int file, int operation) {
    (void)file, (void)operation;
    return no(ENOLCK);
}

int link(const char *from, const char *to) {
    (void)from, (void)to;
    return no(EPERM);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
    (void)a, (void)from, (void)b, (void)to, (void)flags;
    return no(EOPNOTSUPP);
}
