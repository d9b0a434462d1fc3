# SPDX-License-Identifier: Apache-2.0
# What gdb needs to know of an enclave. Set before: naos_image, naos_is_fresh, naos_files (path on the host and what is added to its addresses; the
# kernel first).
import os
import re
import struct

REGISTERS = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi".split()


def integer(name, value):
    return int(value[name])


# ---- symbols ----


def code_segments(path):
    """(offset, size in the file, address) of what an ELF file has of code."""
    with open(path, "rb") as f:
        head = f.read(64)
        if head[:5] != b"\x7fELF\x02":
            return
        table, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
        f.seek(table)
        for _ in range(count):
            kind, flags, off, vaddr, _, filesz = struct.unpack_from("<IIQQQQ", f.read(size))
            if kind == 1 and flags & 1:
                yield off, filesz, vaddr


def symbols_add(path, bias):
    gdb.execute("add-symbol-file %s -o %#x" % (path, bias & 0xFFFFFFFFFFFFFFFF), to_string=True)


def code_add(path, bias):
    """Code is read-only to gdb: it takes debug registers for breakpoints, since pages are filled in later, over what it wrote there, and reads the
    code in the file (trust-readonly-sections), as it was before system calls were patched."""
    symbols_add(path, bias)
    for off, size, vaddr in code_segments(path):
        start = (vaddr + bias) & ~4095
        gdb.execute("mem %#x %#x ro" % (start, (vaddr + bias + size + 4095) & ~4095), to_string=True)


known_code = set()


def code_mapped():
    """The kernel has mapped code of a file, and stopped in text_breakpoint to say so."""
    path = gdb.parse_and_eval("(const char *)$rdi").string()
    start, offset = int(gdb.parse_and_eval("(unsigned long)$rsi")), int(gdb.parse_and_eval("(unsigned long)$rdx"))
    on_host = naos_image + path
    if (path, start) in known_code or not os.path.isfile(on_host):
        return
    known_code.add((path, start))
    for off, size, vaddr in code_segments(on_host):
        first = off & ~4095
        if first <= offset < off + size:
            code_add(on_host, start - ((vaddr & ~4095) + offset - first))
            return


def code_watch():
    # Symbols may not be added in Breakpoint.stop(): gdb forgets then why the program stopped.
    breakpoint = gdb.Breakpoint("*text_breakpoint", internal=True)
    breakpoint.silent = True
    breakpoint.commands = "python code_mapped()\ncontinue"
    gdb.execute("set variable text_is_watched = 1")


# ---- tasks ----


def threads_of_kernel():
    """Each thread inside, as the kernel's struct thread."""
    chunks = gdb.lookup_static_symbol("chunks").value()
    for i in range(chunks.type.range()[1] + 1):
        if int(chunks[i]) == 0:
            continue
        for k in range(64):
            thread = chunks[i][k]["thread"]
            if int(thread):
                yield thread


def label(thread):
    return "%s/%d" % (thread["name"].string(), integer("tid", thread))


def user_registers(thread):
    at = integer("kstack_top", thread["task"]) - gdb.lookup_type("struct arch_regs").sizeof
    return gdb.Value(at).cast(gdb.lookup_type("struct arch_regs").pointer())


def program_counter(regs):
    """Where the program goes on. A patched system call goes on in its trampoline, which ends with a jump back into the text."""
    pc = integer("rip", regs)
    if integer("kind", regs) != 0:
        return pc
    for line in gdb.selected_inferior().architecture().disassemble(pc, count=8):
        jump = re.match(r"jmp\s+(0x[0-9a-f]+)", line["asm"])
        if jump:
            return int(jump.group(1), 16)
    return pc


def place(pc):
    text = gdb.execute("info symbol %#x" % pc, to_string=True).split(" in section")[0].strip()
    return "%#x" % pc if text.startswith("No symbol") else text


class Tasks(gdb.Command):
    """List the tasks inside: tid, pid, name, state, and where the program goes on. `task TID COMMAND` looks at one."""

    def __init__(self):
        super().__init__("tasks", gdb.COMMAND_STATUS)

    def invoke(self, arg, tty):
        for t in threads_of_kernel():
            state = str(t["task"]["state"]).replace("TASK_", "").lower()
            where = place(program_counter(user_registers(t))) if int(t["process"]) and int(t["task"]["vm"]) else "(kernel)"
            pid = integer("pid", t["process"]) if int(t["process"]) else 0
            print("%6d %6d %-16s %-9s %s" % (integer("tid", t), pid, t["name"].string(), state, where))


class Task(gdb.Command):
    """task TID [COMMAND]: run a command (bt) as if the task's program were the selected thread. Its registers are those with which it
came into the kernel; a task that runs a program on a vCPU just now has newer ones in that vCPU's thread."""

    def __init__(self):
        super().__init__("task", gdb.COMMAND_STATUS)

    def invoke(self, arg, tty):
        tid, _, command = arg.partition(" ")
        found = [t for t in threads_of_kernel() if str(integer("tid", t)) == tid]
        if not found:
            raise gdb.GdbError("there is no task %s; `tasks` lists them" % tid)
        regs = user_registers(found[0])
        wanted = {name: integer(name, regs) for name in REGISTERS + ["rsp"]}
        wanted["rip"] = program_counter(regs)
        gdb.newest_frame().select()
        before = {name: int(gdb.parse_and_eval("(unsigned long)$%s" % name)) for name in wanted}
        try:
            for name, value in wanted.items():
                gdb.execute("set $%s = %#x" % (name, value), to_string=True)
            gdb.execute(command or "bt", tty)
        finally:
            for name, value in before.items():
                gdb.execute("set $%s = %#x" % (name, value), to_string=True)


def threads_name(event=None):
    """`info threads` shows which task each vCPU runs."""
    try:
        vcpus = gdb.lookup_global_symbol("vcpus").value()
        for thread in gdb.selected_inferior().threads():
            vcpu = re.match(r"vCPU (\d+)", thread.name or "")
            if not vcpu or int(vcpus[int(vcpu.group(1))]) == 0:
                continue
            task = vcpus[int(vcpu.group(1))]["current"]
            known = [t for t in threads_of_kernel() if int(t["task"].address) == int(task)]
            thread.name = "vCPU %s: %s" % (vcpu.group(1), label(known[0]) if known else "idle")
    except (gdb.error, gdb.MemoryError):
        pass  # the enclave is not far enough


gdb.execute("set mem inaccessible-by-default off")
for path, bias in naos_files:
    code_add(path, bias)
Tasks()
Task()
gdb.events.stop.connect(threads_name)
code_watch()
if naos_is_fresh:
    print("The enclave is loaded, and nothing in it has run. For example: break main, then continue. `tasks` lists what runs inside.")
else:
    threads_name()
