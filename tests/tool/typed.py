"""typed.py COMPLETIONS LINE... -- type each line into an interactive bash that
has read the files in the folder COMPLETIONS, and print the words that arrive:
a Tab in a line completes as it does for a person. Programs are not run."""
import os, pty, select, sys, time

folder, lines = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", INPUTRC="/dev/null", HISTFILE="/dev/null", BASH_SILENCE_DEPRECATION_WARNING="1")
    os.execlp("bash", "bash", "--norc", "--noprofile", "-i")


def expect(mark):
    mark = mark.encode()
    text, end = b"", time.time() + 20
    while mark not in text:
        if time.time() > end or not select.select([terminal], [], [], end - time.time())[0]:
            sys.exit(f"bash does not answer: {text!r}")
        text += os.read(terminal, 65536)
    return text.decode()


def say(text):
    os.write(terminal, text.encode())


say("PS1=; bind 'set bell-style none'; bind 'set completion-query-items 0'; bind 'set page-completions off'\n")
say(f"for f in {folder}/*; do . $f; n=${{f##*/}}; eval \"$n() {{ printf 'words:'; printf ' <%s>' \\\"\\$@\\\"; echo ' e''nd'; }}\"; done\n")
say("printf 'rea%s\\n' dy\n")
expect("ready\r\n")
for line in lines:
    say(line + "\n")
    answer = expect(" end\r\n")
    print(answer[answer.rindex("words:"):].split(" end")[0])
say("exit\n")
