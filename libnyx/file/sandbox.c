/* sandbox -- what the child that lets libhdf5 parse a file is not allowed: any
 * file but that one (Landlock, kernel.org/doc/html/latest/userspace-api/
 * landlock.html), and calls that change files, start programs, reach other
 * processes or the network (seccomp). Where the kernel or the machine has
 * neither, reading goes on without: the limits of child.c hold all the same.
 */
#include "file/internal.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- files ------------------------------------------------------------------- */

#if __has_include(<linux/landlock.h>)
#include <linux/landlock.h>

/* Rights over files that the first version knows; of later ones those that
 * matter here are taken by seccomp. */
static void allow_one_file(const char *path)
{
    const struct landlock_ruleset_attr all = { .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
    struct landlock_path_beneath_attr  one = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE };
    const int                          rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);

    if (rules < 0)
        return;
    one.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (one.parent_fd >= 0 && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &one, 0) == 0)
        (void)syscall(SYS_landlock_restrict_self, rules, 0);
    if (one.parent_fd >= 0)
        close(one.parent_fd);
    close(rules);
}
#else
static void allow_one_file(const char *path)
{
    (void)path;
}
#endif

/* ---- calls --------------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#if defined(ARCHITECTURE) && __has_include(<linux/seccomp.h>)
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

/* Old forms of calls stand where the machine has them. */
static const int refused[] = {
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kill, SYS_pidfd_open,
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept4, SYS_sendto, SYS_sendmsg,
    SYS_unlinkat, SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_mkdirat, SYS_mknodat, SYS_fchmodat, SYS_fchmod,
    SYS_fchownat, SYS_fchown, SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_utimensat, SYS_setxattr, SYS_fsetxattr,
    SYS_mount, SYS_umount2, SYS_chroot, SYS_pivot_root, SYS_unshare, SYS_setns, SYS_bpf, SYS_perf_event_open,
    SYS_io_uring_setup, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_openat2, SYS_memfd_create, SYS_clone, SYS_clone3,
    SYS_accept,
#if defined(SYS_renameat)
    SYS_renameat,
#endif
#if defined(SYS_open)
    SYS_creat, SYS_unlink, SYS_rename, SYS_link, SYS_symlink, SYS_mkdir, SYS_rmdir, SYS_mknod, SYS_chmod,
    SYS_chown, SYS_fork, SYS_vfork, SYS_utimes,
#endif
};
#if defined(SYS_open)
enum { OLD_OPEN = SYS_open };
#else
enum { OLD_OPEN = 0x3fffffff }; /* no call */
#endif
enum { REFUSED = sizeof refused / sizeof *refused, HEAD = 6, TAIL = 8, WRITES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC };

/* Load what the call is; another machine's numbers are refused; each number of
 * the list jumps to the refusal, the last; flags of opening must not ask to
 * write. */
static void refuse_calls(void)
{
    const struct sock_filter head[HEAD] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), /* x32 */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    const struct sock_filter tail[TAIL] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_STMT(BPF_JMP | BPF_JA, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OLD_OPEN, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, WRITES, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_filter filter[HEAD + REFUSED + TAIL];
    struct sock_fprog  program = { .len = HEAD + REFUSED + TAIL, .filter = filter };

    for (int i = 0; i < HEAD; i++)
        filter[i] = head[i];
    for (int i = 0; i < REFUSED; i++)
        filter[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refused[i],
                                                        (uint8_t)(REFUSED - i + TAIL - 2), 0);
    for (int i = 0; i < TAIL; i++)
        filter[HEAD + REFUSED + i] = tail[i];
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
#else
static void refuse_calls(void)
{
}
#endif

void nyx_file__sandbox(const char *path)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return;
    allow_one_file(path);
    refuse_calls();
}
