"""Makes the symbol table that volatility3 wants (ISF) of a Linux's vmlinux: types from its BTF, addresses from its symbol table.

btf-to-isf.py VMLINUX > linux.json

dwarf2json makes a fuller one; this has what lists of processes need.
"""

import base64
import json
import struct
import sys

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF = range(1, 9)
VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(9, 20)
WRAPPERS = {TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG}
# Bytes behind a type's head: once, or for each of its members.
ONCE = {INT: 4, ARRAY: 12, VAR: 4, DECL_TAG: 4}
EACH = {STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}


class Elf:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        (table,) = struct.unpack_from("<Q", self.bytes, 40)
        count, names = struct.unpack_from("<HH", self.bytes, 60)
        heads = [struct.unpack_from("<IIQQQQIIQQ", self.bytes, table + 64 * i) for i in range(count)]
        self.sections = heads
        self.named = {self.text(heads[names][4] + head[0]): head for head in heads}

    def text(self, at):
        return self.bytes[at : self.bytes.index(b"\0", at)].decode()

    def content(self, name):
        head = self.named[name]
        return self.bytes[head[4] : head[4] + head[5]]

    def symbols(self):
        table = self.content(".symtab")
        strings = self.named[".strtab"][4]
        for at in range(0, len(table), 24):
            name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", table, at)
            if name and section and info & 15 < 3:
                yield self.text(strings + name), value, size

    def read(self, address, size):
        for _, _, _, start, offset, length, *_ in self.sections:
            if start and start <= address and address + size <= start + length:
                at = offset + address - start
                return self.bytes[at : at + size]
        raise ValueError(f"nothing at {address:x}")


class Btf:
    def __init__(self, data):
        _, _, _, head, types, length, strings, _ = struct.unpack_from("<HBBIIIII", data, 0)
        self.strings = data[head + strings :]
        self.types = [None]
        at, end = head + types, head + types + length
        while at < end:
            name, info, size = struct.unpack_from("<III", data, at)
            kind, count = (info >> 24) & 31, info & 0xFFFF
            rest = ONCE.get(kind, 0) + EACH.get(kind, 0) * count
            self.types.append((kind, self.text(name), info >> 31, size, count, data[at + 12 : at + 12 + rest]))
            at += 12 + rest

    def text(self, at):
        return self.strings[at : self.strings.index(b"\0", at)].decode()

    def name(self, number):
        return self.types[number][1] or f"unnamed_{number}"

    def described(self, number):
        """A type as ISF refers to it."""
        if number == 0:
            return {"kind": "base", "name": "void"}
        kind, name, _, size, _, rest = self.types[number]
        if kind in WRAPPERS:
            return self.described(size)
        if kind == PTR:
            return {"kind": "pointer", "subtype": self.described(size)}
        if kind == ARRAY:
            element, _, count = struct.unpack("<III", rest)
            return {"kind": "array", "count": count, "subtype": self.described(element)}
        if kind in (STRUCT, UNION):
            return {"kind": "struct" if kind == STRUCT else "union", "name": self.name(number)}
        if kind == FWD:
            return {"kind": "base", "name": "void"}
        if kind in (ENUM, ENUM64):
            return {"kind": "enum", "name": self.name(number)}
        if kind == FUNC_PROTO:
            return {"kind": "function"}
        return {"kind": "base", "name": name}

    def fields(self, number):
        _, _, flag, _, count, rest = self.types[number]
        fields = {}
        for index in range(count):
            name, kind, offset = struct.unpack_from("<III", rest, 12 * index)
            bits, offset = (offset >> 24, offset & 0xFFFFFF) if flag else (0, offset)
            described = self.described(kind)
            if bits:
                described = {"kind": "bitfield", "bit_length": bits, "bit_position": offset % 8, "type": described}
            field = {"type": described, "offset": offset // 8}
            if name == 0:
                field["anonymous"] = True
            fields[self.text(name) or f"unnamed_field_{offset // 8}_{index}"] = field
        return fields

    def constants(self, number):
        kind, _, _, _, count, rest = self.types[number]
        step, form = (8, "<Ii") if kind == ENUM else (12, "<Iq")
        pairs = [struct.unpack_from(form, rest, step * index) for index in range(count)]
        return {self.text(name): value for name, value in pairs}


def main():
    elf = Elf(sys.argv[1])
    btf = Btf(elf.content(".BTF"))
    base = {
        "pointer": {"kind": "int", "size": 8, "signed": False, "endian": "little"},
        "void": {"kind": "void", "size": 0, "signed": False, "endian": "little"},
    }
    users, enums = {}, {}
    for number in range(1, len(btf.types)):
        kind, name, _, size, count, rest = btf.types[number]
        if kind in (INT, FLOAT):
            encoding = struct.unpack("<I", rest)[0] >> 24 if kind == INT else 0
            what = "float" if kind == FLOAT else "bool" if encoding & 4 else "char" if name.endswith("char") else "int"
            base[name] = {"kind": what, "size": size, "signed": encoding & 1 == 1, "endian": "little"}
        elif kind in (STRUCT, UNION) and (count or btf.name(number) not in users):
            word = "struct" if kind == STRUCT else "union"
            users[btf.name(number)] = {"kind": word, "size": size, "fields": btf.fields(number)}
        elif kind in (ENUM, ENUM64):
            under = "unsigned int" if size == 4 else "long unsigned int" if size == 8 else "unsigned char"
            enums[btf.name(number)] = {"size": size, "base": under, "constants": btf.constants(number)}
    symbols = {}
    for name, value, size in elf.symbols():
        symbols.setdefault(name, {"address": value})
        if name == "linux_banner":
            banner = elf.read(value, size).rstrip(b"\0") + b"\0"
            symbols[name]["constant_data"] = base64.b64encode(banner).decode()
            char = {"kind": "base", "name": "char"}
            symbols[name]["type"] = {"kind": "array", "count": len(banner), "subtype": char}
    symbols["init_task"]["type"] = {"kind": "struct", "name": "task_struct"}
    metadata = {"format": "6.2.0", "producer": {"name": "btf-to-isf", "version": "1.0.0"}, "linux": {}}
    json.dump({"metadata": metadata, "base_types": base, "user_types": users, "enums": enums, "symbols": symbols}, sys.stdout)


main()
