"""Run a program on a terminal of its own, and answer the question it asks.

    answer.py ANSWER COMMAND PROGRAM [ARGUMENT...]

Waits for "[y/N]", runs the shell command, then types the answer.  Of an answer of two lines
the second is typed at "to go on: ".  Prints what the program printed, and ends as the program
did; with status 99 when it never asked.
"""
import os
import pty
import subprocess
import sys

answers, command, program = sys.argv[1].split("\n"), sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(program[0], program)

seen = b""
answered = False
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # the other end is closed: Linux says EIO
        break
    if not piece:
        break
    seen += piece
    if not answered and b"[y/N]" in seen:
        answered = True
        subprocess.run(["sh", "-c", command], check=True)
        os.write(terminal, answers.pop(0).encode() + b"\n")
    if answers and seen.endswith(b"to go on: "):
        os.write(terminal, answers.pop(0).encode() + b"\n")
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(seen.replace(b"\r\n", b"\n"))
sys.exit(status if answered else 99)
