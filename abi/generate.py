#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Makes from hypercalls.toml everything that must agree with it.

usage: abi/generate.py [--check] [--table FILE] [--output FOLDER]

Without an option the files in the tree are written. --check writes none and fails when one
is not what the table gives, or when a call names a test that does not exist.
"""

import argparse
import pathlib
import re
import sys
import tomllib

TREE = pathlib.Path(__file__).resolve().parent.parent
REGISTERS = ["rdi", "rsi", "rdx", "r10", "r8", "r9"]
WIDTHS = {"u32": 32, "u64": 64, "gpa": 64, "va": 64}
GUEST_TYPE = {"u32": "pvn_u32", "u64": "pvn_u64", "gpa": "pvn_u64", "va": "pvn_u64"}
HOST_TYPE = {"u32": "uint32_t", "u64": "uint64_t", "gpa": "gpa_t", "va": "uint64_t"}
DECODE_TYPE = {"u32": "PVN_ARG_U32", "u64": "PVN_ARG_U64", "gpa": "PVN_ARG_GPA", "va": "PVN_ARG_VA"}
COSTS = ["constant", "copy", "syscall", "wait"]
MODES = ["hvm", "pv"]
CALL_TEXT = ["name", "since", "state", "summary", "text", "returns", "reads", "writes", "clobbers",
             "completion", "cost", "test"]
CALL_FIELDS = CALL_TEXT + ["index", "modes", "args", "errors"]
MAX_FAMILY = 32
MONITOR_FAMILY_CALLS = 32  # a power of two


class TableError(Exception):
    pass


def fail(where, text):
    raise TableError(f"hypercalls.toml: {where}: {text}")


def error_numbers():
    """Names of the error numbers that error.h defines."""
    text = (TREE / "abi/include/paravane/error.h").read_text()
    return set(re.findall(r"^#define (PVN_E[A-Z]+) \d", text, re.M)) - {"PVN_EMAX"}


def feature_bits():
    text = (TREE / "abi/include/paravane/features.h").read_text()
    found = re.findall(r"^#define (PVN_F0_[A-Z]+) PVN_U32\((0x[0-9a-f]+)\)", text, re.M)
    return {name: int(value, 16).bit_length() - 1 for name, value in found}


def check_arg(where, arg):
    if len(arg) != 6 or not all(isinstance(part, str) and part for part in arg):
        fail(where, f"argument {arg!r} is not [name, type, unit, range, alignment, meaning]")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", arg[0]):
        fail(where, f"argument name '{arg[0]}' is not a C name in lower case")
    if arg[1] not in WIDTHS:
        fail(where, f"argument {arg[0]} has unknown type '{arg[1]}'; known: {', '.join(WIDTHS)}")


def check_call(family, call, errors):
    where = f"call {family['name']}.{call.get('name', '(no name)')}"
    for field in CALL_FIELDS:
        if field not in call:
            fail(where, f"the field '{field}' is missing")
    for field in CALL_TEXT:
        if not isinstance(call[field], str) or not call[field].strip():
            fail(where, f"the field '{field}' is empty")
    for field in call:
        if field not in CALL_FIELDS + ["multicall", "monitor", "vmm"]:
            fail(where, f"unknown field '{field}'")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", call["name"]):
        fail(where, "the name is not a C name in lower case")
    if not 0 <= call["index"] <= 255:
        fail(where, f"index {call['index']} does not fit in 8 bits")
    if not re.fullmatch(r"\d+\.\d+", call["since"]):
        fail(where, f"since '{call['since']}' is not major.minor")
    if call["cost"] not in COSTS:
        fail(where, f"cost '{call['cost']}' is none of {', '.join(COSTS)}")
    if not call["modes"] or any(mode not in MODES for mode in call["modes"]):
        fail(where, f"modes must name some of {', '.join(MODES)}")
    if call.get("monitor") and "pv" not in call["modes"]:
        fail(where, "the monitor serves calls of pv mode only")
    if call.get("vmm") and ("hvm" in call["modes"] or not call.get("monitor")):
        fail(where, "'vmm' is for a call of the monitor's in which the VMM has a part")
    if len(call["args"]) > len(REGISTERS):
        fail(where, f"more than {len(REGISTERS)} arguments")
    for arg in call["args"]:
        check_arg(where, arg)
    names = [arg[0] for arg in call["args"]]
    if len(set(names)) != len(names):
        fail(where, "two arguments have one name")
    for entry in call["errors"]:
        if len(entry) != 2 or entry[0] not in errors or not entry[1]:
            fail(where, f"error {entry!r} is not [a name from error.h, cause]")
    if not re.fullmatch(r"([a-z0-9_]+/)?[a-z0-9_]+\.[a-z0-9_]+", call["test"]):
        fail(where, f"test '{call['test']}' is not [folder/]file.test")


def load(path):
    try:
        table = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"{path}: {error}") from None
    errors, bits = error_numbers(), feature_bits()
    if not re.fullmatch(r"\d+\.\d+", table.get("abi", "")):
        fail("abi", "is not major.minor")
    numbers, names = set(), set()
    for family in table.get("family", []):
        where = f"family {family.get('name', '(no name)')}"
        for field in ["name", "number", "title", "call"]:
            if field not in family:
                fail(where, f"the field '{field}' is missing")
        if not 0 <= family["number"] < MAX_FAMILY:
            fail(where, f"number {family['number']} is not below {MAX_FAMILY}")
        if family["number"] in numbers or family["name"] in names:
            fail(where, "the name or number is taken")
        numbers.add(family["number"])
        names.add(family["name"])
        if "feature" in family and family["feature"] not in bits:
            fail(where, f"features.h has no {family['feature']}")
        family["bit"] = bits[family["feature"]] if "feature" in family else None
        indexes, calls = set(family.get("retired", [])), set()
        for call in family["call"]:
            check_call(family, call, errors)
            if call["index"] in indexes or call["name"] in calls:
                fail(f"call {family['name']}.{call['name']}", "the name or index is taken, or was once")
            indexes.add(call["index"])
            calls.add(call["name"])
            call["family"] = family
            call["number"] = family["number"] << 8 | call["index"]
            call["symbol"] = f"{family['name']}_{call['name']}"
            call["hvm"] = "hvm" in call["modes"]
            call["vmm"] = call["hvm"] or call.get("vmm", False)
            call["monitor"] = call.get("monitor", False)
        family["call"].sort(key=lambda call: call["index"])
    table["family"].sort(key=lambda family: family["number"])
    return table


def all_calls(table):
    return [call for family in table["family"] for call in family["call"]]


def common_errors(call):
    """Errors that a call shares with others, so that its page has them all."""
    found = [("PVN_EPERM", "in hvm mode: the caller is not at privilege level 0")]
    narrow = [arg[0] for arg in call["args"] if arg[1] == "u32"]
    if narrow:
        found.append(("PVN_EINVAL", f"bits 63:32 of a 32-bit argument ({', '.join(narrow)}) are not zero"))
    family = call["family"]
    if family["bit"] is not None:
        if not family.get("early"):
            found.append(("PVN_ESTATE", "the family is offered, and core.accept_features has not succeeded yet"))
        found.append(("PVN_ENOTSUP", "the host does not offer the family, or the guest did not accept it"))
    if call["modes"] == ["pv"] and not any(entry[0] == "PVN_ENOTSUP" and "hvm" in entry[1]
                                           for entry in call["errors"]):
        found.append(("PVN_ENOTSUP", "in hvm mode" if call["monitor"] else "in hvm mode, and so far in pv mode"))
    return found


def c_comment(name):
    return f"""/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Made by abi/generate.py from abi/hypercalls.toml: change that, not this. {name} */
"""


def make_numbers(table):
    out = [c_comment("Numbers of the calls."),
           "#ifndef PARAVANE_HYPERCALL_NR_H\n#define PARAVANE_HYPERCALL_NR_H\n"]
    for family in table["family"]:
        out.append(f"#define PVN_HC_FAMILY_{family['name'].upper()} {family['number']}")
        for call in family["call"]:
            out.append(f"#define PVN_HC_{call['symbol'].upper()} 0x{call['number']:04x}")
        out.append("")
    out.append("#endif /* PARAVANE_HYPERCALL_NR_H */\n")
    return "\n".join(out)


def wrap(line, limit=100, indent="\t\t"):
    """Breaks a C declaration at commas."""
    out = []
    while len(line.replace("\t", " " * 8)) > limit:
        cut = line.rfind(", ", 0, limit - 8) + 1
        out.append(line[:cut])
        line = indent + line[cut + 1:]
    return "\n".join(out + [line])


def make_wrappers(table):
    out = [c_comment("Guest-side wrappers, one a call."),
           "#ifndef PARAVANE_HYPERCALL_PROTO_H\n#define PARAVANE_HYPERCALL_PROTO_H\n",
           "#include <paravane/hypercall_nr.h>", "#include <paravane/hypercall_x86.h>\n",
           "#ifndef __ASSEMBLER__\n"]
    for call in all_calls(table):
        params = ", ".join(f"{GUEST_TYPE[arg[1]]} {arg[0]}" for arg in call["args"]) or "void"
        passed = "".join(f", {arg[0]}" for arg in call["args"])
        out.append(f"/* {call['summary']} */")
        out.append(wrap(f"static inline pvn_s64 pvn_{call['symbol']}({params})"))
        out.append("{")
        out.append(wrap(f"\treturn pvn_hypercall{len(call['args'])}(PVN_HC_{call['symbol'].upper()}{passed});"))
        out.append("}\n")
    out.append("#endif /* __ASSEMBLER__ */\n#endif /* PARAVANE_HYPERCALL_PROTO_H */\n")
    return "\n".join(out)


def wide_mask(call):
    return sum(1 << i for i, arg in enumerate(call["args"]) if WIDTHS[arg[1]] == 64)


def make_dispatch(table):
    """Typed prototypes, an unpacking function a call, and the table by family and index."""
    out = ["/* SPDX-License-Identifier: GPL-2.0-only */",
           "/* Made by abi/generate.py from abi/hypercalls.toml: change that, not this. */\n/* Prototypes for the families' files; the rest for hypercall.c. */\n"]
    own = [call for call in all_calls(table) if call["vmm"]]
    for call in own:
        params = "".join(f", {HOST_TYPE[arg[1]]} {arg[0]}" for arg in call["args"])
        out.append(wrap(f"int64_t hypercall_{call['symbol']}(struct hypercalls *h, "
                        f"const struct hypercall_frame *f{params});"))
    early = [family["feature"] for family in table["family"] if family.get("early") and family["bit"] is not None]
    out.append("\n/* Families that answer before the guest has accepted any feature. */")
    out.append(f"#define HYPERCALL_EARLY_WORD0 ({' | '.join(early)})")
    out.append("\n#ifndef HYPERCALL_TABLE_PROTOTYPES\n")
    for call in own:
        passed = ""
        for i, arg in enumerate(call["args"]):
            value = f"f->args[{i}]"
            if arg[1] == "gpa":
                value = f"GPA({value})"
            elif arg[1] == "u32":
                value = f"(uint32_t){value}"
            passed += f", {value}"
        out.append(wrap(f"static int64_t call_{call['symbol']}(struct hypercalls *h, const struct hypercall_frame *f)"))
        out.append("{")
        out.append(wrap(f"\treturn hypercall_{call['symbol']}(h, f{passed});"))
        out.append("}\n")
    for family in table["family"]:
        out.append(f"static const struct hypercall_entry family_{family['name']}[] = {{")
        for call in family["call"]:
            narrow = ((1 << len(call["args"])) - 1) & ~wide_mask(call)
            function = f"call_{call['symbol']}" if call["vmm"] else "NULL"
            major, minor = call["since"].split(".")
            out.append(f"\t[{call['index']}] = {{ .call = {function}, .name = \"{family['name']}.{call['name']}\",\n"
                       f"\t\t.since = {major} << 16 | {minor}, .nr_args = {len(call['args'])}, "
                       f".narrow = 0x{narrow:x}, .known = true, "
                       f".no_multicall = {'false' if call.get('multicall', True) else 'true'}, "
                       f".in_monitor = {'true' if call['monitor'] else 'false'} }},")
        out.append("};\n")
    out.append("static const struct hypercall_family families[] = {")
    for family in table["family"]:
        bit = f"{family['feature']}" if family["bit"] is not None else "0"
        out.append(f"\t[{family['number']}] = {{ .entry = family_{family['name']}, "
                   f".count = {family['call'][-1]['index'] + 1}, .feature = {bit} }},")
    out.append("};\n")
    out.append("#endif /* HYPERCALL_TABLE_PROTOTYPES */\n")
    return "\n".join(out)


def monitor_entry(call):
    """What the monitor does for a call; None is a number that no call has."""
    if call is None:
        return ".call = hypercall_unknown, .plain = true"
    if not call["monitor"] and not call["hvm"]:
        return ".call = hypercall_not_served, .plain = true"
    function = f"call_{call['symbol']}" if call["monitor"] else "hypercall_forward"
    narrow = ((1 << len(call["args"])) - 1) & ~wide_mask(call)
    multicall = call.get("multicall", True)
    # entry.S hands a plain call nothing at all, so it has no arguments, and it is not the VMM's.
    if call["family"]["bit"] is None and not call["args"] and multicall and call["monitor"]:
        return f".call = {function}, .plain = true"
    feature = call["family"]["feature"] if call["family"]["bit"] is not None else 0
    return (f".call = {function}, .feature = {feature}, .narrow = 0x{narrow:x}, "
            f".no_multicall = {'false' if multicall else 'true'}")


def make_monitor(table):
    """The same for the monitor: functions for what it serves, checks for what it hands on."""
    out = ["/* SPDX-License-Identifier: GPL-2.0-only */",
           "/* Made by abi/generate.py from abi/hypercalls.toml: change that, not this. */\n/* Prototypes for the families' files; the rest for hypercall.c. */\n"]
    own = [call for call in all_calls(table) if call["monitor"]]
    for call in own:
        params = "".join(f", {GUEST_TYPE[arg[1]]} {arg[0]}" for arg in call["args"])
        out.append(wrap(f"pvn_s64 monitor_{call['symbol']}(struct monitor_call *c{params});"))
    early = [family["feature"] for family in table["family"] if family.get("early") and family["bit"] is not None]
    out.append("\n/* Families that answer before the guest has accepted any feature. */")
    out.append(f"#define MONITOR_EARLY_WORD0 ({' | '.join(early)})")
    out.append("/* Rows of the table by family. */")
    out.append(f"#define MONITOR_FAMILIES {max(family['number'] for family in table['family']) + 1}")
    out.append("/* Room in a row. */")
    out.append(f"#define MONITOR_FAMILY_CALLS {MONITOR_FAMILY_CALLS}")
    out.append("\n#ifndef MONITOR_TABLE_PROTOTYPES\n")
    for call in own:
        passed = "".join(f", (pvn_u32)c->args[{i}]" if arg[1] == "u32" else f", c->args[{i}]"
                         for i, arg in enumerate(call["args"]))
        out.append(f"static pvn_s64 call_{call['symbol']}(struct monitor_call *c)\n{{")
        out.append(wrap(f"\treturn monitor_{call['symbol']}(c{passed});") + "\n}\n")
    out.append("/* By family and index, each place filled. */")
    last = max(family["number"] for family in table["family"])
    out.append("const struct monitor_entry monitor_calls[MONITOR_FAMILIES][MONITOR_FAMILY_CALLS] = {")
    by_number = {call["number"]: call for call in all_calls(table)}
    for call in all_calls(table):
        if call["index"] >= MONITOR_FAMILY_CALLS:
            fail(f"call {call['symbol']}", f"the monitor's table has room for {MONITOR_FAMILY_CALLS} calls a family")
    for number in range(last + 1):
        for index in range(MONITOR_FAMILY_CALLS):
            out.append(f"\t[{number}][{index}] = {{ {monitor_entry(by_number.get(number << 8 | index))} }},")
    out.append("};\n")
    out.append("#endif /* MONITOR_TABLE_PROTOTYPES */\n")
    return "\n".join(out)


def make_decoder(table):
    out = [c_comment("Names for tools; see decode.h."), "#ifndef HYPERCALL_DECODE_TABLE_H",
           "#define HYPERCALL_DECODE_TABLE_H\n", "static const struct pvn_decode_call pvn_decode_table[] = {"]
    for call in all_calls(table):
        args = ", ".join(f'{{ "{arg[0]}", {DECODE_TYPE[arg[1]]} }}' for arg in call["args"])
        modes = " | ".join(f"PVN_DECODE_{mode.upper()}" for mode in call["modes"])
        out.append(f"\t{{ 0x{call['number']:04x}, {len(call['args'])}, {modes}, \"{call['family']['name']}\", "
                   f"\"{call['name']}\",\n\t  {{ {args} }} }}," if args else
                   f"\t{{ 0x{call['number']:04x}, 0, {modes}, \"{call['family']['name']}\", \"{call['name']}\", "
                   "{ { 0, 0 } } },")
    out.append("};\n\n#endif /* HYPERCALL_DECODE_TABLE_H */\n")
    return "\n".join(out)


def make_documented_errors(table):
    """What the tests of each family must have seen by their end. A pv call's own errors come with pv mode."""
    out = ["/* SPDX-License-Identifier: GPL-2.0-only */",
           "/* Made by abi/generate.py from abi/hypercalls.toml: change that, not this. */\n",
           "static const struct documented_error documented_errors[] = {"]
    for call in all_calls(table):
        pairs = common_errors(call) if not call["hvm"] else call["errors"] + common_errors(call)
        names = {pair[0] for pair in pairs} - (set() if call["hvm"] else {"PVN_EINVAL", "PVN_ESTATE"})
        for name in sorted(names):
            out.append(f"\t{{ PVN_HC_{call['symbol'].upper()}, {name} }},")
    out.append("};\n")
    return "\n".join(out)


def cell(text):
    return " ".join(text.replace("|", "\\|").split())


def test_of(call):
    """(source file, name) of the test of a call."""
    file, test = call["test"].split(".")
    return f"tests/{file if '/' in file else 'abi/' + file}.c", test


def make_page(call):
    family = call["family"]
    level = {"hvm": "privilege level 0", "pv": "the guest's kernel mode"}
    caller = "in 64-bit mode; " + ", ".join(f"{level[mode]} in {mode} mode" for mode in call["modes"])
    out = [f"## {family['name']}.{call['name']}\n", call["summary"][0].upper() + call["summary"][1:] + ".\n",
           call["text"].strip() + "\n", "| | |", "| --- | --- |",
           f"| number | 0x{call['number']:04x} (`PVN_HC_{call['symbol'].upper()}`) |",
           f"| since | {call['since']} |",
           f"| who may call | {caller} |",
           f"| state | {cell(call['state'])} |",
           f"| in a multicall | {'yes' if call.get('multicall', True) else 'no'} |",
           f"| returns | {cell(call['returns'])} |",
           f"| reads | {cell(call['reads'])} |",
           f"| writes | {cell(call['writes'])} |",
           f"| clobbers | {cell(call['clobbers'])} |",
           f"| completion | {cell(call['completion'])} |",
           f"| cost class | {call['cost']} |",
           "| test | `{}`, {} |".format(*test_of(call)), ""]
    if call["args"]:
        out += ["| register | argument | type | unit | range | alignment | meaning |",
                "| --- | --- | --- | --- | --- | --- | --- |"]
        for register, arg in zip(REGISTERS, call["args"]):
            out.append(f"| {register} | {arg[0]} | {arg[1]} | " + " | ".join(cell(part) for part in arg[2:]) + " |")
    else:
        out.append("No arguments.")
    out += ["", "| error | cause |", "| --- | --- |"]
    for name, cause in [tuple(entry) for entry in call["errors"]] + common_errors(call):
        out.append(f"| {name} | {cell(cause)} |")
    return "\n".join(out) + "\n"


MARK = "<!-- Made by abi/generate.py from abi/hypercalls.toml: change that, not this. -->\n"


def make_family_page(family):
    feature = f"Feature word 0, `{family['feature']}`." if family["bit"] is not None else "Always there."
    early = " Answers before core.accept_features too." if family.get("early") and family["bit"] is not None else ""
    head = f"# Family {family['name']}: {family['title'][0].lower() + family['title'][1:]}\n\n{MARK}\n" \
           f"Family {family['number']}. {feature}{early} Words used here are in [README.md](README.md); " \
           "transport and registers in [transport.md](transport.md).\n\n"
    if all(call["modes"] == ["pv"] for call in family["call"]):
        served = [f"{family['name']}.{call['name']}" for call in family["call"] if call["monitor"]]
        head += "These calls are for pv mode; in hvm mode each is answered with PVN_ENOTSUP. "
        head += f"Served so far: {', '.join(served)}. The others" if served else "None is served yet: they"
        head += " answer PVN_ENOTSUP; their numbers are fixed, their meanings may still be refined.\n\n"
    return head + "\n".join(make_page(call) for call in family["call"])


def make_index(table):
    out = ["# The calls\n", MARK, "One line a call; its page has everything else. Interface version "
           f"{table['abi']}.\n", "| number | call | modes | what |", "| --- | --- | --- | --- |"]
    for call in all_calls(table):
        name = f"{call['family']['name']}.{call['name']}"
        anchor = name.replace(".", "")
        out.append(f"| 0x{call['number']:04x} | [{name}](calls-{call['family']['name']}.md#{anchor}) | "
                   f"{', '.join(call['modes'])} | {cell(call['summary'])} |")
    return "\n".join(out) + "\n"


def make_all(table):
    files = {
        "abi/include/paravane/hypercall_nr.h": make_numbers(table),
        "abi/include/paravane/hypercall_proto.h": make_wrappers(table),
        "hv-core/vmm/hypercall_table.inc": make_dispatch(table),
        "hv-core/monitor/hypercall_table.inc": make_monitor(table),
        "abi/decode/hypercall_decode_table.h": make_decoder(table),
        "tests/abi/documented_errors.inc": make_documented_errors(table),
        "docs/abi/calls.md": make_index(table),
    }
    for family in table["family"]:
        files[f"docs/abi/calls-{family['name']}.md"] = make_family_page(family)
    return files


def missing_tests(table):
    """Tests that a page names and that no source has."""
    missing = []
    for call in all_calls(table):
        file, test = test_of(call)
        source = TREE / file
        text = source.read_text() if source.exists() else ""
        if not re.search(rf"^(TEST|TEST_F)\((\w+, )?{test}\)", text, re.M):
            missing.append(f"{call['family']['name']}.{call['name']}: no test '{test}' in {file}")
    return missing


def check(table):
    wrong = []
    files = make_all(table)
    for name, text in files.items():
        path = TREE / name
        if not path.exists():
            wrong.append(f"{name} is missing")
        elif path.read_text() != text:
            wrong.append(f"{name} is not what the table gives")
    for path in TREE.glob("docs/abi/calls-*.md"):
        if str(path.relative_to(TREE)) not in files:
            wrong.append(f"{path.relative_to(TREE)}: no such family in the table")
    version = (TREE / "abi/include/paravane/features.h").read_text()
    major, minor = table["abi"].split(".")
    if f"PVN_ABI_MAJOR {major}\n" not in version or f"PVN_ABI_MINOR {minor}\n" not in version:
        wrong.append(f"features.h has another version than the table's {table['abi']}")
    wrong += missing_tests(table)
    for line in wrong:
        print(f"generate.py: {line}", file=sys.stderr)
    if wrong:
        print("generate.py: run abi/generate.py and commit what it writes", file=sys.stderr)
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    parser.add_argument("--table", type=pathlib.Path, default=TREE / "abi/hypercalls.toml")
    parser.add_argument("--output", type=pathlib.Path, default=TREE, help="write below another folder")
    options = parser.parse_args()
    try:
        table = load(options.table)
        if options.check:
            return check(table)
        for name, text in make_all(table).items():
            path = options.output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
    except (TableError, OSError) as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
