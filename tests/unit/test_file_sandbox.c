/* file: what the child that parses a file may not do. */
#include "file/internal.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { OWN, OTHER, MADE, WRITTEN, SOCKET, PROGRAM, FORKED, GONE, TRIES };

static int tried(int result)
{
    const int why = result < 0 ? errno : 0;

    if (result > 2)
        close(result);
    return why;
}

/* In the child: the errno of each try, 0 where it worked. */
static int try_all(void *context, nyx_file__buffer *out)
{
    const char *const *paths = context;
    char *const        words[] = { (char *)(uintptr_t) "true", NULL };
    const int          why[TRIES] = {
        [OWN] = tried(open(paths[0], O_RDONLY)),
        [OTHER] = tried(open(paths[1], O_RDONLY)),
        [MADE] = tried(open(paths[2], O_WRONLY | O_CREAT, 0666)),
        [WRITTEN] = tried(open(paths[0], O_RDWR)),
        [SOCKET] = tried(socket(AF_UNIX, SOCK_STREAM, 0)),
        [PROGRAM] = tried(execv("/bin/true", words)),
        [FORKED] = tried((int)syscall(SYS_clone, 17L, 0L, 0L, 0L, 0L)),
        [GONE] = tried(unlink(paths[1])),
    };

    return nyx_file__buffer_add(out, why, sizeof why);
}

static void the_child_sees_one_file_and_changes_none(void **state)
{
    const char      *paths[3] = { in_folder("own"), in_folder("other"), in_folder("made") };
    nyx_file__buffer out = { 0 };
    int              why[TRIES];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(close(open(paths[i], O_WRONLY | O_CREAT, 0666)), 0);
    assert_int_equal(nyx_file__guard(&out, try_all, paths, paths[0], 100), 0);
    assert_int_equal(out.bytes, sizeof why);
    memcpy(why, out.data, sizeof why);
    nyx_file__buffer_release(&out);
    assert_int_equal(why[OWN], 0);
    if (syscall(444 /* landlock_create_ruleset */, NULL, 0, 1) < 1)
        print_message("no Landlock here\n");
    else
        assert_int_equal(why[OTHER], EACCES);
#if defined(__x86_64__) || defined(__aarch64__)
    if (prctl(PR_GET_SECCOMP) < 0)
        skip();
    for (int i = MADE; i < TRIES; i++)
        assert_int_equal(why[i], EPERM);
#endif
    assert_int_equal(access(paths[1], F_OK), 0);
    assert_int_equal(access(paths[2], F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_sees_one_file_and_changes_none),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
