/* schema-check -- does a document keep a schema?
 *
 *     build/tests/schema-check SCHEMA FILE...
 *
 * Prints one line a file, "FILE: ok" or why not; exits 65 when one fails. */
#include "report/report.h"

int main(int argc, char **argv)
{
    int bad = 0;

    if (argc < 3)
        return 64;
    for (int i = 2; i < argc; i++) {
        nyx_json *json = NULL;
        int       status = nyx_json_read(&json, argv[i]);

        if (status == 0)
            status = nyx_schema_check(argv[1], json, argv[i]);
        printf("%s: %s\n", argv[i], status < 0 ? nyx_error_text() : "ok");
        bad += status < 0;
        nyx_json_free(json);
    }
    return bad ? 65 : 0;
}
